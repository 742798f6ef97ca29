"""The seam score against plain loops over scikit-image's Lab, and what must hold for it on photographs.

Mutations seen to fail here: the edge at 0.5 whatever the mask's largest value, or where it ends; rows left out; the
edge itself, or what is beyond the border, counted as beside it; the step next to the edge; means of values, not of
roots; no floor; steps for jumps; what is not finite, or outside 0..1, taken as it is; colors that are not Lab's; a
soft edge looked at on single pixels only, on large ones only, on some too small, on too few, or without the benefit of
doubt; every line of a long edge; nothing beside an edge; another limit in the report.
"""

import numpy as np
import pytest
import skimage.data
import torch
from scipy import ndimage
from skimage import color

from inpaint.compositing import blend
from inpaint.compositing import seam_score as module
from inpaint.compositing.seam_score import SIDE, UNSEEN, Seam, seam
from inpaint.core.errors import InpaintError
from inpaint.masks import feather

PHOTOS = ["astronaut", "coffee", "chelsea", "rocket"]


def photo(name: str) -> torch.Tensor:
    return torch.from_numpy(getattr(skimage.data, name)()).float()[None, :400, :500] / 255


def blob(image: torch.Tensor, seed: int = 0, share: float = 0.15) -> torch.Tensor:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(image.shape[1:3]), 25)
    smooth[:60], smooth[-60:], smooth[:, :60], smooth[:, -60:] = 0, 0, 0, 0
    return torch.from_numpy(smooth > np.quantile(smooth, 1 - share))[None].float()


def pasted(image: torch.Tensor, mask: torch.Tensor, shift: float) -> torch.Tensor:
    return torch.where(mask[..., None] > 0, torch.lerp(image, image + shift, mask[..., None]), image)


def looped(image: np.ndarray, inside: np.ndarray) -> Seam:
    """Every line across every place of the edge, step by step."""
    steps: dict[str, list[float]] = {"edge": [], "beside": [], "edge jump": [], "beside jump": []}
    for picture, area in ((image, inside), (image.swapaxes(0, 1), inside.T)):
        lab = color.rgb2lab(picture)
        height, width = area.shape
        for row in range(height):
            for column in range(width - 1):
                if area[row, column] == area[row, column + 1]:
                    continue
                for at in range(column - SIDE + 1, column + SIDE):
                    if at - 1 < 0 or at + 2 >= width:
                        continue
                    before, here, after = (lab[row, at + n + 1] - lab[row, at + n] for n in (-1, 0, 1))
                    flags = area[row, at - 1 : at + 3]
                    if at == column:
                        kind = "edge"
                    elif (flags == flags[0]).all():
                        kind = "beside"
                    else:
                        continue
                    steps[kind].append(float(np.linalg.norm(here)))
                    steps[f"{kind} jump"].append(float(np.linalg.norm(here - (before + after) / 2)))
    edge, beside = (float(np.mean(np.sqrt(steps[f"{kind} jump"])) ** 2) for kind in ("edge", "beside"))
    delta_e, own_delta_e = (float(np.mean(steps[kind])) for kind in ("edge", "beside"))
    return Seam((edge + UNSEEN) / (beside + UNSEEN), delta_e, own_delta_e, len(steps["edge"]))


@pytest.mark.parametrize("hole", ["blob", "touching borders", "thin", "one pixel"])
def test_the_score_is_that_of_plain_loops(hole):
    image = photo("astronaut")[:, 100:140, 200:236]
    mask = torch.zeros(1, 40, 36)
    if hole == "blob":
        mask[:, 10:25, 8:20] = mask[:, 18:30, 15:30] = 1
    elif hole == "touching borders":
        mask[:, :12, 20:] = mask[:, 30:, :5] = 1
    elif hole == "thin":
        mask[:, 20, 3:30] = mask[:, 5:35, 12] = 1
    else:
        mask[:, 17, 17] = 1
    image = pasted(image, mask, 0.05)
    (found,) = seam(image, mask)
    expected = looped(image[0].clamp(0, 1).double().numpy(), mask[0].numpy() > 0)
    assert found.lines == expected.lines
    assert found.jump == pytest.approx(expected.jump, rel=1e-4)
    assert found.delta_e == pytest.approx(expected.delta_e, rel=1e-4)
    assert found.own_delta_e == pytest.approx(expected.own_delta_e, rel=1e-4)


@pytest.mark.parametrize("dim", [1, 2])
def test_delta_e_between_two_colors(dim):
    one, other = np.array([0.2, 0.5, 0.7]), np.array([0.25, 0.45, 0.7])
    mask = torch.zeros(1, 30, 30)
    mask.narrow(dim, 12, 18)[:] = 1
    image = torch.where(mask[..., None] > 0, torch.tensor(one).float(), torch.tensor(other).float())
    (found,) = seam(image, mask)
    expected = color.deltaE_cie76(color.rgb2lab(one), color.rgb2lab(other))
    assert found.lines == 30
    assert found.delta_e == pytest.approx(expected, rel=1e-4)
    assert found.own_delta_e == pytest.approx(0, abs=1e-6)
    assert found.jump == pytest.approx((expected + UNSEEN) / UNSEEN, rel=1e-4)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("soft", [0, 12])
def test_a_picture_nothing_was_done_to_scores_about_1(name, seed, soft):
    image = photo(name)
    mask = feather(blob(image, seed), soft, "outside")
    (found,) = seam(image, mask)
    assert 0.85 < found.jump < 1.25


@pytest.mark.parametrize("name", PHOTOS)
def test_the_larger_a_step_the_larger_the_score(name):
    image = photo(name)
    mask = blob(image)
    jumps = [seam(pasted(image, mask, shift / 255), mask)[0].jump for shift in (0, 4, 8, 15, 30)]
    assert jumps == sorted(jumps)
    assert jumps[2] > 1.2
    assert jumps[3] > 1.6
    assert jumps[4] > 2.4


def test_texture_hides_what_a_clear_sky_shows():
    gravel = torch.from_numpy(skimage.data.gravel()).float()[None, :200, :200, None].expand(-1, -1, -1, 3) / 255
    sky = photo("rocket")[:, :200, :200]
    mask = torch.zeros(1, 200, 200)
    mask[:, 60:140, 60:140] = 1
    in_sky, in_texture = (seam(pasted(image, mask, 4 / 255), mask)[0] for image in (sky, gravel))
    assert in_sky.jump > 1.3 * in_texture.jump


def test_a_slope_that_goes_on_is_no_seam_and_one_that_breaks_off_is():
    y, x = torch.meshgrid(torch.linspace(0, 1, 100), torch.linspace(0, 1, 100), indexing="ij")
    mask = torch.zeros(1, 100, 100)
    mask[:, 30:70, 30:70] = 1
    slope = torch.stack([x, y, (x + y) / 2], dim=-1)[None]
    assert seam(slope, mask)[0].jump == pytest.approx(1, abs=0.05)
    assert seam(torch.where(mask[..., None] > 0, slope + 0.02, slope), mask)[0].jump > 3


def test_a_halo_along_a_soft_edge_shows_on_a_plain_ground():
    noise = 0.004 * torch.randn(1, 300, 300, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 300, 300)
    mask[:, 100:200, 100:200] = 1
    soft = feather(mask, 16, "outside")
    image = torch.full((1, 300, 300, 3), 0.5) + noise
    assert seam(image, soft)[0].jump < 1.2
    assert seam(pasted(image, soft, 0.06), soft)[0].jump > 2
    # With so few places on the large pixels there is no telling.
    strip = slice(140, 164)
    assert seam(pasted(image, soft, 0.06)[:, strip, :150], soft[:, strip, :150])[0].jump < 1.2


def test_the_edge_of_a_soft_mask_is_where_it_passes_half():
    mask = torch.linspace(0, 0.8, 40).expand(1, 30, 40)
    image = 0.5 + 0.02 * torch.rand(1, 30, 40, 3, generator=torch.Generator().manual_seed(0))
    image[..., 20:, :] += 0.1
    assert mask[0, 0, 19] < 0.4 < mask[0, 0, 20]
    (found,) = seam(image, mask)
    assert found.lines == 30
    assert found.jump > 3


def test_a_better_blend_scores_better():
    image = photo("astronaut")
    mask, painted = blob(image), (photo("astronaut") + 0.08).clamp(0, 1)
    jumps = {
        method: seam(blend(image, painted, mask, method), mask)[0].jump
        for method in ("feather", "multiband", "poisson")
    }
    assert jumps["feather"] > 2
    assert jumps["multiband"] < 1.15
    assert jumps["poisson"] < 1.15


def test_which_way_up_it_is_and_which_side_was_pasted_does_not_matter():
    image = photo("chelsea")
    mask = blob(image)
    image = pasted(image, mask, 0.03)
    (found,) = seam(image, mask)
    for other in (
        seam(image.flip(1), mask.flip(1)),
        seam(image.flip(2), mask.flip(2)),
        seam(image.transpose(1, 2), mask.transpose(1, 2)),
        seam(image, 1 - mask),
        seam(image, mask * 0.3),
    ):
        assert other[0].jump == pytest.approx(found.jump, rel=1e-5)
        assert other[0].delta_e == pytest.approx(found.delta_e, rel=1e-5)
        assert other[0].lines == found.lines


def test_some_of_a_long_edge_stands_for_all_of_it(monkeypatch):
    image = photo("coffee")
    mask = blob(image)
    image = pasted(image, mask, 0.04)
    (whole,) = seam(image, mask)
    monkeypatch.setattr(module, "MOST", whole.lines // 4)
    (part,) = seam(image, mask)
    assert part.lines < whole.lines / 2
    assert part.jump == pytest.approx(whole.jump, rel=0.1)


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


def test_each_picture_has_its_own_score():
    image = photo("astronaut").repeat(3, 1, 1, 1)
    mask = blob(image).repeat(3, 1, 1)
    mask[2] = 0
    image[1] += 0.1 * mask[1, ..., None]
    first, second, third = seam(image, mask)
    assert first.jump < 1.2
    assert second.jump > 2
    assert third == Seam()
    assert seam(image[1:2], mask[1:2]) == (second,)


def test_pixels_that_are_not_finite_play_no_part():
    image = photo("astronaut")
    mask = blob(image)
    image = pasted(image, mask, 0.03)
    broken = image.clone()
    broken[torch.rand(mask.shape, generator=torch.Generator().manual_seed(0)) < 0.02] = torch.nan
    (found,), (whole,) = seam(broken, mask), seam(image, mask)
    assert found.jump == pytest.approx(whole.jump, rel=0.1)
    assert whole.lines * 0.8 < found.lines < whole.lines


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_dtypes_and_alpha_give_the_same_and_nothing_is_touched(dtype):
    image = photo("astronaut").half().float()
    mask = blob(image)
    image = pasted(image, mask, 0.125).half().float()
    with_alpha = torch.cat([image, torch.rand(1, *image.shape[1:3], 1)], dim=-1).to(dtype)
    before = with_alpha.clone()
    (found,), (expected,) = seam(with_alpha, mask.to(dtype)), seam(image, mask)
    assert found.jump == pytest.approx(expected.jump, rel=1e-5)
    assert torch.equal(with_alpha, before)


def test_reports():
    assert Seam(1.03, 4.21, 4.13, 900).report() == (
        "Seam not visible: steps at the mask's edge are 1.03 times the picture's own "
        "(Delta E 4.2 across it, 4.1 beside it)."
    )
    assert Seam(1.4, 5, 4, 900).report().startswith("Seam faint: ")
    assert Seam(1.7, 5, 4, 900).report().startswith("Seam visible: ")


def test_what_does_not_fit_is_refused():
    with pytest.raises(InpaintError, match=r"^mask: expected \[1, 20, 20\] to fit the image"):
        seam(torch.zeros(1, 20, 20, 3), torch.zeros(1, 20, 21))
