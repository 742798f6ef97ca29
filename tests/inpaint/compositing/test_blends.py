"""Ways of blending, against a sparse direct solver, a pyramid in plain loops, and what must hold for all of them.

Mutations seen to fail here: a pixel of weight 0 mixed as well; the weight the wrong way round; the correction taken
away instead of added, or let out of the range; a range of 0..1 whatever the pictures hold; an original that is not
finite mixed in, or its pixels or the repainted picture's believed; bands that begin at odd rows; a window without its
margin, at the top or all round; the hole believed by the pyramid, a level believed only where all of it is kept, or
where it is not; the top of the pyramid not 0 where nothing is kept; another spline; 0 beyond an odd side; Poisson's
edge where the mask is half, or everywhere; its shift the wrong way, or one for all channels; a coarse tolerance; one
original for all frames; the original changed in place; one channel for all; `paste` without its method; all kept
pixels believed; pictures of different things believed; half as many deviations, or a mean instead of a median.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from inpaint.compositing import METHODS, Finish, blend, composite_mask, pair, paste
from inpaint.core.errors import InpaintError

CORRECTING = ["multiband", "poisson"]
# Of values around 0..1: half of the smallest step that 8 bits can show.
HALF_STEP = 0.5 / 255


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def repainted_of(original: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """The same picture in other colors, and each pixel a little different."""
    return original - torch.tensor([0.12, -0.08, 0.05]) + 0.04 * random(*original.shape, seed=seed)


def blobs(shape: tuple[int, int], seed: int, share: float = 0.4) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 3)
    return smooth > np.quantile(smooth, 1 - share)


def thin(shape: tuple[int, int]) -> np.ndarray:
    lines = np.zeros(shape, bool)
    lines[shape[0] // 2] = lines[:, shape[1] // 3] = True
    np.fill_diagonal(lines, True)
    return lines


def touching_borders(shape: tuple[int, int]) -> np.ndarray:
    hole = np.zeros(shape, bool)
    hole[:4, 5:] = hole[6:, -3:] = hole[-2:] = True
    return hole


def one_kept(shape: tuple[int, int]) -> np.ndarray:
    hole = np.ones(shape, bool)
    hole[shape[0] // 2, 3] = False
    return hole


def rectangle(shape: tuple[int, int]) -> np.ndarray:
    hole = np.zeros(shape, bool)
    hole[7:-9, 8:-5] = True
    return hole


HOLES = {
    "rectangle": rectangle((33, 30)),
    "blobs": blobs((40, 33), 1),
    "large blobs": blobs((45, 40), 2, share=0.8),
    "thin": thin((31, 29)),
    "at the borders": touching_borders((24, 27)),
    "all but one": one_kept((18, 22)),
}


# All methods


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 23), st.integers(1, 19)),
    batches=st.sampled_from([(1, 1, 1), (2, 2, 2), (1, 3, 1), (3, 1, 1), (1, 1, 2), (2, 2, 1)]),
    channels=st.sampled_from([3, 4]),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    density=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    hard=st.booleans(),
    bad=st.sampled_from([None, torch.nan, torch.inf, -torch.inf]),
    seed=st.integers(0, 2**16),
)
def test_outside_is_bit_identical_and_nothing_spreads(method, size, batches, channels, dtype, density, hard, bad, seed):
    generator = torch.Generator().manual_seed(seed)
    original = (torch.rand(batches[0], *size, channels, generator=generator) - 0.1).to(dtype)
    original[torch.rand(original.shape, generator=generator) < 0.1] = -0.0
    repainted = torch.rand(batches[1], *size, 3, generator=generator)
    mask = (torch.rand(batches[2], *size, generator=generator) < density).float()
    if not hard:
        mask *= torch.rand(mask.shape, generator=generator)
    broken = torch.rand(batches[1], *size, generator=generator) < 0.3
    if bad is not None:
        repainted[..., 1][broken] = bad
    before = [tensor.clone() for tensor in (original, repainted, mask)]

    blended = blend(original, repainted, mask, method)

    assert blended.dtype == dtype
    assert blended.shape == (max(batches), *size, channels)
    original, mask = original.expand_as(blended), mask.expand(blended.shape[:3])
    kept = (mask == 0) | (~repainted.isfinite()).any(dim=-1)
    assert torch.equal(blended[kept].view(torch.uint8), original[kept].view(torch.uint8))
    assert torch.equal(blended[..., 3:], original[..., 3:])
    assert blended.isfinite().all()
    assert blended[..., :3].max() <= 1
    assert blended[..., :3].min() >= original[..., :3].min().clamp(max=0)
    for tensor, was in zip((original, repainted, mask), before, strict=True):
        assert torch.equal(tensor, was.expand_as(tensor)) or (tensor is repainted and bad is not None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_where_the_pictures_agree_around_the_mask_the_repainted_one_is_taken_as_it_is(method, hole):
    original, repainted, mask = random(1, *hole.shape, 3), random(1, *hole.shape, 3, seed=1), torch.from_numpy(hole)
    repainted = torch.where(mask[None, ..., None], repainted, original)
    torch.testing.assert_close(blend(original, repainted, mask[None].float(), method), repainted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_mask_keeps_all_and_a_full_one_takes_all(method):
    original, repainted = random(2, 9, 7, 4), random(2, 9, 7, 3, seed=1)
    assert torch.equal(blend(original, repainted, torch.zeros(2, 9, 7), method), original)
    full = blend(original, repainted, torch.ones(2, 9, 7), method)
    assert torch.equal(full[..., :3], repainted)
    assert torch.equal(full[..., 3], original[..., 3])


@pytest.mark.parametrize("method", METHODS)
def test_what_was_to_go_does_not_shine_through(method):
    original, repainted = random(1, 30, 30, 3), random(1, 30, 30, 3, seed=1)
    mask = torch.zeros(1, 30, 30)
    mask[:, 8:22, 6:25] = 0.5
    mask[:, 10:20, 8:23] = 1
    other = original.clone()
    other[mask == 1] = 1 - other[mask == 1]
    assert torch.equal(
        blend(other, repainted, mask, method)[mask > 0], blend(original, repainted, mask, method)[mask > 0]
    )


@pytest.mark.parametrize("method", METHODS)
def test_an_original_that_is_not_finite_is_repainted_in_full_and_plays_no_part_elsewhere(method):
    original, repainted = random(1, 20, 20, 3), random(1, 20, 20, 3, seed=1) * 0.1 + 0.4
    mask = torch.zeros(1, 20, 20)
    mask[:, 5:15, 5:15] = 0.5
    broken = original.clone()
    broken[0, 7, 7, 0], broken[0, 4, 8], broken[0, 0, 0, 2] = torch.nan, torch.inf, -torch.inf
    blended = blend(broken, repainted, mask, method)
    assert torch.equal(blended[mask == 0].view(torch.uint8), broken[mask == 0].view(torch.uint8))
    assert blended[mask > 0].isfinite().all()
    broken_otherwise = broken.clone()
    broken_otherwise[~broken.isfinite().all(dim=-1)] = -torch.inf
    assert torch.equal(blend(broken_otherwise, repainted, mask, method)[mask > 0], blended[mask > 0])
    assert torch.equal(blend(broken, repainted, mask, "feather")[0, 7, 7], repainted[0, 7, 7])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_the_same_as_single_rounded(method, dtype):
    original, repainted = random(1, 25, 24, 3).to(dtype), random(1, 25, 24, 3, seed=1).to(dtype)
    mask = torch.from_numpy(blobs((25, 24), 3))[None] * random(1, 25, 24, seed=2)
    expected = blend(original.float(), repainted.float(), mask, method).to(dtype)
    assert torch.equal(blend(original, repainted, mask, method), expected)
    assert torch.equal(blend(original, repainted.double(), mask.double(), method), expected)


@pytest.mark.parametrize("method", METHODS)
def test_frames_do_not_see_each_other(method):
    original, repainted = random(3, 26, 21, 3), random(3, 26, 21, 3, seed=1)
    mask = torch.from_numpy(np.stack([blobs((26, 21), seed) for seed in (4, 5, 6)])).float()
    mask[1] = 0
    repainted[2, 5, 5] = torch.nan
    together = blend(original, repainted, mask, method)
    for index in range(3):
        one = slice(index, index + 1)
        assert torch.equal(together[one], blend(original[one], repainted[one], mask[one], method))


@pytest.mark.parametrize("method", METHODS)
def test_a_range_wider_than_0_to_1_is_kept_and_not_left(method):
    original, repainted = random(1, 20, 20, 3) * 3 - 1, random(1, 20, 20, 3, seed=1) * 3 - 1
    mask = torch.from_numpy(blobs((20, 20), 7))[None].float()
    blended = blend(original, repainted, mask, method)
    assert blended.min() >= torch.minimum(original, repainted).min()
    assert 1 < blended[mask > 0].max() <= torch.maximum(original, repainted).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("band", [1, 60, 999])
def test_how_many_rows_are_worked_on_at_once_does_not_matter(monkeypatch, method, band):
    original, repainted = random(1, 37, 30, 3), random(1, 37, 30, 3, seed=1)
    mask = torch.from_numpy(blobs((37, 30), 8))[None] * random(1, 37, 30, seed=2)
    at_once = blend(original, repainted, mask, method)
    monkeypatch.setattr(pair, "BAND", band)
    torch.testing.assert_close(blend(original, repainted, mask, method), at_once, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_does_not_fit_is_refused(method):
    with pytest.raises(InpaintError, match=r"image 6x5, repainted picture 6x4, mask 6x5"):
        blend(torch.zeros(1, 5, 6, 3), torch.zeros(1, 4, 6, 3), torch.zeros(1, 5, 6), method)
    with pytest.raises(InpaintError, match=r"got 2 images, 3 repainted pictures and 1 masks"):
        blend(torch.zeros(2, 5, 6, 3), torch.zeros(3, 5, 6, 3), torch.zeros(1, 5, 6), method)
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\] of floats, got \[5, 6\]"):
        blend(torch.zeros(1, 5, 6, 3), torch.zeros(1, 5, 6, 3), torch.zeros(5, 6), method)


def test_an_unknown_method_is_refused():
    with pytest.raises(InpaintError) as error:
        blend(torch.zeros(1, 5, 6, 3), torch.zeros(1, 5, 6, 3), torch.zeros(1, 5, 6), "alpha")
    assert str(error.value) == "method: expected one of feather, multiband, poisson, got alpha. Choose one of these."


@pytest.mark.parametrize("method", METHODS)
def test_paste_pastes_by_every_method(method):
    original, repainted = random(1, 12, 12, 3), random(1, 12, 12, 3, seed=1)
    mask = torch.zeros(1, 12, 12)
    mask[:, 3:9, 4:12] = 1
    assert torch.equal(paste(original, repainted, mask, method).image, blend(original, repainted, mask, method))


# What corrects


@pytest.mark.parametrize("method", CORRECTING)
@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_a_shift_of_all_colors_is_undone(method, hole):
    original = random(1, *hole.shape, 3) * 0.5 + 0.25
    repainted = original + torch.tensor([0.2, -0.1, 0.05])
    mask = torch.from_numpy(hole)[None].float()
    torch.testing.assert_close(blend(original, repainted, mask, method), original, rtol=0, atol=1e-5)
    assert (blend(original, repainted, mask, "feather") - original).abs().max() > 0.19


@pytest.mark.parametrize("method", CORRECTING)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_pixels_that_are_not_finite_play_no_part_in_the_correction(method, bad):
    original, hole = random(1, 40, 33, 3) * 0.5 + 0.25, HOLES["blobs"]
    repainted = original + 0.2
    mask = torch.from_numpy(hole)[None].float()
    for picture, seed in ((original, 3), (repainted, 4)):
        picture[0][random(40, 33, seed=seed) < 0.05, seed - 3] = bad
    usable = (original.isfinite() & repainted.isfinite()).all(dim=-1)
    blended = blend(original, repainted, mask, method)
    torch.testing.assert_close(blended[usable], original[usable], rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", CORRECTING)
def test_a_slow_drift_of_colors_leaves_no_step_at_the_edge(method):
    y, x = torch.meshgrid(torch.linspace(0, 1, 96), torch.linspace(0, 1, 96), indexing="ij")
    original = torch.full((1, 96, 96, 3), 0.5)
    repainted = original + 0.3 * torch.stack([x - 0.5, (x * y) - 0.3, (3 * y).sin() / 3], dim=-1)
    mask = torch.from_numpy(blobs((96, 96), 9, share=0.3))[None].float()
    steps = {}
    for each in (method, "feather"):
        blended = blend(original, repainted, mask, each)
        steps[each] = max(float(blended.diff(dim=dim).abs()[mask.diff(dim=dim) != 0].max()) for dim in (1, 2))
    assert steps[method] < 0.015
    assert steps["feather"] > 0.1


def across_the_edge(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures that agree but for something that reaches over the left edge of the mask of `edge_mask`."""
    original = random(1, 96, 96, 3) * 0.2 + 0.4
    repainted = original.clone()
    if kind == "dark block":
        repainted[:, 36:60, 8:34] = torch.tensor([0.3, 0.05, 0.05])
    elif kind == "bright block":
        repainted[:, 36:60, 8:34] = 0.95
    else:
        shadow = ndimage.gaussian_filter(np.pad(np.ones((16, 8)), ((40, 40), (20, 68))), 4)
        repainted *= 1 - 0.6 * torch.from_numpy(shadow).float()[..., None]
    return original, repainted


def edge_mask(feather: float) -> torch.Tensor:
    mask = torch.zeros(1, 96, 96)
    mask[:, 28:68, 28:68] = 1
    return composite_mask(mask, feather)


@pytest.mark.parametrize("method", CORRECTING)
@pytest.mark.parametrize(("kind", "within"), [("dark block", 1e-6), ("bright block", 1e-6), ("soft shadow", 0.04)])
@pytest.mark.parametrize("feather", [0, 12])
def test_what_reaches_over_the_edge_gives_no_glow_inside(method, kind, within, feather):
    original, repainted = across_the_edge(kind)
    mask = edge_mask(feather)
    inside = mask == 1
    image = blend(original, repainted, mask, method)
    assert float((image - repainted)[inside].abs().max()) <= within
    # What is alike everywhere is still undone.
    tint = torch.tensor([0.06, -0.04, 0.02])
    tinted = blend(original, repainted + tint, mask, method)
    assert float((tinted - repainted)[inside].abs().max()) <= max(within, 1e-5)


@pytest.mark.parametrize("method", CORRECTING)
def test_where_all_around_is_something_else_the_blend_is_a_feather_and_it_is_said(method):
    original, repainted, mask = random(1, 60, 60, 3), random(1, 60, 60, 3, seed=1), torch.zeros(1, 60, 60)
    mask[:, 20:40, 20:40] = 1
    finish = Finish(method)
    image = finish(original, repainted, mask, hole=mask)
    assert torch.equal(image, blend(original, repainted, mask, "feather"))
    assert finish.messages == [
        "Blended by feather alone: the crop shows something else than the picture all around the mask."
    ]
    finish(original, original, mask, hole=mask)
    assert finish.messages[0].startswith("Blended by feather in 1 of 2 crops: ")
    feather = Finish("feather")
    feather(original, repainted, mask, hole=mask)
    assert feather.messages == []


# Multiband


def looped_halve(values: np.ndarray) -> np.ndarray:
    height, width = values.shape
    halved = np.zeros(((height + 1) // 2, (width + 1) // 2))
    for y, x in np.ndindex(halved.shape):
        block = [values[min(2 * y + dy, height - 1), min(2 * x + dx, width - 1)] for dy in (0, 1) for dx in (0, 1)]
        halved[y, x] = np.mean(block)
    return halved


def looped_double(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    doubled = np.zeros(shape)
    for y, x in np.ndindex(shape):
        for weight_y, near_y in ((0.75, y // 2), (0.25, y // 2 + (1 if y % 2 else -1))):
            for weight_x, near_x in ((0.75, x // 2), (0.25, x // 2 + (1 if x % 2 else -1))):
                near = (np.clip(near_y, 0, values.shape[0] - 1), np.clip(near_x, 0, values.shape[1] - 1))
                doubled[y, x] += weight_y * weight_x * values[near]
    return doubled


def looped_multiband(original: np.ndarray, repainted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[H, W] by the book: pyramids of both, mixed level by level, and added up from the finest to the coarsest.

    The original's pyramid is of means over kept pixels, and goes on where there are none as the repainted picture does.
    """
    levels = [(original - repainted, 1 - weight)]
    while levels[-1][0].shape != (1, 1):
        values, kept = levels[-1]
        mean, kept = looped_halve(values * kept), looped_halve(kept)
        levels.append((np.divide(mean, kept, out=np.zeros_like(mean), where=kept > 0), kept))
    total, coarser = np.zeros(weight.shape), None
    for number, (values, kept) in reversed(list(enumerate(levels[1:], 1))):
        below = np.zeros_like(values) if coarser is None else looped_double(coarser, values.shape)
        share = (kept > 0).astype(float) if coarser is None else np.clip(4 * kept, 0, 1)
        band = share * (values - below)
        coarser = below + band
        for finer, _ in levels[number - 1 :: -1] if number else []:
            band = looped_double(band, finer.shape)
        total += band
    return (1 - weight) * original + weight * np.clip(repainted + total, 0, 1)


@pytest.mark.parametrize(
    ("name", "soft"),
    [
        pytest.param(name, soft, marks=[] if name in ("at the borders", "all but one") else pytest.mark.slow)
        for name, soft in [*((name, False) for name in HOLES), ("blobs", True), ("at the borders", True)]
    ],
)
def test_multiband_is_the_pyramid_blend_of_plain_loops(name, soft):
    hole = HOLES[name]
    original = random(1, *hole.shape, 3) * 0.4 + 0.3
    repainted = repainted_of(original)
    mask = torch.from_numpy(hole)[None] * (random(1, *hole.shape, seed=2) if soft else torch.ones(1, 1, 1))
    blended = blend(original, repainted, mask.float(), "multiband")
    for channel in range(3):
        expected = looped_multiband(
            original[0, ..., channel].double().numpy(),
            repainted[0, ..., channel].double().numpy(),
            mask[0].double().numpy(),
        )
        np.testing.assert_allclose(blended[0, ..., channel], expected, rtol=0, atol=1e-5)


def test_multiband_carries_a_detail_of_the_edge_less_deep_than_poisson():
    """A difference at a single place of the edge: how much of it is left, eight pixels further in."""
    original, repainted = torch.full((1, 64, 64, 3), 0.5), torch.full((1, 64, 64, 3), 0.5)
    repainted[:, 14:16, 30:32] = 0.54
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    left = {
        method: float((blend(original, repainted, mask, method) - repainted)[0, 24, 31, 0].abs())
        for method in CORRECTING
    }
    assert left["multiband"] < left["poisson"]


# Poisson


def solved_poisson(original: np.ndarray, repainted: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[H, W] whose differences of neighbours, where one is in the hole, come closest to the repainted picture's."""
    pixels = np.arange(hole.size).reshape(hole.shape)
    pairs = np.concatenate(
        [
            np.stack([pixels[:, :-1].ravel(), pixels[:, 1:].ravel()], axis=1),
            np.stack([pixels[:-1].ravel(), pixels[1:].ravel()], axis=1),
        ]
    )
    inside = hole.ravel()
    pairs = pairs[inside[pairs].any(axis=1)]
    rows = np.arange(len(pairs))
    difference = sparse.coo_array(
        (np.repeat([-1.0, 1.0], len(rows)), (np.tile(rows, 2), pairs.T.ravel())), shape=(len(rows), hole.size)
    ).tocsr()
    wanted = difference @ repainted.ravel() - difference[:, ~inside] @ original.ravel()[~inside]
    unknown = difference[:, inside]
    solved = original.copy().ravel()
    solved[inside] = spsolve((unknown.T @ unknown).tocsc(), unknown.T @ wanted)
    return solved.reshape(hole.shape)


def assert_poisson(original: torch.Tensor, repainted: torch.Tensor, hole: np.ndarray) -> None:
    blended = blend(original, repainted, torch.from_numpy(hole)[None].float(), "poisson")
    for channel in range(3):
        expected = solved_poisson(
            original[0, ..., channel].double().numpy(), repainted[0, ..., channel].double().numpy(), hole
        )
        np.testing.assert_allclose(blended[0, ..., channel], expected.clip(0, 1), rtol=0, atol=HALF_STEP)


@pytest.mark.parametrize("hole", [*HOLES.values(), blobs((150, 170), 10)], ids=[*HOLES, "larger"])
def test_poisson_has_the_gradients_of_the_repainted_picture(hole):
    original = random(1, *hole.shape, 3) * 0.4 + 0.3
    assert_poisson(original, repainted_of(original), hole)


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.integers(2, 24), st.integers(2, 24)), st.sampled_from([0.2, 0.6, 0.95]), st.integers(0, 2**32 - 1))
def test_poisson_is_solved_for_random_holes(shape, density, seed):
    generator = torch.Generator().manual_seed(seed)
    original = torch.rand(1, *shape, 3, generator=generator) * 0.5 + 0.2
    hole = (torch.rand(shape, generator=generator) < density).numpy()
    hole[shape[0] // 2, shape[1] // 3] = False
    assert_poisson(original, repainted_of(original, seed), hole)


def test_poisson_mixes_by_the_weight_where_the_mask_is_soft():
    original, repainted = random(1, 20, 20, 3) * 0.4 + 0.3, random(1, 20, 20, 3, seed=1) * 0.4 + 0.3
    hard = torch.from_numpy(blobs((20, 20), 11))[None].float()
    soft = hard * 0.25
    expected = original + 0.25 * (blend(original, repainted, hard, "poisson") - original)
    torch.testing.assert_close(blend(original, repainted, soft, "poisson"), expected)
