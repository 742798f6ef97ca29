"""The seam score: exact on flat pictures, and what must hold for it on photographs."""

import math
from functools import cache

import numpy as np
import pytest
import skimage.data
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from scipy import ndimage
from skimage import color

from inpaint.compositing import blend
from inpaint.compositing import edge_lines as lines_module
from inpaint.compositing.edge_lines import EdgeLines
from inpaint.compositing.seam_score import FAINT, HIDDEN, LEAST, Seam, seam, worst
from inpaint.core.errors import InpaintError
from inpaint.masks import feather

PHOTOS = ["astronaut", "coffee", "chelsea", "rocket"]


@cache
def photo(name: str) -> torch.Tensor:
    return torch.from_numpy(getattr(skimage.data, name)()).float()[None, :300, :400] / 255


def blob(image: torch.Tensor, seed: int = 0, share: float = 0.15) -> torch.Tensor:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(image.shape[1:3]), 25)
    smooth[:60], smooth[-60:], smooth[:, :60], smooth[:, -60:] = 0, 0, 0, 0
    return torch.from_numpy(smooth > np.quantile(smooth, 1 - share))[None].float()


def disc(height: int, width: int, radius: float) -> torch.Tensor:
    y, x = np.mgrid[:height, :width]
    return torch.from_numpy(np.hypot(y - height / 2 + 0.3, x - width / 2 + 0.2) < radius)[None].float()


def pasted(image: torch.Tensor, mask: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.lerp(image, other.expand_as(image), mask[..., None])


def lab(image: torch.Tensor, *shift: float) -> torch.Tensor:
    pixels = image.movedim(-1, 1)
    return lab_to_rgb(rgb_to_lab(pixels) + torch.tensor(shift)[None, :, None, None]).movedim(1, -1)


def blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), (0, sigma, sigma, 0)))


def grain(image: torch.Tensor, amount: float, seed: int = 0) -> torch.Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return (image + amount * noise).clamp(0, 1)


def score(image: torch.Tensor, mask: torch.Tensor) -> float:
    return seam(image, mask)[0].score


@pytest.mark.parametrize("edge", [0, 12])
@pytest.mark.parametrize("hole", ["disc", "touching a border", "thin", "two"])
def test_a_flat_picture_is_measured_exactly(edge, hole):
    one, other = torch.tensor([0.25, 0.45, 0.7]), torch.tensor([0.2, 0.5, 0.7])
    mask = disc(160, 200, 40)
    if hole == "touching a border":
        mask = torch.zeros(1, 160, 200)
        mask[:, :60, 120:] = 1
    elif hole == "thin":
        mask = torch.zeros(1, 160, 200)
        mask[:, 80:84, 30:170] = 1
    elif hole == "two":
        mask = torch.zeros(1, 160, 200)
        mask[:, 50:110, 40:80] = mask[:, 60:90, 130:170] = 1
    mask = feather(mask, edge, "outside")
    (found,) = seam(pasted(one.expand(1, 160, 200, 3), mask, other), mask)
    step = color.rgb2lab(other.double().numpy()) - color.rgb2lab(one.double().numpy())
    amount = np.abs(step) / LEAST
    assert found.delta_e == pytest.approx(np.linalg.norm(step), rel=0.05 if edge else 1e-4)
    assert found.lighter == pytest.approx(step[0], rel=0.05 if edge else 1e-4)
    assert found.lightness == pytest.approx(amount[0], rel=0.05 if edge else 1e-4)
    assert found.tint == pytest.approx(math.hypot(*amount[1:]), rel=0.05 if edge else 1e-4)
    assert found.detail == pytest.approx(0, abs=0.02)
    assert found.score == pytest.approx(math.sqrt(1 + (amount**2).sum()), rel=0.05 if edge else 1e-4)
    assert found.lines > 100


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("edge", [0, 12])
def test_a_picture_nothing_was_done_to_shows_no_seam(name, seed, edge):
    image = photo(name)
    # A wide edge has fewer places that are independent of each other.
    assert score(image, feather(blob(image, seed), edge, "outside")) < (1.3 if edge else HIDDEN)


@pytest.mark.parametrize("name", PHOTOS[::2])
@pytest.mark.parametrize("edge", [0, 8, 16])
def test_the_larger_a_step_the_larger_the_score(name, edge):
    image = photo(name)
    mask = feather(blob(image), edge, "outside")
    scores = [score(pasted(image, mask, lab(image, shift, 0, 0)), mask) for shift in (0, 4, 8, 16)]
    assert scores == sorted(scores)
    # Glaring, however soft the edge and whatever the texture.
    assert scores[3] > FAINT


@pytest.mark.parametrize("name", PHOTOS)
def test_a_soft_step_that_is_plain_stands_above_a_hard_one_that_is_faint(name):
    image = photo(name)
    hard, soft = blob(image), feather(blob(image), 16, "outside")
    faint = score(pasted(image, hard, lab(image, 2, 0, 0)), hard)
    assert faint < score(pasted(image, soft, lab(image, 12, 0, 0)), soft)


def test_texture_hides_what_a_clear_sky_shows():
    gravel = torch.from_numpy(skimage.data.gravel()).float()[None, :200, :200, None].expand(-1, -1, -1, 3) / 255
    sky = photo("rocket")[:, :200, :200]
    for edge in (0, 8):
        mask = feather(disc(200, 200, 45), edge, "outside")
        in_sky, in_texture = (score(pasted(image, mask, image + 8 / 255), mask) for image in (sky, gravel))
        assert in_sky > FAINT > in_texture


@pytest.mark.parametrize("edge", [0, 12])
def test_a_slope_that_goes_on_is_no_seam_and_one_that_breaks_off_is(edge):
    y, x = torch.meshgrid(torch.linspace(0, 1, 200), torch.linspace(0, 1, 200), indexing="ij")
    slope = torch.stack([x, y, (x + y) / 2], dim=-1)[None]
    mask = torch.zeros(1, 200, 200)
    mask[:, 70:130, 70:130] = 1
    mask = feather(mask, edge, "outside")
    assert score(slope, mask) < HIDDEN
    assert score(pasted(slope, mask, slope + 0.03), mask) > FAINT


def test_steps_that_the_picture_has_along_displaced_outlines_hide_one_at_the_edge():
    y, x = np.mgrid[:300, :300]
    distance = np.hypot(y - 150, x - 150) - 80
    mask = torch.from_numpy(distance < 0)[None].float()
    values = np.random.default_rng(0).uniform(-0.06, 0.06, 200)
    rings = values[np.floor(distance / 3).astype(int)][None, ..., None]
    plain, ringed = torch.full((1, 300, 300, 3), 0.5), torch.from_numpy(0.5 + rings).float().expand(-1, -1, -1, 3)
    shift = 0.06
    assert score(pasted(plain, mask, plain + shift), mask) > 2
    assert score(ringed, mask) < FAINT
    assert score(pasted(ringed, mask, ringed + shift), mask) < 0.6 * score(pasted(plain, mask, plain + shift), mask)


def test_steps_of_both_signs_along_the_edge_are_the_pictures_own():
    image = torch.full((1, 300, 300, 3), 0.5)
    mask = disc(300, 300, 90)
    angle = torch.atan2(*(torch.meshgrid(torch.arange(300.0) - 150, torch.arange(300.0) - 150, indexing="ij")))
    spokes = torch.where((angle * 12 / math.pi).floor() % 2 > 0, 0.04, -0.04)[None, ..., None]
    assert score(pasted(image, mask, image + 0.04), mask) > 2 * score(pasted(image, mask, image + spokes), mask)


def test_a_paste_lighter_on_one_side_and_darker_on_the_other():
    image = grain(torch.full((1, 300, 400, 3), 0.5), 0.02)
    mask = feather(disc(300, 400, 100), 8, "outside")
    ramp = torch.linspace(-0.25, 0.25, 400)[None, None, :, None]
    (found,) = seam(pasted(image, mask, image + ramp), mask)
    assert found.score > FAINT
    assert "lighter on one side and darker on the other" in found.report()


@pytest.mark.parametrize(("name", "edge"), [("astronaut", 8), ("coffee", 16), ("chelsea", 16)])
def test_a_blurred_blob_is_named(name, edge):
    image = photo(name)
    mask = feather(blob(image), edge, "outside")
    scores = [seam(pasted(image, mask, blurred(image, sigma)), mask)[0] for sigma in (0.1, 1, 4)]
    assert scores[0].detail < scores[1].detail < scores[2].detail
    assert scores[2].score > FAINT
    assert scores[2].sharpness < 0.6
    assert "A blur: the pasted area has " in scores[2].report()


def test_a_blur_is_seen_in_what_is_soft_already():
    image = blurred(photo("chelsea"), 2)
    mask = feather(blob(image), 8, "outside")
    assert score(image, mask) < HIDDEN
    assert score(pasted(image, mask, blurred(image, 4)), mask) > 1.5


def test_grain_is_named_and_other_grain_hides_it():
    sky = torch.full((1, 240, 240, 3), 0.5)
    mask = feather(disc(240, 240, 60), 8, "outside")
    (clear,) = seam(pasted(sky, mask, grain(sky, 0.03)), mask)
    rough = grain(sky, 0.05, seed=1)
    (hidden,) = seam(pasted(rough, mask, grain(rough, 0.02)), mask)
    assert clear.score > FAINT
    assert clear.sharpness > 3
    assert "Grain: the pasted area has " in clear.report()
    assert hidden.score < HIDDEN
    # The same grain missing inside.
    (missing,) = seam(pasted(rough, mask, sky), mask)
    assert missing.score > FAINT
    assert missing.sharpness < 0.3


@pytest.mark.parametrize("name", PHOTOS)
def test_a_tint_is_named(name):
    image = photo(name)
    mask = feather(blob(image), 8, "outside")
    (found,) = seam(pasted(image, mask, lab(image, 0, 10, -10)), mask)
    assert found.score > HIDDEN
    assert found.tint > max(found.lightness, found.detail)
    assert "A tint: " in found.report()


def test_a_hard_step_within_a_soft_mask_is_found():
    image = torch.full((1, 200, 200, 3), 0.5)
    soft = feather(disc(200, 200, 50), 40, "outside")
    ring = soft > 0.5
    # Inside the edge only, and faded out to both sides: across the whole edge there is no step.
    image[ring] += (0.1 * ((1 - soft[ring]) * 2))[:, None]
    assert score(image, soft) > FAINT


def test_a_better_blend_scores_better():
    image = photo("astronaut")
    mask, painted = blob(image), (photo("astronaut") + 0.08).clamp(0, 1)
    scores = {
        method: score(blend(image, painted, mask, method), mask) for method in ("feather", "multiband", "poisson")
    }
    assert scores["feather"] > FAINT
    assert scores["multiband"] < HIDDEN
    assert scores["poisson"] < HIDDEN


def test_which_way_up_it_is_and_how_strong_the_mask_does_not_matter():
    image = photo("chelsea")
    mask = blob(image)
    image = pasted(image, mask, image + 0.03)
    (found,) = seam(image, mask)
    (weak,) = seam(image, mask * 0.3)
    assert weak.score == pytest.approx(found.score, rel=1e-5)
    for other in (seam(image.flip(1), mask.flip(1)), seam(image.flip(2), mask.flip(2)), seam(image.mT.mT, mask)):
        assert other[0].score == pytest.approx(found.score, rel=0.05)
    (turned,) = seam(image.transpose(1, 2), mask.transpose(1, 2))
    assert turned.score == pytest.approx(found.score, rel=0.05)
    assert turned.lines == pytest.approx(found.lines, rel=0.05)


def test_some_of_a_long_edge_stands_for_all_of_it(monkeypatch):
    image = photo("coffee")
    mask = blob(image)
    image = pasted(image, mask, image + 0.04)
    (whole,) = seam(image, mask)
    monkeypatch.setattr(lines_module, "MOST", 20)
    (part,) = seam(image, mask)
    assert part.lines < whole.lines / 3
    assert part.score == pytest.approx(whole.score, rel=0.2)
    row = torch.zeros(1, 30, 2000)
    row[:, 10:20, 100:1900] = 1
    lines = EdgeLines.around(row[0].numpy() > 0, 0, 0, (30, 2000))
    assert lines is not None
    assert lines.places[:, 1].min() < 300
    assert lines.places[:, 1].max() > 1400


def test_lines_point_inside_all_around_areas_and_their_holes():
    area = disc(80, 90, 30)[0].numpy() > 0
    area[32:48, 37:53] = False
    lines = EdgeLines.around(area, 5, 7, (100, 100))
    assert lines is not None
    row, column = (lines.places - (5, 7)).T
    assert area[row, column].all()
    inner, outer = (np.rint(lines.places + sign * 2 * lines.inward).astype(int) - (5, 7) for sign in (1, -1))
    assert area[tuple(inner.T)].all()
    assert not area[tuple(outer.T)].any()
    assert np.linalg.norm(lines.inward, axis=1) == pytest.approx(1)
    assert lines.length == pytest.approx(2 * math.pi * 30 + 4 * 17, rel=0.07)
    assert (lines.sizes[lines.sizes > 0] <= 14).all()


@pytest.mark.parametrize("mask", [torch.zeros(1, 20, 20), torch.ones(1, 20, 20), torch.full((1, 20, 20), 0.4)])
def test_no_edge_is_no_seam(mask):
    assert seam(torch.rand(1, 20, 20, 3), mask) == (Seam(),)
    assert seam(torch.rand(1, 1, 1, 3), mask[:, :1, :1]) == (Seam(),)
    half = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 5, 4)
    assert seam(torch.rand(1, 5, 4, 3), half) == (Seam(),)
    assert (
        Seam().report()
        == "No seam to measure: the mask has no edge inside the picture, or no usable pixels lie beside it."
    )


@pytest.mark.parametrize("size", [(1, 40), (9, 9), (30, 40), (64, 64)])
def test_every_mask_is_scored(size):
    random = torch.Generator().manual_seed(0)
    image = torch.rand(1, *size, 3, generator=random)
    noise = torch.rand(1, *size, generator=random)
    single = torch.zeros(1, *size)
    single[:, size[0] // 2, size[1] // 2] = 1
    wide = torch.from_numpy(ndimage.gaussian_filter(single.numpy(), (0, 9, 9))).float()
    for mask in (
        noise,
        (noise > 0.9).float(),
        single,
        wide,
        1 - single,
        torch.linspace(0, 1, size[1]).expand(1, *size),
    ):
        (found,) = seam(image, mask)
        assert all(math.isfinite(value) for value in vars(found).values())
        assert found.score >= 1


def test_each_picture_has_its_own_score():
    image = photo("astronaut").repeat(3, 1, 1, 1)
    mask = blob(image).repeat(3, 1, 1)
    mask[2] = 0
    image[1] += 0.1 * mask[1, ..., None]
    first, second, third = seam(image, mask)
    assert first.score < HIDDEN
    assert second.score > 2
    assert third == Seam()
    assert seam(image[1:2], mask[1:2]) == (second,)
    assert worst([first, third, second]) == second
    assert worst([third, first]) == first


def test_pixels_that_are_not_finite_play_no_part():
    image = photo("astronaut")
    mask = blob(image)
    image = pasted(image, mask, image + 0.03)
    broken = image.clone()
    broken[torch.rand(mask.shape, generator=torch.Generator().manual_seed(0)) < 0.02] = torch.nan
    (found,), (whole,) = seam(broken, mask), seam(image, mask)
    assert found.score == pytest.approx(whole.score, rel=0.1)
    assert seam(torch.full_like(image, torch.nan), mask) == (Seam(),)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_dtypes_and_alpha_give_the_same_and_nothing_is_touched(dtype):
    image = photo("astronaut").half().float()
    mask = blob(image)
    image = pasted(image, mask, image + 0.125).half().float()
    with_alpha = torch.cat([image, torch.rand(1, *image.shape[1:3], 1)], dim=-1).to(dtype)
    before = with_alpha.clone()
    (found,), (expected,) = seam(with_alpha, mask.to(dtype)), seam(image, mask)
    assert found.score == pytest.approx(expected.score, rel=1e-5)
    assert torch.equal(with_alpha, before)


def test_reports():
    assert Seam(1.03, lines=900).report() == "Seam not visible: score 1.03, and up to 1.2 is not seen."
    assert Seam(1.5, 1.1, 0.2, 0.1, 4.4, -4.2, 1.0, 900).report() == (
        "Seam faint: score 1.50, Delta E 4.4 across the edge. A step: the pasted area is 4.2 L* darker. "
        "Set color to auto or field where it is pasted, or raise the feather."
    )
    several = Seam(3.9, 0.1, 2.0, 3.2, 9.0, 0.1, 0.25, 900).report()
    assert several.startswith(
        "Seam visible: score 3.90, Delta E 9.0 across the edge. A blur: the pasted area has 25 % "
    )
    assert "A tint: the pasted area has another color cast." in several
    assert "A step" not in several


def test_what_does_not_fit_is_refused():
    with pytest.raises(InpaintError, match=r"^mask: expected \[1, 20, 20\] to fit the image"):
        seam(torch.zeros(1, 20, 20, 3), torch.zeros(1, 20, 21))
