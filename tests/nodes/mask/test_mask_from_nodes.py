"""Mask from Color, from Alpha and from Difference on the host.

Mutations seen to fail here: invert ignored, or always done; tolerance and softness swapped; softness not passed on;
tolerance 0 by default; another default color; other compared with itself; the preview left out, of the first picture
only, or not made float32; the report made before the inversion.
"""

import pytest
import torch

NAN = float("nan")


def _screen(height=48, width=64, channels=3):
    """A red block, rows 8 to 24 and columns 16 to 32, before a green screen of slightly different greens."""
    picture = torch.zeros(1, height, width, channels)
    picture[..., 1] = torch.linspace(240, 255, width) / 255
    picture[:, 8:24, 16:32] = 0
    picture[:, 8:24, 16:32, 0] = 1
    picture[..., 3:] = 1
    return picture


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_green_screen_is_masked_with_nothing_changed(run, channels, dtype):
    image = _screen(channels=channels).to(dtype)
    given = image.clone()
    ran = run("MendMaskFromColor", image=image)
    expected = torch.ones(1, 48, 64)
    expected[:, 8:24, 16:32] = 0
    assert torch.equal(ran.outputs[0], expected)
    assert ran.text == "The mask covers 91.7% of the picture."
    assert len(ran.ui["images"]) == 1
    assert torch.equal(image, given)
    swapped = run("MendMaskFromColor", image=image, invert=True)
    assert torch.equal(swapped.outputs[0], 1 - expected)
    assert swapped.text == "The mask covers 8.3% of the picture."


def test_every_widget_of_mask_from_color_counts(run):
    image = _screen()
    (red,) = run("MendMaskFromColor", image=image, color="255, 0, 0", tolerance=0.0).outputs
    assert red.sum() == 16 * 16
    (tight,) = run("MendMaskFromColor", image=image, tolerance=2.0).outputs
    (soft,) = run("MendMaskFromColor", image=image, tolerance=2.0, softness=4.0).outputs
    row = soft[0, 0]
    assert 0 < tight.sum() < soft.sum() < 48 * 64 - 256
    assert bool((row.diff() >= 0).all())
    assert row[0] == 0
    assert row[-1] == 1
    assert bool(((row > 0) & (row < 1)).any())
    assert torch.equal(tight == 1, soft == 1)


def test_a_color_that_is_none_is_named(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^color: expected #rrggbb, .* got 'gren'"):
        run("MendMaskFromColor", image=_screen(), color="gren")


def test_what_is_transparent_is_masked(run):
    image = torch.rand(2, 30, 40, 4)
    image[..., 3] = 1
    image[0, :10, :, 3] = 0
    image[0, 10, :, 3] = 0.25
    ran = run("MendMaskFromAlpha", image=image)
    (mask,) = ran.outputs
    assert torch.equal(mask, 1 - image[..., 3])
    assert "18.3%" in ran.text
    assert len(ran.ui["images"]) == 2
    assert torch.equal(run("MendMaskFromAlpha", image=image, invert=True).outputs[0], image[..., 3])


def test_a_picture_without_alpha_is_refused_in_words(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 4\] with alpha, got .* its MASK output"):
        run("MendMaskFromAlpha", image=torch.rand(1, 8, 8, 3))


def test_a_difference_is_masked_and_noise_is_not(run):
    torch.manual_seed(0)
    before = torch.rand(1, 48, 64, 3) * 0.5 + 0.25
    after = before + (torch.rand_like(before) - 0.5) * 0.01
    after[:, 8:24, 16:32] = before[:, 8:24, 16:32] - 0.2
    ran = run("MendMaskFromDifference", image=before, other=after)
    expected = torch.zeros(1, 48, 64)
    expected[:, 8:24, 16:32] = 1
    assert torch.equal(ran.outputs[0], expected)
    assert ran.text == "The mask covers 8.3% of the picture."
    assert torch.equal(run("MendMaskFromDifference", image=before, other=after, invert=True).outputs[0], 1 - expected)
    assert run("MendMaskFromDifference", image=before, other=after, tolerance=0.0).outputs[0].mean() > 0.99
    (soft,) = run("MendMaskFromDifference", image=before, other=after, softness=50.0).outputs
    assert 0.05 < soft[:, 8:24, 16:32].min() < soft.max() < 1


@pytest.mark.parametrize(("one", "two"), [(1, 3), (3, 1), (3, 3)])
def test_one_picture_is_compared_with_many(run, one, two):
    picture = torch.rand(1, 20, 30, 4)
    many = picture.repeat(3, 1, 1, 1)
    for index in range(3):
        many[index, index, 0, :3] += 0.5
    ran = run("MendMaskFromDifference", image=(picture, many)[one == 3], other=(picture, many)[two == 3])
    (mask,) = ran.outputs
    assert len(ran.ui["images"]) == len(mask) == 3
    assert mask.sum() == (0 if one == two else 3)
    assert one == two or [mask[index, index, 0] for index in range(3)] == [1, 1, 1]


def test_pictures_that_do_not_fit_are_named(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^other: expected 64x48 as image, got 32x32"):
        run("MendMaskFromDifference", image=_screen(), other=torch.zeros(1, 32, 32, 3))


def test_nothing_found_says_so(run):
    assert "empty" in run("MendMaskFromColor", image=_screen(), color="blue").text
    assert "empty" in run("MendMaskFromDifference", image=_screen(), other=_screen()).text
    assert "full" in run("MendMaskFromAlpha", image=torch.zeros(1, 8, 8, 4)).text


def test_nan_is_no_color_and_a_difference(run):
    image = _screen()
    image[0, 0, 0, 1] = NAN
    (mask,) = run("MendMaskFromColor", image=image).outputs
    assert mask[0, 0, 0] == 0
    assert mask[0, 0, 1] == 1
    (mask,) = run("MendMaskFromDifference", image=image, other=_screen()).outputs
    assert mask[0, 0, 0] == 1
    assert mask.sum() == 1
