"""Differences above the noise, against a slow version of each step in float64, and on photographs.

Mutations seen to fail here: no means, or means of 3 pixels; the pixels' own distance left out, not closed, or taken
instead; noise measured on all pixels, on flat ones or in one pass; the tolerance replaced instead of raised; means
compared where there is no noise; NaN averaged; only the first pair measured.
"""

import io

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageFilter
from scipy import ndimage
from skimage.color import deltaE_cie76, lab2rgb, rgb2lab

from inpaint.core.errors import InpaintError
from inpaint.masks import above_noise, from_difference
from inpaint.masks.operators import noise

NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")


def _tensor(picture):
    return torch.from_numpy(np.asarray(picture, np.float32) / 255)[None]


def _jpeg(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _halved(picture):
    width, height = picture.size
    half = picture.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    return half.resize(picture.size, Image.Resampling.BICUBIC)


def _grain(picture):
    values = np.asarray(picture) + np.random.default_rng(0).normal(0, 2, (*picture.size[::-1], 3))
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


TREATMENTS = {
    "JPEG 90": lambda picture: _jpeg(picture, 90),
    "JPEG 75": lambda picture: _jpeg(picture, 75),
    "JPEG 60": lambda picture: _jpeg(picture, 60),
    "blur": lambda picture: picture.filter(ImageFilter.GaussianBlur(0.6)),
    "half and back": _halved,
    "grain": _grain,
}
PHOTOGRAPHS = {
    "astronaut": lambda: Image.fromarray(skimage.data.astronaut()[40:264, 60:284]),
    "coffee": lambda: Image.fromarray(skimage.data.coffee()[100:324, 140:364]),
}


def _changed(picture):
    """Shift the colors of an ellipse by 15 Delta E. Returns the picture and where it was done."""
    rows, columns = np.mgrid[: picture.height, : picture.width]
    inside = ((rows - 140) / 40) ** 2 + ((columns - 110) / 55) ** 2 < 1
    values = np.array(picture)
    lab = rgb2lab(values)
    shift = np.array([-12 if lab[inside, 0].mean() > 50 else 12, 6.4, -6.4])
    values[inside] = (lab2rgb(lab + shift) * 255).round().astype(np.uint8)[inside]
    return Image.fromarray(values), inside


@pytest.mark.parametrize("treatment", TREATMENTS.values(), ids=TREATMENTS.keys())
@pytest.mark.parametrize("photograph", PHOTOGRAPHS.values(), ids=PHOTOGRAPHS.keys())
def test_a_change_is_found_and_what_happened_everywhere_is_not(photograph, treatment):
    before = photograph()
    same = above_noise(_tensor(before), _tensor(treatment(before)), 3.0)
    assert same.mask.mean() <= 0.005
    after, inside = _changed(before)
    found = above_noise(_tensor(before), _tensor(treatment(after)), 3.0).mask[0].numpy() == 1
    assert found[inside].mean() > 0.95
    beyond_the_edge = ndimage.distance_transform_edt(~inside) > 2.9
    assert found[beyond_the_edge].mean() <= 0.005


def test_pictures_without_noise_are_compared_pixel_by_pixel():
    before = PHOTOGRAPHS["coffee"]()
    image = _tensor(before)
    other = image.clone()
    other[:, 40, 30:200] += 0.2  # a line, one pixel wide
    other[:, 100, 100] += 0.2
    other[:, 150:210:3, 50:150:3] += 0.2
    other.clamp_(max=1)
    for tolerance in (0.0, 3.0):
        result = above_noise(image, other, tolerance)
        assert torch.equal(result.mask, from_difference(image, other, tolerance))
        assert result.tolerances == [tolerance]
    expected = (image != other).any(dim=-1).float()
    assert torch.equal(above_noise(image, other, 0.0).mask, expected)


def test_rounding_to_8_bits_takes_no_single_pixel_away():
    torch.manual_seed(0)
    image = (_tensor(PHOTOGRAPHS["astronaut"]()) + torch.rand(224, 224, 3) / 255).clamp(0, 1)
    other = (image * 255).round() / 255
    other[:, 33, 55] = 1 - other[:, 33, 55]
    result = above_noise(image, other, 0.0)
    assert 0 < result.tolerances[0] < noise.SMALLEST_NOISE
    assert above_noise(image, other, 3.0).mask.nonzero().tolist() == [[0, 33, 55]]


def _windows(values, fill):
    """Every pixel's 5 x 5 window, [H, W, 25]."""
    padded = np.pad(values, 2, **({"mode": "symmetric"} if fill is None else {"constant_values": fill}))
    height, width = values.shape
    return np.stack([padded[y : y + height, x : x + width] for y in range(5) for x in range(5)], axis=-1)


def _neighbors(values):
    """Every pixel's 3 x 3 window, [H, W, 9]."""
    padded = np.pad(values, 1, mode="edge")
    height, width = values.shape
    return np.stack([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=-1)


def _slow(image, other, tolerance, softness):
    """One frame of `above_noise` with noise, in float64. Returns the mask and the tolerance."""
    one, two = (rgb2lab(np.asarray(side, np.float64)[0, ..., :3]) for side in (image, other))
    means = np.stack([_windows(plane, None).mean(axis=-1) for plane in np.moveaxis(one - two, -1, 0)], axis=-1)
    between = np.sqrt((means**2).sum(axis=-1))
    spread = _windows(deltaE_cie76(one, two), -np.inf).max(axis=-1)
    closed = _windows(spread, np.inf).min(axis=-1)
    texture = np.minimum(*(np.ptp(_neighbors(side[..., 0]), axis=-1) for side in (one, two)))
    rough = texture[texture > 0.5]
    values = between[texture >= np.sort(rough)[(len(rough) - 1) // 2]]
    for _ in range(2):
        middle = np.sort(values)[(len(values) - 1) // 2]
        off = np.sort(abs(values - middle))
        limit = middle + 9 * off[(len(off) - 1) // 2]
        values = values[values <= limit]
    limit = max(tolerance, limit)
    return np.interp(np.minimum(between, closed), [limit, limit + softness], [0, 1]), limit


def _noisy_pair(seed, height=40, width=56, channels=3, strength=0.06):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, height, width, channels, generator=generator) * 0.6 + 0.2
    other = image + (torch.rand(image.shape, generator=generator) - 0.5) * strength
    other[:, 10:25, 10:30, :3] += 0.15
    return image, other


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tolerance", [0.0, 9.0])
def test_means_tolerance_and_ramp_are_those_of_a_slow_version(seed, tolerance):
    image, other = _noisy_pair(seed, channels=3 + seed % 2)
    result = above_noise(image, other, tolerance, 4.0)
    mask, limit = _slow(image, other, tolerance, 4.0)
    assert result.tolerances == [pytest.approx(limit, abs=2e-3)]
    np.testing.assert_allclose(result.mask[0].numpy(), mask, atol=2e-3)
    assert 0 < (mask > 0).mean() < 0.5
    assert torch.equal(above_noise(other, image, tolerance, 4.0).mask, result.mask)


def test_noise_is_measured_where_there_is_texture():
    """A thing on white, which JPEG leaves as it is."""
    before = Image.new("RGB", (352, 352), "white")
    before.paste(PHOTOGRAPHS["astronaut"](), (64, 64))
    image, other = _tensor(before), _tensor(_jpeg(before, 75))
    assert (image == other).all(dim=-1).float().mean() > 0.5
    result = above_noise(image, other, 3.0)
    assert result.mask.mean() < 0.005
    alone = above_noise(_tensor(PHOTOGRAPHS["astronaut"]()), _tensor(_jpeg(PHOTOGRAPHS["astronaut"](), 75)), 3.0)
    assert result.tolerances == [pytest.approx(alone.tolerances[0], rel=0.1)]


def test_a_large_change_hardly_widens_the_tolerance():
    before = PHOTOGRAPHS["coffee"]()
    after = np.array(before)
    after[:75] = 255 - after[:75]  # a third
    image = _tensor(before)
    still = above_noise(image, _tensor(_jpeg(before, 75)), 3.0).tolerances[0]
    result = above_noise(image, _tensor(_jpeg(Image.fromarray(after), 75)), 3.0)
    assert result.tolerances == [pytest.approx(still, rel=0.25)]
    assert result.unmeasured == 0


def test_each_pair_of_a_batch_is_measured_alone():
    image, _ = _noisy_pair(0)
    others = torch.cat([image, *(_noisy_pair(0, strength=strength)[1] for strength in (0.06, 0.2))])
    together = above_noise(image, others, 2.0)
    for index, other in enumerate(others):
        alone = above_noise(image, other[None], 2.0)
        assert torch.equal(together.mask[index], alone.mask[0])
        assert together.tolerances[index] == alone.tolerances[0]
    assert len(set(together.tolerances)) == 3
    swapped = above_noise(others, image, 2.0)
    assert torch.equal(swapped.mask, together.mask)
    low, high = together.tolerances[1:]
    assert together.report() == f"Tolerance {low:.1f} to {high:.1f} Delta E, from the noise of 2 of 3 pictures."


def test_the_report_says_where_the_tolerance_comes_from():
    image, other = _noisy_pair(0)
    noisy = above_noise(image, other, 2.0)
    assert noisy.report() == f"Tolerance {noisy.tolerances[0]:.1f} Delta E, from the noise of the pictures."
    assert above_noise(image, image, 2.5).report() == "Tolerance 2.5 Delta E, as set: noise is not above it."
    another, _ = _noisy_pair(9)
    result = above_noise(image, another, 3.0)
    assert result.report() == (
        "Nearly everything differs, so the noise cannot be measured: tolerance 3 Delta E, as set."
    )
    assert result.unmeasured == 1
    assert result.tolerances == [3.0]
    assert result.mask.mean() > 0.8
    both = above_noise(image, torch.cat([other, another]), 2.0)
    assert both.report().splitlines() == [
        f"Tolerance {noisy.tolerances[0]:.1f} Delta E, from the noise of 1 of 2 pictures.",
        "In 1 of 2 pictures nearly everything differs, so the noise cannot be measured: tolerance 2 Delta E, as set.",
    ]


def test_nan_is_a_difference_and_spreads_to_no_other_pixel():
    image, other = _noisy_pair(0)
    clean = above_noise(image, other, 2.0).mask
    image[0, 35, 50, 1] = NAN
    other[0, 33, 5] = NAN
    image[0, 2, 2], other[0, 2, 2] = NAN, NAN
    mask = above_noise(image, other, 2.0).mask
    assert mask[0, 35, 50] == mask[0, 33, 5] == 1
    assert mask[0, 2, 2] == 0
    assert int((mask != clean).sum()) == 2


def test_alpha_plays_no_part_and_inputs_stay_as_they_were():
    image, other = _noisy_pair(3, channels=4)
    kept, other_kept = image.clone(), other.clone()
    mask = above_noise(image, other, 2.0, 5.0).mask
    assert torch.equal(image, kept)
    assert torch.equal(other, other_kept)
    other[..., 3] = NAN
    assert torch.equal(mask, above_noise(image[..., :3], other, 2.0, 5.0).mask)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_give_the_float32_mask_of_what_they_hold(dtype):
    image, other = (side.to(dtype) for side in _noisy_pair(1))
    result = above_noise(image, other, 2.0, 5.0)
    assert result.mask.dtype == torch.float32
    assert torch.equal(result.mask, above_noise(image.float(), other.float(), 2.0, 5.0).mask)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 400), (400, 1), (3, 3), (2, 90)])
def test_pictures_smaller_than_a_window_are_taken(shape):
    torch.manual_seed(0)
    image = torch.rand(1, *shape, 3) * 0.8
    assert not above_noise(image, image.clone(), 0.0).mask.any()
    other = image + (torch.rand_like(image) - 0.5) * 0.04
    other[0, -1, -1] = image[0, -1, -1] + 0.2
    mask = above_noise(image, other, 3.0).mask
    assert mask.shape == image.shape[:3]
    assert mask.isfinite().all()
    few = shape[0] * shape[1] < noise.FEWEST
    assert not few or torch.equal(mask, from_difference(image, other, 3.0))


@pytest.mark.parametrize(
    ("other", "settings", "message"),
    [
        (torch.zeros(1, 5, 7, 3), {}, r"^other: expected 6x5 as image, got 7x5\."),
        (torch.zeros(2, 5, 6, 3), {}, r"^other: expected 1 picture or 3 \(one per image\), got 2\."),
        (torch.zeros(1, 5, 6), {}, r"^other: expected \[B, H, W, 3 or 4\] of floats, got \[1, 5, 6\]"),
        (torch.zeros(1, 5, 6, 3), {"tolerance": -1}, r"^tolerance: expected 0 to 259 Delta E, got -1\."),
        (torch.zeros(1, 5, 6, 3), {"softness": NAN}, r"^softness: expected 0 to 259 Delta E, got nan\."),
    ],
)
def test_what_cannot_be_used_is_said(other, settings, message):
    with pytest.raises(InpaintError, match=message):
        above_noise(torch.zeros(3, 5, 6, 3), other, **{"tolerance": 5.0, **settings})
