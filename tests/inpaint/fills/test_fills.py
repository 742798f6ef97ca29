"""What every model-free fill keeps to, and the harmonic one against exact solutions: a sparse direct solver, and
functions that are harmonic on the grid. The others' own tests are in test_fill_methods.py.

Mutations seen to fail here: the mask inverted or ignored; filled only where the mask is 1; alpha filled; the hole's old
values let in; known NaN let in; the window without its ring of known pixels; the picture's border held at 0; diagonal
neighbours; one frame's range used for another; values not brought to 0..1 and back; no clamp to the known range;
stopped after six steps, or by one side of the estimate alone; coarse links twice as strong, negative, or none to known
pixels; the input changed in place; channels of one frame solved with another's hole; what is outside the hole written;
frames not apart; a window around the hole alone where known pixels are not finite; red and blue swapped; progress told
too early.
"""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from inpaint.core.errors import InpaintError
from inpaint.fills import (
    fill_blur,
    fill_color,
    fill_edge,
    fill_harmonic,
    fill_navier_stokes,
    fill_neutral,
    fill_noise,
    fill_telea,
)

FROM_SURROUNDINGS = [fill_harmonic, fill_edge, fill_blur, fill_noise, fill_telea, fill_navier_stokes]
FILLS = [fill_neutral, partial(fill_color, color=(0.5, 0.5, 0.5)), *FROM_SURROUNDINGS]
FRAME_BY_FRAME = FROM_SURROUNDINGS[1:]
EIGHT_BIT_STEP = 1 / 255


def exact_harmonic(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[H, W] with every pixel of the hole the mean of its neighbours in the picture, by a direct solver."""
    height, width = hole.shape
    pixels = np.arange(height * width).reshape(height, width)
    joined = np.concatenate(
        [
            np.stack([pixels[:, :-1].ravel(), pixels[:, 1:].ravel()]),
            np.stack([pixels[:-1].ravel(), pixels[1:].ravel()]),
        ],
        axis=1,
    )
    links = sparse.coo_array((np.ones(joined.shape[1]), joined), shape=(hole.size, hole.size))
    links = (links + links.T).tocsr()
    laplacian = (sparse.diags_array(links.sum(axis=1)) - links).tocsr()
    inside, outside = np.flatnonzero(hole), np.flatnonzero(~hole)
    solved = picture.astype(np.float64).ravel().copy()
    right_side = -laplacian[inside][:, outside] @ solved[outside]
    solved[inside] = spsolve(laplacian[inside][:, inside].tocsc(), right_side)
    return solved.reshape(height, width)


def assert_harmonic(image: torch.Tensor, mask: torch.Tensor) -> None:
    filled = fill_harmonic(image, mask)
    for frame, result, hole in zip(image, filled, mask.numpy() > 0, strict=True):
        for channel in range(3):
            expected = exact_harmonic(np.nan_to_num(frame[..., channel].numpy()), hole)
            np.testing.assert_allclose(result[..., channel], expected, rtol=0, atol=EIGHT_BIT_STEP)


def blobs(shape: tuple[int, int], seed: int, share: float = 0.5) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 3)
    return smooth > np.quantile(smooth, 1 - share)


def spiral(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    return (np.hypot(x, y) / 12 - np.arctan2(y, x) / (2 * np.pi)) % 1 > 0.3


def comb(size: int) -> np.ndarray:
    hole = np.zeros((size, size), bool)
    hole[::2] = True
    hole[:, size // 2] = True
    return hole


# Every fill


@pytest.mark.parametrize("fill", FILLS)
@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 14), st.integers(1, 14)),
    st.sampled_from([3, 4]),
    st.sampled_from([torch.float16, torch.float32, torch.float64]),
    st.sampled_from([0.0, 0.2, 0.7, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_known_pixels_and_alpha_are_bit_identical(fill, shape, channels, dtype, density, seed):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(*shape, channels, generator=generator).to(dtype)
    mask = torch.rand(shape, generator=generator) * (torch.rand(shape, generator=generator) < density)
    before = image.clone(), mask.clone()
    filled = fill(image, mask)
    assert filled.dtype == dtype
    assert torch.equal(filled[mask == 0], image[mask == 0])
    assert torch.equal(filled[..., 3:], image[..., 3:])
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])
    for index in range(len(image)):
        known = image[index, ..., :3][mask[index] == 0]
        if len(known) and fill in FROM_SURROUNDINGS:
            assert bool((filled[index, ..., :3] >= known.amin(dim=0)).all())
            assert bool((filled[index, ..., :3] <= known.amax(dim=0)).all())


@pytest.mark.parametrize("fill", FILLS)
def test_nothing_masked_is_the_picture_and_everything_masked_is_grey(fill):
    image = torch.rand(2, 5, 6, 4)
    assert torch.equal(fill(image, torch.zeros(2, 5, 6)), image)
    filled = fill(image, torch.ones(2, 5, 6))
    assert bool((filled[..., :3] == 0.5).all())
    assert torch.equal(filled[..., 3], image[..., 3])


@pytest.mark.parametrize("fill", FILLS)
def test_what_the_hole_held_plays_no_part(fill):
    image = torch.rand(2, 9, 9, 3)
    mask = torch.zeros(2, 9, 9)
    mask[0, 2:6, 3:9] = 0.01
    mask[1, 4:, 4:] = 1
    plain = fill(image, mask)
    for value in (0.0, 1.0, -3.0, torch.nan, torch.inf):
        other = image.clone()
        other[mask > 0] = value
        assert torch.equal(fill(other, mask), plain)


@pytest.mark.parametrize("fill", FILLS)
def test_a_picture_seen_many_times_can_have_many_masks(fill):
    image = torch.rand(1, 6, 6, 3).expand(2, -1, -1, -1)
    mask = torch.zeros(2, 6, 6)
    mask[0, 1:3, 1:3] = 1
    filled = fill(image, mask)
    assert torch.equal(filled[1], image[1])
    assert not torch.equal(filled[0], image[0])


@pytest.mark.parametrize("fill", FROM_SURROUNDINGS)
def test_known_pixels_that_are_not_finite_are_kept_and_play_no_part(fill):
    image, mask = torch.rand(1, 9, 9, 3), torch.zeros(1, 9, 9)
    mask[0, 3:6, 3:6] = 1
    image[0, 2, 4] = torch.nan
    image[0, 6, 4, 1] = torch.inf
    filled = fill(image, mask)
    assert bool(filled[0, 2, 4].isnan().all())
    torch.testing.assert_close(filled[0, 6, 4], image[0, 6, 4], rtol=0, atol=0)
    assert bool(filled[mask > 0].isfinite().all())


@pytest.mark.parametrize("fill", FROM_SURROUNDINGS)
def test_a_hole_within_what_is_not_finite_is_filled_from_beyond_it(fill):
    image, mask = torch.full((1, 15, 15, 3), 0.25), torch.zeros(1, 15, 15)
    image[:, 3:12, 3:12] = torch.nan
    mask[:, 6:9, 6:9] = 1
    assert bool((fill(image, mask)[mask > 0] == 0.25).all())


@pytest.mark.parametrize("fill", FROM_SURROUNDINGS)
def test_a_flat_picture_stays_exactly_flat(fill):
    image = torch.tensor([0.1, 0.7, 1.0]).expand(2, 30, 40, 3)
    mask = torch.from_numpy(np.stack([blobs((30, 40), 3), blobs((30, 40), 4)])).float()
    assert torch.equal(fill(image, mask), image)


@pytest.mark.parametrize("fill", FROM_SURROUNDINGS)
@pytest.mark.parametrize(("scale", "shift"), [(1000.0, 0.0), (1e-3, 5.0), (0.0, -2.0)])
def test_the_range_of_values_does_not_matter(fill, scale, shift):
    image = torch.rand(1, 20, 20, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.from_numpy(blobs((20, 20), 6))[None].float()
    torch.testing.assert_close(
        fill(image * scale + shift, mask),
        fill(image, mask) * scale + shift,
        rtol=1e-6,
        atol=scale / 500,
    )


@pytest.mark.parametrize("fill", FILLS)
def test_half_precision_gives_the_same_as_single(fill):
    image, mask = torch.rand(1, 20, 20, 3).half(), torch.from_numpy(blobs((20, 20), 7))[None].half()
    torch.testing.assert_close(fill(image, mask), fill(image.float(), mask.float()).half())


@pytest.mark.parametrize("fill", FRAME_BY_FRAME)
def test_each_frame_is_filled_as_it_would_be_alone(fill):
    image = torch.rand(4, 25, 25, 3) * torch.tensor([1.0, 1e-2, 50.0, 1.0])[:, None, None, None]
    mask = torch.zeros(4, 25, 25)
    mask[0, 3:9, 3:9] = 1
    mask[1, 2:, 2:] = 1
    mask[2, 10:, :20] = 1
    together = fill(image, mask)
    for index in range(4):
        frame = slice(index, index + 1)
        alone = fill(image[frame], mask[frame], **({"seed": index} if fill is fill_noise else {}))
        assert torch.equal(together[frame], alone)


@pytest.mark.parametrize("fill", FRAME_BY_FRAME)
def test_tells_how_far_it_is_and_can_be_stopped(fill):
    image, mask, progress = torch.rand(4, 9, 9, 3), torch.ones(4, 9, 9), []
    mask[1] = 0
    mask[:, 0, 0] = 0
    fill(image, mask, progress=lambda *parts: progress.append(parts))
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(image, mask, progress=stop)


@pytest.mark.parametrize("fill", FILLS)
def test_what_does_not_fit_is_refused(fill):
    with pytest.raises(InpaintError) as error:
        fill(torch.zeros(2, 4, 5, 3), torch.zeros(1, 5, 4))
    assert str(error.value) == (
        "mask: expected [2, 4, 5] to fit the image, got [1, 5, 4]. "
        "Resize the mask to the image, and give as many masks as pictures."
    )
    with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 3 or 4\] of floats, got \[4, 5, 3\]"):
        fill(torch.zeros(4, 5, 3), torch.zeros(1, 4, 5))
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\] of floats, got \[4, 5\]"):
        fill(torch.zeros(1, 4, 5, 3), torch.zeros(4, 5))


# fill_neutral, fill_color


def test_neutral_fills_with_one_value():
    image = torch.rand(1, 2, 2, 4)
    filled = fill_neutral(image, torch.tensor([[[0.0, 0.1], [1.0, 0.0]]]), value=0.25)
    assert bool((filled[0, [0, 1], [1, 0], :3] == 0.25).all())
    assert torch.equal(filled[0, [0, 1], [0, 1]], image[0, [0, 1], [0, 1]])
    assert torch.equal(filled[..., 3], image[..., 3])


def test_a_color_is_that_color_whatever_the_picture_holds():
    image = torch.rand(2, 3, 3, 4).half() * 0.1
    mask = torch.zeros(2, 3, 3)
    mask[1, 2, 1] = 0.3
    filled = fill_color(image, mask, (1.0, 0.5, 0.0))
    assert filled[1, 2, 1, :3].tolist() == [1.0, 0.5, 0.0]
    assert torch.equal(filled[mask == 0], image[mask == 0])
    assert torch.equal(filled[..., 3], image[..., 3])


# fill_harmonic


def test_a_line_between_two_ends_is_a_straight_ramp():
    image = torch.zeros(1, 1, 6, 3)
    image[0, 0, 0] = 0.25
    image[0, 0, 5] = torch.tensor([0.75, 0.25, 0.0])
    mask = torch.tensor([[[0.0, 1.0, 1.0, 1.0, 1.0, 0.0]]])
    expected = torch.stack([torch.linspace(0.25, end, 6) for end in (0.75, 0.25, 0.0)], dim=-1)
    torch.testing.assert_close(fill_harmonic(image, mask)[0, 0], expected, rtol=0, atol=5e-4)


def test_the_border_of_the_picture_is_free():
    """With one side known, nothing flows elsewhere: every row goes on as it was at the hole's edge, evened out."""
    image = torch.rand(1, 6, 9, 3)
    image[:, :, 3] = torch.tensor([0.2, 0.5, 0.8])
    mask = torch.zeros(1, 6, 9)
    mask[..., 4:] = 1
    torch.testing.assert_close(
        fill_harmonic(image, mask)[:, :, 4:], image[:, :, 3:4].expand(-1, -1, 5, -1), rtol=0, atol=5e-4
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 24), st.integers(1, 24)),
    st.sampled_from([0.1, 0.5, 0.9, 0.99]),
    st.integers(0, 2**32 - 1),
)
def test_random_holes_are_solved(shape, density, seed):
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.rand(shape, generator=generator) < density).float()
    mask[:, shape[1] // 2, shape[2] // 3] = 0
    assert_harmonic(torch.rand(*shape, 3, generator=generator), mask)


@pytest.mark.parametrize(
    "hole",
    [blobs((90, 70), 1), blobs((90, 70), 2, share=0.9), spiral(120), comb(61), ~np.pad([[True]], ((0, 80), (90, 0)))],
    ids=["blobs", "large blobs", "spiral", "comb", "all but a corner"],
)
def test_holes_of_any_shape_are_solved(hole):
    image = torch.rand(1, *hole.shape, 3, generator=torch.Generator().manual_seed(0))
    assert_harmonic(image, torch.from_numpy(hole)[None].float())


@pytest.mark.parametrize(("size", "border"), [(512, 3), (200, 0)])
def test_large_holes_give_back_a_harmonic_picture(size, border):
    """Grid functions that equal the mean of their neighbours, from smooth to one wave in eight pixels along a side.

    cos(k x) cosh(q y) is one where cosh(q) = 2 - cos(k). With no border the hole runs off the picture's left side.
    """
    y, x = np.mgrid[: size + 2 * border + 1, : size + 2 * border + 1] / 1.0
    wave = 2 * np.pi / 8
    rough = np.cos(wave * (x + 0.5)) * np.exp(-np.arccosh(2 - np.cos(wave)) * y)
    steep = np.cos(0.05 * (x + 0.5)) * np.exp(-np.arccosh(2 - np.cos(0.05)) * (y[::-1]))
    saddle = (x + 0.5) ** 2 - y**2
    picture = np.stack([(part - part.min()) / np.ptp(part) for part in (rough, steep, saddle)], axis=-1)
    image = torch.from_numpy(picture).float()[None]
    mask = torch.zeros(image.shape[:3])
    mask[:, border or 1 : border + size, border : border + size] = 1
    error = (fill_harmonic(image, mask) - image).abs().amax(dim=(0, 1, 2))
    assert error.max() < EIGHT_BIT_STEP, error


def test_values_at_the_border_meet_the_surroundings():
    """The step at the edge of a hole is that of a smooth picture; a fill that ignores it steps ten times as far."""
    y, x = torch.meshgrid(torch.linspace(0, 3, 80), torch.linspace(0, 3, 80), indexing="ij")
    image = torch.stack([0.5 + 0.4 * x.sin(), 0.5 + 0.4 * y.cos(), 0.5 + 0.2 * (x + y).sin()], dim=-1)[None]
    mask = torch.from_numpy(blobs((80, 80), 5, share=0.4))[None].float()
    for dim in (1, 2):
        crosses_edge = mask.diff(dim=dim) != 0
        largest = image.diff(dim=dim).abs().max()
        harmonic, neutral = (
            fill(image, mask).diff(dim=dim).abs()[crosses_edge].max() for fill in (fill_harmonic, fill_neutral)
        )
        assert harmonic < 3 * largest
        assert neutral > 20 * largest


def test_frames_do_not_see_each_other():
    """Each frame is as exact as it would be alone, whatever the range of the others."""
    spans, shifts = torch.tensor([1.0, 1e-2, 50.0, 1.0]), torch.tensor([0.0, 20.0, -40.0, 0.5])
    image = torch.rand(4, 25, 25, 3) * spans[:, None, None, None] + shifts[:, None, None, None]
    mask = torch.zeros(4, 25, 25)
    mask[0, 3:9, 3:9] = 1
    mask[1, 2:, 2:] = 1
    mask[2, 10:, :20] = 1
    mask[3] = 1
    together = fill_harmonic(image, mask)
    for index, span in enumerate(spans):
        alone = fill_harmonic(image[index : index + 1], mask[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-6, atol=2 * EIGHT_BIT_STEP * float(span))


def test_the_harmonic_fill_of_a_video_goes_on_in_parts(monkeypatch):
    image, mask = torch.rand(7, 20, 30, 3), torch.zeros(7, 20, 30)
    mask[:, 5:12, 8:20] = 1
    whole, progress = fill_harmonic(image, mask), []
    monkeypatch.setattr("inpaint.fills.surroundings.AT_ONCE", 3 * 20 * 30)
    parts = fill_harmonic(image, mask, progress=lambda *done: progress.append(done))
    torch.testing.assert_close(parts, whole, rtol=0, atol=2e-3)
    assert progress == [(3, 7), (6, 7), (7, 7)]
