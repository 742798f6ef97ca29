"""Color fitted on the ring: what must be undone exactly, and what must play no part in it.

Mutations seen to fail here: a ring with the hole in it, a pixel too wide, around what is fully masked only; all kept
pixels or the hole itself fitted on; pixels that are not finite fitted on; strength left out, or not told; values let
out of 0..1, or cut to it where they were outside; infinity made another number; alpha changed; the input changed in
place; contrast taken from the wrong picture, from a flat ring, from few pixels, or without bounds; the shift the wrong
way, of all frames, of the whole picture; a field that is not extended, not a mean, not smooth, that follows stray
pixels of the ring, or without its mean; a ratio of spreads instead of a slope, no prior, a slope of single pixels;
outliers fitted on; "auto" that takes what is better by chance, by its own blocks, or of pictures of other things.
"""

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter

from inpaint.compositing.color import METHODS, match_color
from inpaint.core.errors import InpaintError
from inpaint.masks.ring import ring_around

FITTED = ["mean-std", "field"]
SHIFT = torch.tensor([0.06, -0.04, 0.02])


def scene(height: int = 96, width: int = 80, frames: int = 1, seed: int = 0) -> torch.Tensor:
    """Something like a photograph in 0.2..0.8: large shapes and fine texture."""
    random = np.random.default_rng(seed)
    smooth = gaussian_filter(random.random((frames, height, width, 3)), (0, 9, 9, 0))
    picture = (smooth - smooth.min()) / np.ptp(smooth) * 0.5 + 0.25 + 0.05 * random.random(smooth.shape)
    return torch.from_numpy(picture).float()


def hole_in(height: int = 96, width: int = 80, frames: int = 1) -> torch.Tensor:
    mask = torch.zeros(frames, height, width)
    mask[:, 30:70, 25:60] = 1
    mask[:, 60:80, 50:] = 0.5
    return mask


@pytest.mark.parametrize("pixels", [0, 1, 2.5, 7, 1000])
def test_the_ring_is_what_is_kept_within_a_distance(pixels):
    mask = hole_in()
    distance = distance_transform_edt(mask[0].numpy() == 0)
    expected = (distance > 0) & (distance <= pixels)
    assert np.array_equal(ring_around(mask, pixels)[0].numpy(), expected)


@pytest.mark.parametrize("method", FITTED)
def test_a_shift_is_undone_exactly_and_contrast_stays(method):
    original, mask = scene(), hole_in()
    painted = original.clone()
    painted[mask > 0] = scene(seed=1)[mask > 0]
    matched = match_color(original, painted + SHIFT, mask, method)
    torch.testing.assert_close(matched.image, painted, rtol=0, atol=2e-6)
    torch.testing.assert_close(matched.shift, -SHIFT[None], rtol=0, atol=1e-6)
    inside = matched.image[mask > 0]
    assert float((inside.std(dim=0) / painted[mask > 0].std(dim=0) - 1).abs().max()) < 1e-4


def test_a_change_of_contrast_is_undone_by_mean_std():
    original, mask = scene(), hole_in()
    painted = (original - 0.5) * torch.tensor([0.8, 1.1, 1.3]) + 0.45
    matched = match_color(original, painted, mask, "mean-std")
    torch.testing.assert_close(matched.image, original, rtol=0, atol=0.01)


def test_grain_does_not_hide_a_change_of_contrast():
    """Of a textured ring; a regression on single pixels would find it too small."""
    original, mask = scene(), hole_in()
    grain = 0.03 * torch.randn(original.shape, generator=torch.Generator().manual_seed(1))
    matched = match_color(original, (original - 0.5) * 0.8 + 0.5 + grain, mask, "mean-std").image
    found = (matched[mask > 0] - matched[mask > 0].mean(dim=0)) / (0.8 * (original - 0.5) + grain)[mask > 0].sub(
        (0.8 * (original - 0.5) + grain)[mask > 0].mean(dim=0)
    )
    assert found.median() == pytest.approx(1.25, abs=0.07)


@pytest.mark.parametrize("method", ["auto", *FITTED])
@pytest.mark.parametrize("grain", ["softer", "noisier", "quantized"])
def test_what_a_model_does_to_a_flat_ring_does_not_change_an_object(method, grain):
    random = np.random.default_rng(0)
    original = torch.from_numpy(0.6 + 0.008 * random.standard_normal((1, 120, 120, 3))).float()
    mask = torch.zeros(1, 120, 120)
    mask[:, 40:80, 40:80] = 1
    painted = original.clone()
    if grain == "softer":
        painted = torch.from_numpy(gaussian_filter(original.numpy(), (0, 2, 2, 0)))
    elif grain == "noisier":
        painted = painted + torch.from_numpy(0.03 * random.standard_normal(painted.shape)).float()
    else:
        painted = (painted * 20).round() / 20
    painted[:, 50:70, 50:70] = torch.tensor([0.9, 0.1, 0.15])
    change = match_color(original, painted, mask, method).image - painted
    assert float(change[mask > 0].abs().max()) < 0.012


@pytest.mark.parametrize("method", ["auto", *FITTED])
def test_what_is_painted_across_the_edge_plays_no_part(method):
    original, mask = scene(), hole_in()
    painted = original + SHIFT
    across = painted.clone()
    across[:, 35:60, 5:30] = torch.tensor([0.9, 0.05, 0.05])
    same = (across == painted).all(dim=-1)
    clean, matched = (match_color(original, each, mask, method) for each in (painted, across))
    assert matched.pixels[0] < clean.pixels[0]
    torch.testing.assert_close(matched.image[same], clean.image[same], rtol=0, atol=0.002)


def auto_cases() -> dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    original, mask = scene(160, 150), torch.zeros(1, 160, 150)
    mask[:, 45:115, 40:110] = 1
    noise = 0.01 * torch.randn(original.shape, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(-0.06, 0.06, 150)[None, None, :, None]
    few = torch.ones_like(mask)
    few[:, :7, :7] = 0
    return {
        "none, equal": (original, original, mask),
        "none, noise": (original, original + noise, mask),
        "none, something else": (
            original,
            torch.rand(original.shape, generator=torch.Generator().manual_seed(2)),
            mask,
        ),
        "none, few pixels": (original, original + SHIFT, few),
        "mean-std, shift": (original, original + SHIFT + noise, mask),
        "mean-std, contrast": (original, (original - 0.5) * 0.85 + 0.5 + noise, mask),
        "field, ramp": (original, original + ramp + noise, mask),
    }


@pytest.mark.parametrize("case", auto_cases())
def test_auto_takes_the_simplest_that_helps(case):
    matched = match_color(*auto_cases()[case])
    expected = case.split(",")[0]
    assert matched.methods == (expected,)
    assert matched.report().startswith(f"Color: auto chose {expected}: ")
    original, painted, mask = auto_cases()[case]
    assert torch.equal(matched.image, match_color(original, painted, mask, expected).image)


@pytest.mark.parametrize("shift", [0.001, 0.004, 0.03])
def test_a_film_does_not_flicker_by_what_auto_chooses(shift):
    # A shift that is hardly there is corrected in some frames only. Grain and a little of the shift change with them.
    original, mask, random = scene(), hole_in(), torch.Generator().manual_seed(0)
    grain = 0.02 * torch.randn(12, *original.shape[1:], generator=random)
    shifts = shift * (1 + 0.3 * torch.randn(12, 1, 1, 1, generator=random))
    matched = match_color(original, original + shifts + grain, mask)
    left = (matched.image - original)[:, mask[0] > 0].mean(dim=1)
    assert float(left.diff(dim=0).abs().max()) < 1 / 255


def test_auto_chooses_for_each_picture_and_counts():
    one, other = (auto_cases()[name] for name in ("mean-std, shift", "field, ramp"))
    original, painted, mask = (torch.cat([first, second, first]) for first, second in zip(one, other, strict=True))
    matched = match_color(original, painted, mask)
    assert matched.methods == ("mean-std", "field", "mean-std")
    assert matched.report().startswith("Color: auto chose mean-std in 2, field in 1: red ")


def test_a_shift_that_differs_from_side_to_side_is_undone_by_the_field():
    original, mask = scene(), hole_in()
    y, x = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 80), indexing="ij")
    drift = torch.stack([0.1 * x, 0.08 * y, 0.05 * (x - y)], dim=-1)
    left = {method: (match_color(original, original + drift, mask, method).image - original) for method in FITTED}
    # Where the hole runs off the picture, the field goes on as it was.
    closed = mask == 1
    assert float(left["field"][closed].abs().max()) < 0.008
    assert float(left["mean-std"][closed].abs().max()) > 0.04


def test_the_field_does_not_follow_single_pixels():
    """Noise of 0.05 on the ring's pixels is averaged over blocks before it goes inside."""
    original, mask = scene(), hole_in()
    noise = 0.05 * torch.randn(original.shape, generator=torch.Generator().manual_seed(0))
    change = match_color(original, original + noise, mask, "field").image - (original + noise)
    assert float(change[mask > 0].abs().max()) < 0.02
    steps = max(float(change.diff(dim=dim).abs().max()) for dim in (1, 2))
    assert steps < 0.01


@pytest.mark.parametrize("method", FITTED)
def test_only_the_ring_is_looked_at(method):
    original, mask, ring = scene(), hole_in(), 12
    painted = scene(seed=1)
    outside_ring = ~ring_around(mask, ring)
    change = match_color(original, painted, mask, method, ring=ring).image - painted
    other, other_painted = original.clone(), painted.clone()
    other[outside_ring] = 0.9
    other_painted[outside_ring & (mask == 0)] = 0.1
    other_painted[:, 40, 40] = 0.3
    other_change = match_color(other, other_painted, mask, method, ring=ring).image - other_painted
    same = (other_painted == painted).all(dim=-1)
    torch.testing.assert_close(other_change[same], change[same], rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", FITTED)
def test_half_the_strength_is_half_the_change(method):
    original, painted, mask = scene(), scene(seed=1), hole_in()
    whole, half = (match_color(original, painted, mask, method, strength) for strength in (1.0, 0.5))
    torch.testing.assert_close(half.image - painted, 0.5 * (whole.image - painted), rtol=0, atol=1e-6)
    torch.testing.assert_close(half.shift, 0.5 * whole.shift)


@pytest.mark.parametrize(("method", "strength"), [("none", 1.0), ("field", 0.0), ("mean-std", 0.0)])
def test_nothing_asked_for_is_nothing_done(method, strength):
    painted = scene()
    matched = match_color(scene(seed=1), painted, hole_in(), method, strength)
    assert torch.equal(matched.image, painted)
    assert matched.report() == "Color was left as it was."


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize("why", ["all masked", "no ring", "nothing masked", "nothing finite"])
def test_with_nothing_to_fit_on_nothing_changes_and_it_is_said(method, why):
    original, painted, mask = scene(), scene(seed=1), hole_in()
    ring = 0.0 if why == "no ring" else 32.0
    if why == "all masked":
        mask = torch.full_like(mask, 0.1)
    elif why == "nothing masked":
        mask = torch.zeros_like(mask)
    elif why == "nothing finite":
        original = original * torch.nan
    matched = match_color(original, painted, mask, method, ring=ring)
    assert torch.equal(matched.image, painted)
    assert matched.pixels == (0,)
    assert matched.report() == "Color was not corrected: no known pixels lie around the mask to fit it on."


@pytest.mark.parametrize("method", FITTED)
def test_each_picture_is_fitted_on_its_own_ring(method):
    original, painted = scene(frames=3), scene(frames=3, seed=1)
    mask = hole_in(frames=3)
    mask[1] = 1
    mask[2] = mask[2].flip(0)
    matched = match_color(original, painted, mask, method)
    for index in range(3):
        one = slice(index, index + 1)
        alone = match_color(original[one], painted[one], mask[one], method)
        torch.testing.assert_close(matched.image[one], alone.image, rtol=0, atol=1e-3)
        assert matched.pixels[index] == alone.pixels[0]
    assert matched.pixels[1] == 0
    assert matched.report().endswith(" 1 of 3 pictures have no known pixels to fit on.")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batches", [(1, 3, 1), (3, 1, 1), (1, 1, 3), (3, 3, 1)])
def test_one_serves_many(method, batches):
    original, painted, mask = scene(frames=batches[0]), scene(frames=batches[1], seed=1), hole_in(frames=batches[2])
    matched = match_color(original, painted, mask, method)
    assert matched.image.shape[0] == len(matched.pixels) == len(matched.shift) == 3


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_stays_and_plays_no_part(method, bad):
    original, mask = scene(), hole_in()
    painted = original + SHIFT
    spots = torch.rand(mask.shape, generator=torch.Generator().manual_seed(0)) < 0.05
    painted[..., 1][spots] = bad
    original[..., 2][spots.flip(1)] = -bad
    matched = match_color(original, painted, mask, method)
    clean = ~spots & ~spots.flip(1)
    torch.testing.assert_close(matched.image[clean], original[clean], rtol=0, atol=2e-6)
    assert torch.equal(matched.image[..., 1][spots].nan_to_num(7), painted[..., 1][spots].nan_to_num(7))
    assert matched.image[..., 0].isfinite().all()
    assert matched.shift.isfinite().all()


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_and_alpha_stay_and_inputs_are_not_touched(method, dtype):
    original, mask = scene(), hole_in()
    painted = torch.cat([scene(seed=1), torch.rand(1, 96, 80, 1)], dim=-1).to(dtype)
    before = [each.clone() for each in (original, painted, mask)]
    matched = match_color(original, painted, mask.to(dtype), method).image
    assert matched.dtype == dtype
    assert torch.equal(matched[..., 3], painted[..., 3])
    for now, was in zip((original, painted, mask), before, strict=True):
        assert torch.equal(now, was)
    expected = match_color(original, painted.float(), mask, method).image.to(dtype)
    torch.testing.assert_close(matched, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", FITTED)
def test_values_do_not_leave_0_to_1_or_the_range_they_had(method):
    original, mask = torch.full((1, 60, 60, 3), 0.9), torch.zeros(1, 60, 60)
    mask[:, 20:40, 20:40] = 1
    painted = torch.full_like(original, 0.6)
    painted[0, 30, 30] = 0.95
    matched = match_color(original, painted, mask, method).image
    assert float(matched[0, 25, 25, 0]) == pytest.approx(0.9)
    assert float(matched[0, 30, 30, 0]) == 1.0
    painted[0, 31, 31], painted[0, 32, 32] = 1.1, torch.nan
    matched = match_color(original, painted, mask, method).image
    assert float(matched[0, 30, 30, 0]) == pytest.approx(1.1)
    assert float(matched[0, 31, 31, 0]) == pytest.approx(1.1)


def test_contrast_is_left_where_the_ring_cannot_tell_it():
    """A flat ring, one of few pixels, and one that shows something quite different."""
    mask = torch.zeros(1, 40, 40)
    mask[:, 15:25, 15:25] = 1
    flat, texture = torch.full((1, 40, 40, 3), 0.5), scene(40, 40)
    painted = torch.where(mask[..., None] > 0, texture, flat)
    inside = match_color(texture, painted, mask, "mean-std").image[mask > 0]
    torch.testing.assert_close(inside - inside.mean(dim=0), texture[mask > 0] - texture[mask > 0].mean(dim=0))

    few = torch.ones(1, 40, 40)
    few[:, 5, 5:12] = 0
    change = match_color(texture, texture * 0.5, few, "mean-std").image - texture * 0.5
    assert float(change.std(dim=(1, 2)).max()) < 1e-6

    gain = match_color(texture * 0.1 + 0.4, texture, mask, "mean-std").image[mask > 0].std(dim=0)
    torch.testing.assert_close(gain, texture[mask > 0].std(dim=0) / 1.5)


def test_settings_out_of_range_are_refused():
    one = scene(), scene(), hole_in()
    with pytest.raises(InpaintError) as error:
        match_color(*one, method="mkl")
    assert str(error.value) == "method: expected one of auto, none, mean-std, field, got mkl. Choose one of these."
    with pytest.raises(InpaintError) as error:
        match_color(*one, strength=1.5)
    assert str(error.value) == "strength: expected 0 to 1, got 1.5. Use 0 to leave colors as they are."
    with pytest.raises(InpaintError) as error:
        match_color(*one, ring=-1)
    assert str(error.value) == "ring: expected 0 or more, got -1. Use 0 for none."
    with pytest.raises(InpaintError, match="expected equal sizes"):
        match_color(scene(), scene(50, 50), hole_in())
