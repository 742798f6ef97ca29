"""Mask from Color, from Alpha and from Difference on the host.

Mutations seen to fail here: invert ignored, or always done; tolerance and softness swapped; softness not passed on;
tolerance 0 by default; another default color; other compared with itself; noise ignored always, or never; its report
left out; contiguous or the point not passed on; x and y swapped; an empty color refused; lightness not passed on; the
preview left out, of the first picture only, or not made float32; the report made before the inversion.
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
    (tight,) = run("MendMaskFromColor", image=image, tolerance=2.0, lightness=1.0).outputs
    (soft,) = run("MendMaskFromColor", image=image, tolerance=2.0, softness=4.0, lightness=1.0).outputs
    row = soft[0, 0]
    assert 0 < tight.sum() < soft.sum() < 48 * 64 - 256
    assert bool((row.diff() >= 0).all())
    assert row[0] == 0
    assert row[-1] == 1
    assert bool(((row > 0) & (row < 1)).any())
    assert torch.equal(tight == 1, soft == 1)


def _two_greens():
    """Green with a dark green half, cut in two by a red column, which leaves one corner to touch at."""
    picture = torch.zeros(2, 12, 20, 3)
    picture[..., 1] = 1
    picture[:, :, 10] = torch.tensor([1.0, 0, 0])
    picture[0, 6, 10] = torch.tensor([0, 1.0, 0])
    return picture


def test_only_the_area_at_the_point_is_masked(run):
    image = _two_greens()
    ran = run("MendMaskFromColor", image=image, contiguous=True, x=3, y=2)
    (mask,) = ran.outputs
    assert mask[0].sum() == 12 * 19 + 1
    assert mask[1].sum() == 12 * 10
    assert bool((mask[1, :, :10] == 1).all())
    assert "another color" not in ran.text
    inverted = run("MendMaskFromColor", image=image, contiguous=True, x=3, y=2, invert=True)
    assert torch.equal(inverted.outputs[0], 1 - mask)
    everywhere = run("MendMaskFromColor", image=image, x=3, y=2)
    assert everywhere.outputs[0].sum() == 12 * 19 * 2 + 1


def test_an_empty_color_is_that_of_the_point(run):
    image = _two_greens()
    (red,) = run("MendMaskFromColor", image=image[:1], color=" ", x=10, y=0).outputs
    assert red.sum() == 11
    (above,) = run("MendMaskFromColor", image=image[:1], color="", x=10, y=0, contiguous=True).outputs
    assert above[0, :6, 10].sum() == above.sum() == 6


def test_a_point_of_another_color_or_outside_is_named(run, InpaintError):
    image = _two_greens()
    ran = run("MendMaskFromColor", image=image, contiguous=True, x=10, y=6)
    assert ran.text.startswith(
        "The pixel at 10, 6 has another color in 1 of 2 pictures: no area is found. Raise tolerance, or leave color "
        "empty.\n"
    )
    assert ran.outputs[0][0].any()
    assert not ran.outputs[0][1].any()
    alone = run("MendMaskFromColor", image=image[1:], contiguous=True, x=10, y=6)
    assert alone.text.startswith("The pixel at 10, 6 has another color: no area is found.")
    for settings in ({"contiguous": True}, {"color": ""}):
        with pytest.raises(InpaintError, match=r"^y: expected 0 to 11 in a picture of 20x12, got 12\."):
            run("MendMaskFromColor", image=image, x=0, y=12, **settings)
    run("MendMaskFromColor", image=image, x=0, y=12)


def test_lightness_is_passed_on(run):
    image = torch.zeros(1, 1, 2, 3)
    image[..., 1] = torch.tensor([1.0, 0.8])
    (light,) = run("MendMaskFromColor", image=image, tolerance=21.0).outputs
    (full,) = run("MendMaskFromColor", image=image, tolerance=21.0, lightness=1.0).outputs
    assert light.tolist() == [[[1, 1]]]
    assert full.tolist() == [[[1, 0]]]


def test_a_prompt_from_before_these_widgets_is_still_taken(host_nodes):
    """Optional inputs that a saved prompt lacks are not passed."""
    for node_id, connected in (("MendMaskFromColor", {"color": "#0f0"}), ("MendMaskFromDifference", {})):
        node = host_nodes.NODE_CLASS_MAPPINGS[node_id]
        assert {"contiguous", "x", "y", "lightness", "ignore_noise"}.isdisjoint(node.INPUT_TYPES()["required"])
        connected |= {"other": _screen()} if node_id == "MendMaskFromDifference" else {}
        output = node.PREPARE_CLASS_CLONE({}).execute(
            image=_screen(), tolerance=5.0, softness=0.0, invert=False, **connected
        )
        assert output.result[0].shape == (1, 48, 64)


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
    assert ran.text == ("Tolerance 3 Delta E, as set: noise is not above it.\nThe mask covers 8.3% of the picture.")
    assert torch.equal(run("MendMaskFromDifference", image=before, other=after, invert=True).outputs[0], 1 - expected)
    every = run("MendMaskFromDifference", image=before, other=after, tolerance=0.0, ignore_noise=False)
    assert every.outputs[0].mean() > 0.99
    assert "Tolerance" not in every.text
    above = run("MendMaskFromDifference", image=before, other=after, tolerance=0.0)
    assert above.outputs[0].mean() < 0.14
    assert above.text.startswith("Tolerance 0.5 Delta E, from the noise of the pictures.")
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
