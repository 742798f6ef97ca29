"""Resampling against Pillow's in float.

Mutations seen to fail here: two lobes; no widening to reduce; half a pixel to the left or the right;
weights that do not add up to 1; the edge mirrored for reflect; a last block that begins too late; channels mixed;
results above the range; NaN let in, its place too wide or too narrow, or its neighbours left dim; code averaged as if
it were light, and light returned as if it were code; alpha taken for light; an enlargement undone too softly, with too
few neighbours, with pixels beyond the row, the wrong border or from the wrong place, in one direction only, where it is
not asked for, or where nothing is reduced.
"""

from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Size
from inpaint.imaging.kernels import RIDGE, Span, undone
from inpaint.imaging.resample import resample

MARGIN = 40


def pillow(channel: np.ndarray, rows: Span, columns: Span, size: Size, border: Any) -> np.ndarray:
    """[H, W] by Pillow, which leaves out what lies beyond the picture: so there is picture enough on all sides."""
    padded = np.pad(channel, MARGIN, mode=border)
    left, top = columns.start + MARGIN, rows.start + MARGIN
    box = (left, top, left + columns.length, top + rows.length)
    picture = Image.fromarray(padded.astype(np.float32))
    return np.array(picture.resize((size.width, size.height), Image.Resampling.LANCZOS, box=box))


@st.composite
def spans(draw, count: int) -> Span:
    start = draw(st.floats(-4, count - 0.25))
    return Span(start, draw(st.floats(0.25, count + 4 - start)))


@st.composite
def asked(draw):
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return (
        (draw(st.integers(1, 2)), height, width, draw(st.sampled_from([3, 4]))),
        draw(spans(height)),
        draw(spans(width)),
        Size(draw(st.integers(6, 80)), draw(st.integers(6, 80))),
        draw(st.sampled_from(["edge", "reflect"])),
        draw(st.sampled_from([torch.float16, torch.float32, torch.float64])),
    )


@settings(max_examples=80, deadline=None)
@given(asked(), st.integers(0, 2**32 - 1))
def test_any_part_at_any_size_is_pillows(given_, seed):
    shape, rows, columns, size, border, dtype = given_
    image = torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    before = image.clone()
    result = resample(image, rows, columns, size, border)
    assert result.shape == (shape[0], size.height, size.width, shape[3])
    assert result.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(image, before)
    for frame, got in zip(image.numpy(), result.numpy(), strict=True):
        for channel in range(shape[3]):
            expected = pillow(frame[..., channel], rows, columns, size, border)
            expected = expected.clip(frame.min(), frame.max())
            # What a few pixels are made of may have a narrower range than all of them.
            got_ = got[..., channel]
            clamped = (got_ <= got.min()) | (got_ >= got.max())
            np.testing.assert_allclose(got_[~clamped], expected[~clamped], rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", [Size(3, 7), Size(50, 31)])
def test_no_value_leaves_the_range(size):
    image = (torch.rand(1, 20, 20, 3) > 0.5).float() * 0.5 + 0.25
    result = resample(image, Span(0, 20), Span(0, 20), size)
    assert result.min() >= 0.25
    assert result.max() <= 0.75
    flat = torch.full((1, 20, 20, 3), 0.3)
    assert torch.equal(resample(flat, Span(0, 20), Span(0, 20), size), torch.full((1, size.height, size.width, 3), 0.3))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_stays_where_it_is(bad):
    image = torch.rand(1, 24, 24, 3, generator=torch.Generator().manual_seed(3))
    spoilt = image.clone()
    spoilt[0, 8:12, 8:12, 1] = bad
    twice = Size(48, 48)
    whole = Span(0, 24)
    clean, result = resample(image, whole, whole, twice), resample(spoilt, whole, whole, twice)
    hole = torch.zeros(48, 48, dtype=torch.bool)
    hole[16:24, 16:24] = True
    assert torch.equal(result[0, ..., 1].isnan(), hole)
    for channel in (0, 2):
        torch.testing.assert_close(result[..., channel], clean[..., channel], rtol=0, atol=1e-6)
    far = torch.ones(48, 48, dtype=torch.bool)
    far[10:30, 10:30] = False
    torch.testing.assert_close(result[0, far], clean[0, far], rtol=0, atol=1e-6)
    # Beside the hole a pixel is made of the neighbours that are there.
    flat = torch.full_like(image, 0.25)
    flat[0, 0, 0], flat[0, 0, 1] = 0, 1
    flat[0, 8:12, 8:12, 1] = bad
    beside = resample(flat, whole, whole, twice)[0, ~hole & far.logical_not()]
    torch.testing.assert_close(beside, torch.full_like(beside, 0.25))
    assert result[result.isfinite()].max() <= 1
    assert resample(torch.full_like(image, bad), whole, whole, twice).isnan().all()


def test_linear_averages_light():
    checks = ((torch.arange(64)[:, None] + torch.arange(64)) % 2) * 0.6 + 0.2
    image = checks[None, ..., None].expand(-1, -1, -1, 4).contiguous()
    result = resample(image, Span(0, 64), Span(0, 64), Size(16, 16), linear=True)
    inner = result[0, 4:12, 4:12]
    assert torch.allclose(inner[..., :3], torch.tensor(0.5998), atol=1e-3)  # half the light of 0.2 and 0.8
    assert torch.allclose(inner[..., 3], torch.tensor(0.5), atol=1e-3)
    spoilt = image.clone()
    spoilt[0, 0, 0, 0] = torch.nan
    again = resample(spoilt, Span(0, 64), Span(0, 64), Size(16, 16), linear=True)
    torch.testing.assert_close(again[0, 4:12, 4:12], inner)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean()))


def picture_of(name: str) -> torch.Tensor:
    return torch.from_numpy(getattr(skimage.data, name)()[:300, :300].copy()).float()[None] / 255


def cubic(image: torch.Tensor, *sides: int, antialias: bool) -> torch.Tensor:
    """To one side after the other by torch's bicubic."""
    image = image.movedim(-1, 1)
    for side in sides:
        image = torch.nn.functional.interpolate(image, (side, side), mode="bicubic", antialias=antialias)
    return image.movedim(1, -1).clamp(0, 1)


@pytest.mark.parametrize("side", [150, 256, 330, 420, 512])
@pytest.mark.parametrize("picture", ["astronaut", "coffee", "chelsea"])
def test_there_and_back_keeps_more_than_torchs_bicubic(picture, side):
    image, whole, there = picture_of(picture), Span(0, 300), Span(0, side)
    back = resample(resample(image, whole, whole, Size(side, side)), there, there, Size(300, 300))
    assert psnr(back, image) > psnr(cubic(image, side, 300, antialias=True), image)


@pytest.mark.parametrize("side", [308, 330, 420, 512, 640, 777])
@pytest.mark.parametrize("border", ["reflect", "edge"])
@pytest.mark.parametrize("picture", ["astronaut", "coffee"])
def test_an_enlargement_is_undone(picture, border, side):
    image, whole, there = picture_of(picture), Span(0, 300), Span(0, side)
    enlarged = resample(image, whole, whole, Size(side, side), border)
    back = resample(enlarged, there, there, Size(300, 300), border, undo=True)
    assert psnr(back, image) > 55
    for antialias in (False, True):
        assert psnr(back, image) > psnr(cubic(image, side, 300, antialias=antialias), image)
    # A part of it as well.
    step = side / 300
    part = resample(enlarged, Span(37 * step, 70 * step), Span(101 * step, 55 * step), Size(55, 70), border, undo=True)
    assert psnr(part, image[:, 37:107, 101:156]) > 55


@pytest.mark.parametrize("made", [1, 2, 5, 31])
def test_undone_is_ridge_regression(made):
    count = round(made * 2.3) + 1
    step = count / made
    # What Pillow makes of each pixel alone, mirrored beyond the row.
    mirrored = [np.pad(row, MARGIN, mode="reflect" if made > 1 else "edge") for row in np.eye(made, dtype=np.float32)]
    size, box = (count, 3), (MARGIN, 0, MARGIN + made, 3)
    columns = [Image.fromarray(row[None].repeat(3, axis=0)) for row in mirrored]
    enlarged = [np.array(column.resize(size, Image.Resampling.LANCZOS, box=box))[1] for column in columns]
    enlarge = np.stack(enlarged, axis=1).astype(np.float64)
    expected = np.linalg.solve(enlarge.T @ enlarge + RIDGE * step * np.eye(made), enlarge.T)
    expected /= expected.sum(axis=1, keepdims=True)
    taps = undone(count, Span(0, count), made, "reflect")
    found = np.zeros((made, count))
    np.add.at(found, (np.arange(made)[:, None], taps.places), taps.weights)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_enlarged_or_kept_is_not_undone():
    image, whole = picture_of("coffee"), Span(0, 300)
    for side in (300, 340):
        size = Size(side, side)
        assert torch.equal(resample(image, whole, whole, size, undo=True), resample(image, whole, whole, size))


def test_only_pictures():
    with pytest.raises(InpaintError, match=r"^image: expected "):
        resample(torch.zeros(4, 4, 3), Span(0, 4), Span(0, 4), Size(8, 8))
