"""Fills one by one: the nearest pixel by brute force, the blur against plain means, the noise against its model,
OpenCV's against OpenCV in 8 bits, and fade_width against distances by brute force.

Mutations seen to fail here: rows and columns of the nearest pixel swapped; another metric; a blur that trusts the hole,
or sees the rim alone; noise of one strength, of independent colors, white, normed by the window, not joined to what is
around it, the same in every frame; specks not clipped; patches of grain not kept apart, or one for all; no least ring;
Telea in units of 8 bits; Navier-Stokes in much finer or coarser units, or Telea in its place; values rounded; the
radius dropped; a window without room for it; the fade outside or across the edge, twice as far, from a soft mask's
values, or mixed with NaN.
"""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from inpaint.compositing.seam_score import seam
from inpaint.core.errors import InpaintError
from inpaint.fills import fade_in, fill_blur, fill_edge, fill_harmonic, fill_navier_stokes, fill_noise, fill_telea

OPENCV = {fill_telea: cv2.INPAINT_TELEA, fill_navier_stokes: cv2.INPAINT_NS}


def random_mask(shape: tuple[int, ...], share: float, seed: int = 0) -> torch.Tensor:
    """Blobs with a few single pixels, as soft values."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.random(shape), (0, 2, 2)) + 0.02 * random.random(shape)
    mask = np.where(smooth > np.quantile(smooth, 1 - share), random.random(shape) + 0.01, 0)
    return torch.from_numpy(mask.clip(0, 1)).float()


def disc(size: int, radius: float) -> torch.Tensor:
    y, x = np.mgrid[:size, :size] - size // 2
    return torch.from_numpy((np.hypot(x, y) <= radius)[None]).float()


def distances(mask: np.ndarray) -> np.ndarray:
    """[masked, kept] from each masked pixel's centre to that of every kept one."""
    inside, outside = np.argwhere(mask > 0), np.argwhere(mask == 0)
    return np.hypot(*(inside[:, None] - outside[None]).transpose(2, 0, 1))


# ---- edge --------------------------------------------------------------------------------------------------------


def test_each_pixel_takes_the_nearer_end_of_a_line():
    image = torch.tensor([0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.4]).view(1, 1, 7, 1).expand(-1, -1, -1, 3)
    mask = torch.tensor([[[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]]])
    filled = fill_edge(image, mask)[0, 0, :, 0]
    assert filled[[0, 1, 2, 4, 5, 6]].tolist() == pytest.approx([0.1, 0.1, 0.1, 0.4, 0.4, 0.4])
    assert filled[3] in image[0, 0, [0, 6], 0]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_edge_takes_a_pixel_that_is_nearest(share):
    image = torch.rand(2, 23, 31, 3)
    mask = random_mask((2, 23, 31), share)
    for frame, area, filled in zip(image.numpy(), mask.numpy(), fill_edge(image, mask).numpy(), strict=True):
        away = distances(area)
        same = (filled[area > 0][:, None] == frame[area == 0][None]).all(axis=-1)
        assert (same.sum(axis=1) == 1).all()
        np.testing.assert_allclose(away[same], away.min(axis=1), rtol=1e-12)


# ---- blur --------------------------------------------------------------------------------------------------------


def plain_blur(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Means over known pixels of blocks of 2, 4, 8 .. pixels a side, from the largest to the smallest: each counts in
    full where a quarter of it is known, and is else mixed with the block around it. [1, 64, 64, 3] only."""
    known = (mask == 0).double()[:, None]
    values = image.double().movedim(-1, 1)
    levels = [1, 2, 4, 8, 16, 32, 64]
    result = None
    for side in reversed(levels):
        share = F.avg_pool2d(known, side)
        mean = F.avg_pool2d(values * known, side) / share.clamp(min=1e-12)
        if result is None:
            result = mean
        else:
            larger = F.interpolate(result, scale_factor=2, mode="bilinear", align_corners=False)
            result = torch.lerp(larger, mean, (share / 0.25).clamp(max=1))
    assert result is not None
    return result.movedim(1, -1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_blur_is_made_of_means_of_known_pixels(share):
    image, mask = torch.rand(1, 64, 64, 3), random_mask((1, 64, 64), share)
    mask[:, [0, -1], [0, -1]] = 1  # so that all of the picture is looked at
    torch.testing.assert_close(
        fill_blur(image, mask)[mask > 0].double(), plain_blur(image, mask)[mask > 0], rtol=0, atol=1e-5
    )


def test_blur_weighs_known_pixels_alone_and_more_of_them_the_deeper_it_is():
    """The weights of all pixels, read off by pictures that are 1 in a single one."""
    mask, size = disc(20, 6.5), 20
    single = torch.eye(size * size).view(-1, size, size)
    single = torch.cat([single, torch.zeros(2, size, size)]).view(-1, 3, size, size).movedim(1, -1)
    filled = fill_blur(single, mask.expand(len(single), -1, -1))
    weights = filled.movedim(-1, 1).reshape(-1, size, size)[: size * size, mask[0] > 0]
    assert bool((weights >= 0).all())
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(weights.shape[1]))
    assert not weights[(mask > 0).flatten()].any()
    counted = 1 / (weights**2).sum(dim=0)
    depth = torch.from_numpy(ndimage.distance_transform_edt(mask[0].numpy()))[mask[0] > 0]
    assert counted[depth > 4].min() > 2 * counted[depth < 2].mean()


def test_blur_looks_further_than_the_rim():
    """A bright rim around the hole, as a badly cut mask leaves it, is all that the harmonic surface knows."""
    image, mask = torch.zeros(1, 65, 65, 3), torch.zeros(1, 65, 65)
    image[:, 19:46, 19:46] = 1
    mask[:, 20:45, 20:45] = 1
    deep = (slice(None), slice(28, 37), slice(28, 37))
    assert fill_harmonic(image, mask)[deep].min() > 0.99
    assert fill_blur(image, mask)[deep].max() < 0.7


def test_grain_at_the_edge_reaches_less_far_into_the_blur_than_into_the_harmonic_surface():
    image, mask = torch.rand(1, 129, 129, 3), disc(129, 40)
    depth = torch.from_numpy(ndimage.distance_transform_edt(mask[0].numpy()))
    inside = (depth >= 4) & (depth < 9)
    blur, surface = (fill(image, mask)[0, inside].std() for fill in (fill_blur, fill_harmonic))
    assert blur < 0.7 * surface


# ---- noise -------------------------------------------------------------------------------------------------------


def grainy(size: int, seed: int = 0) -> torch.Tensor:
    """[1, size, size, 3]: a slope with grain that is wider than high, and shared by red and green alone."""
    random = np.random.default_rng(seed)
    grain = ndimage.gaussian_filter(random.standard_normal((3, size, size)), (0, 0.4, 1.2))
    grain /= grain.std()
    grain[1] = 0.8 * grain[0] + 0.6 * grain[1]
    slope = np.linspace(0.3, 0.7, size)[None, :, None]
    return torch.from_numpy(slope + 0.02 * grain.transpose(1, 2, 0)).float()[None]


def statistics(image: torch.Tensor, area: torch.Tensor) -> dict[str, float]:
    """Of what is finer than a Gaussian of 3 pixels, in pixels whose neighbours are in the area as well."""
    planes = image[0].double().numpy()
    detail = planes - ndimage.gaussian_filter(planes, (3, 3, 0))
    inner = ndimage.binary_erosion(area[0].numpy() > 0, iterations=8)

    def product(a: np.ndarray, b: np.ndarray) -> float:
        return float((a * b)[inner].mean())

    red, green, blue = detail.transpose(2, 0, 1)
    power = product(red, red)
    return {
        "deviation": power**0.5,
        "to the right": product(red, np.roll(red, 1, axis=1)) / power,
        "down": product(red, np.roll(red, 1, axis=0)) / power,
        "red and green": product(red, green) / power,
        "red and blue": product(red, blue) / power,
    }


def test_noise_has_the_strength_the_shape_and_the_colors_of_the_grain_around_it():
    image, mask = grainy(256), disc(256, 70)
    wanted, found = statistics(image, mask), statistics(fill_noise(image, mask), mask)
    smooth = statistics(fill_harmonic(image, mask), mask)
    assert found.pop("deviation") == pytest.approx(wanted.pop("deviation"), rel=0.1)
    assert smooth["deviation"] < 0.002
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=0.12), name


def test_noise_meets_what_is_around_it():
    """Where grain is several pixels wide, noise that did not would have a hard edge (a score of 4 to 5)."""
    grain = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((128, 128, 3)), (2, 2, 0))
    image, mask = torch.from_numpy(0.5 + 0.03 * grain / grain.std()).float()[None], disc(128, 40)
    noise, smooth = (seam(fill(image, mask), mask)[0].score for fill in (fill_noise, fill_harmonic))
    assert noise < 3
    assert noise < 0.75 * smooth


def test_noise_is_as_strong_on_each_side_as_the_grain_is_there():
    random = np.random.default_rng(1)
    strength = np.where(np.arange(200) < 100, 0.01, 0.06)[None, :, None]
    image = torch.from_numpy(0.5 + strength * random.standard_normal((200, 200, 3))).float()[None]
    mask = disc(200, 60)
    filled = fill_noise(image, mask)[0]
    left, right = filled[80:120, 45:60].std(), filled[80:120, 140:155].std()
    assert left < 0.02
    assert right > 0.04


def test_an_outline_beside_the_hole_is_no_grain():
    image, mask = grainy(128), disc(128, 30)
    image[:, :, 26:29] = 0
    filled, plain = fill_noise(image, mask), fill_noise(grainy(128), mask)
    far = (slice(None), slice(52, 76), slice(72, 92))
    assert filled[far].std(dim=2).mean() < 1.5 * plain[far].std(dim=2).mean()


def test_specks_beside_the_hole_are_no_grain():
    image, mask = grainy(128), disc(128, 30)
    plain = fill_noise(image, mask)
    image[:, 20:110:8, 25] = 1
    image[:, 20:110:8, 105] = 0
    specks = fill_noise(image, mask)
    deep = disc(128, 20) > 0
    assert specks[deep].std(dim=0).mean() < 1.1 * plain[deep].std(dim=0).mean()


def test_another_seed_is_another_grain_and_the_same_seed_the_same():
    image, mask = grainy(64), disc(64, 16)
    first, again, other = (fill_noise(image, mask, seed) for seed in (7, 7, 2**64 - 1))
    assert torch.equal(first, again)
    assert not torch.equal(first[mask > 0], other[mask > 0])
    two = fill_noise(image.expand(2, -1, -1, -1), mask.expand(2, -1, -1), 2**64 - 1)
    assert torch.equal(two[1:], fill_noise(image, mask, 0))


def test_holes_apart_have_each_the_grain_around_them():
    random = np.random.default_rng(2)
    strength = np.where(np.arange(300) < 150, 0.0, 0.05)[None, :, None]
    image = torch.from_numpy(0.5 + strength * random.standard_normal((120, 300, 3))).float()[None]
    mask = torch.zeros(1, 120, 300)
    mask[:, 40:80, 30:70] = 1
    mask[:, 40:80, 230:270] = 1
    filled = fill_noise(image, mask)
    assert (filled[:, 40:80, 30:70] - 0.5).abs().max() < 1e-3
    assert filled[:, 40:80, 230:270].std() == pytest.approx(0.05, rel=0.2)


def test_a_hole_within_the_box_of_another_has_its_own_grain():
    """An L of coarse grain, and in its corner a square of fine one."""
    random = np.random.default_rng(4)
    fine = random.standard_normal((240, 240, 3))
    coarse = ndimage.gaussian_filter(fine, (1.5, 1.5, 0))
    far = (np.arange(240)[:, None] < 150) & (np.arange(240) > 90)
    grain = np.where(far[..., None], fine, coarse / coarse.std())
    image = torch.from_numpy(0.5 + 0.03 * grain).float()[None]
    ell, square = torch.zeros(1, 240, 240), torch.zeros(1, 240, 240)
    ell[:, 20:, 25:45] = 1
    ell[:, 195:215, 25:] = 1
    square[:, 30:100, 140:210] = 1

    def alike(area: tuple[slice, slice]) -> float:
        detail = filled[0][area] - filled[0][area].mean(dim=(0, 1))
        return float((detail[1:] * detail[:-1]).mean() / detail.square().mean())

    filled = fill_noise(image, ((ell + square) > 0).float())
    assert alike((slice(40, 90), slice(150, 200))) < 0.25
    assert alike((slice(60, 180), slice(27, 43))) > 0.7


def test_too_little_around_a_hole_gives_no_noise():
    image = torch.rand(1, 9, 9, 3)
    mask = torch.ones(1, 9, 9)
    mask[:, 0] = 0
    torch.testing.assert_close(fill_noise(image, mask), fill_harmonic(image, mask), rtol=0, atol=1e-3)


# ---- OpenCV's ----------------------------------------------------------------------------------------------------


def photo_like(size: int) -> torch.Tensor:
    random = np.random.default_rng(3)
    planes = ndimage.gaussian_filter(random.random((3, size, size)), (0, 6, 6))
    planes = (planes - planes.min()) / np.ptp(planes)
    return torch.from_numpy(planes.transpose(1, 2, 0)).float()[None]


@pytest.mark.parametrize("fill", OPENCV)
@pytest.mark.parametrize("radius", [3, 7])
def test_thin_holes_are_as_opencv_fills_them_in_8_bits(fill, radius):
    image, mask = photo_like(80), torch.zeros(1, 80, 80)
    mask[:, 20:23, 10:70] = 1
    mask[:, 30:60, 40:43] = 1
    bytes_of = (image[0].numpy() * 255).round().astype(np.uint8)
    bare = cv2.inpaint(bytes_of, mask[0].numpy().astype(np.uint8), radius, OPENCV[fill])
    difference = np.abs(fill(image, mask, radius)[0].numpy() * 255 - bare)[mask[0].numpy() > 0]
    assert difference.max() < 8
    assert difference.mean() < 1.5


@pytest.mark.parametrize("fill", OPENCV)
def test_a_wide_hole_in_even_ground_is_as_even_and_no_brighter(fill):
    """In 8 bits, and in its own units of 1 / 255 in float, OpenCV's Telea is wrong by levels here."""
    image, mask = torch.full((1, 90, 90, 3), 101 / 255), torch.zeros(1, 90, 90)
    mask[:, 10:80, 10:80] = 1
    # Something else in sight, further from the hole than it looks, so that the range is not that of one value.
    mask[:, :30, 50:] = 0
    image[:, 10:16, 70:] = torch.tensor([0.0, 0.5, 1.0])
    bare = cv2.inpaint((image[0].numpy() * 255).round().astype(np.uint8), mask[0].numpy().astype(np.uint8), 3, 1)
    assert np.abs(bare[mask[0].numpy() > 0].astype(int) - 101).max() >= 3
    assert ((fill(image, mask)[mask > 0] - 101 / 255) * 255).abs().max() < 0.1


@pytest.mark.parametrize("fill", OPENCV)
def test_steps_finer_than_8_bits_are_kept(fill):
    slope = torch.linspace(100, 102, 60).div(255).view(1, 1, 60, 1).expand(1, 40, -1, 3)
    mask = torch.zeros(1, 40, 60)
    mask[:, 18:21, 5:55] = 1
    assert ((fill(slope, mask) - slope) * 255).abs().max() < 0.1


def test_an_edge_goes_on_through_a_scratch():
    image, mask = torch.zeros(1, 40, 40, 3), torch.zeros(1, 40, 40)
    image[:, :, 20:] = 1
    mask[:, 18:22] = 1
    wrong = (fill_telea(image, mask) - image)[0, 18:22].abs()
    assert wrong[:, [*range(17), *range(23, 40)]].max() < 0.01
    assert wrong.max() < 0.5
    # OpenCV's Navier-Stokes leans to what lies to the left; so does this.
    bare = cv2.inpaint((image[0].numpy() * 255).astype(np.uint8), mask[0].numpy().astype(np.uint8), 3, cv2.INPAINT_NS)
    np.testing.assert_allclose(fill_navier_stokes(image, mask)[0] * 255, bare, rtol=0, atol=2.5)


@pytest.mark.parametrize("fill", OPENCV)
@pytest.mark.parametrize("size", [(1, 30), (30, 1), (2, 30), (3, 3)])
def test_a_hole_at_the_border_of_a_small_picture_is_filled(fill, size):
    image = 0.4 + 0.2 * torch.rand(1, *size, 3)
    mask = torch.ones(1, *size)
    mask[:, 0, 0] = 0
    image[mask > 0] = torch.nan
    assert torch.equal(fill(image, mask), image[:, :1, :1].expand_as(image))


@pytest.mark.parametrize("fill", OPENCV)
def test_a_larger_radius_looks_further(fill):
    image, mask = torch.zeros(1, 40, 40, 3), torch.zeros(1, 40, 40)
    image[:, 10:30:2] = 1
    mask[:, 16:24, 16:24] = 1
    spread = [float(fill(image, mask, radius)[mask > 0].std()) for radius in (1, 12)]
    assert spread[1] < spread[0]
    with pytest.raises(InpaintError, match=r"^radius: expected 0 or more, got -1\. 3 is usual"):
        fill(image, mask, -1)


# ---- fade_width --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [0.5, 1, 2.5, 6, 300])
def test_the_fill_fades_in_by_true_distance_inside_the_mask(pixels):
    image, filled, mask = torch.rand(2, 24, 30, 4), torch.rand(2, 24, 30, 4), random_mask((2, 24, 30), 0.5)
    faded = fade_in(image, filled, mask, pixels)
    assert torch.equal(faded[mask == 0], filled[mask == 0])
    for index, area in enumerate(mask.numpy()):
        way = ((distances(area).min(axis=1) - 0.5) / pixels).clip(0, 1)
        share = torch.from_numpy(way * way * (3 - 2 * way)).float()[:, None]
        inside = mask[index] > 0
        expected = torch.lerp(image[index][inside], filled[index][inside], share)
        torch.testing.assert_close(faded[index][inside], expected, rtol=0, atol=1e-5)


def test_no_fade_width_is_the_fill_and_no_border_of_the_picture_is_an_edge():
    image, filled, mask = torch.zeros(1, 9, 9, 3), torch.ones(1, 9, 9, 3), torch.ones(1, 9, 9)
    assert fade_in(image, filled, mask, 0) is filled
    assert torch.equal(fade_in(image, filled, mask, 5), filled)
    mask[:, :, :4] = 0
    assert bool((fade_in(image, filled, mask, 3)[:, :, 7:] == 1).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_a_fade_leaves_what_is_outside_and_takes_the_fill_where_the_picture_is_no_number(dtype):
    image, mask = torch.rand(1, 20, 20, 4).to(dtype), disc(20, 7)
    image[0, 10, 4] = torch.nan
    before = image.clone()
    filled = fill_harmonic(image, mask)
    faded = fade_in(image, filled, mask, 4)
    assert faded.dtype == dtype
    assert torch.equal(faded[mask == 0], image[mask == 0])
    assert torch.equal(faded[0, 10, 4, :3], filled[0, 10, 4, :3])
    assert bool(faded[..., :3].isfinite().all())
    torch.testing.assert_close(image, before, rtol=0, atol=0, equal_nan=True)


def test_fade_widths_that_are_none_are_refused():
    image, mask = torch.rand(1, 4, 4, 3), torch.ones(1, 4, 4)
    with pytest.raises(
        InpaintError, match=r"^fade_width: expected 0 or more, got -1\. Use 0 to fill the whole mask\.$"
    ):
        fade_in(image, image, mask, -1)
    with pytest.raises(InpaintError, match=r"^mask: expected \[1, 4, 4\] to fit the image, got \[2, 4, 4\]"):
        fade_in(image, image, torch.ones(2, 4, 4), 1)
