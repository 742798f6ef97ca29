"""Mask operators against slow, independent ones: brute force, scipy, scikit-image.

Mutations seen to fail here: `>` for `>=` in threshold; a square or a diamond for the disc; half a pixel more or less of
radius; a root that rounds down losing its circle; shrinking that grows; the fast path taken for soft masks; distance to
the wrong side; OpenCV's approximate distance; the half pixel at the edge left out; a linear ramp; a ramp half as wide;
inside and outside swapped; the edge at `> 0` or `> 0.5`; the area inverted; 8-connected holes; holes closed against
the border; a hole filled with 1 whatever its rim; 8 grey levels; the highest of near levels taken; 4-connected specks;
specks of exactly the size removed; the input changed in place.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage.morphology import reconstruction

from inpaint.distance import distance_to
from inpaint.errors import InpaintError
from inpaint.masks import feather, fill_holes, grow, invert, remove_specks, threshold
from inpaint.regions import smaller_than

SIDES = ("inside", "centre", "outside")
OPERATORS = {
    "threshold": lambda mask: threshold(mask, 0.5),
    "invert": invert,
    "grow": lambda mask: grow(mask, 2.5),
    "shrink": lambda mask: grow(mask, -1.5),
    **{f"feather {side}": lambda mask, side=side: feather(mask, 4, side) for side in SIDES},
    "fill_holes": fill_holes,
    "remove_specks": lambda mask: remove_specks(mask, 5),
}
every_operator = pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())


def drawn(rows: str) -> torch.Tensor:
    """A mask [1, H, W] from its picture: # is 1, + is 0.5, . is 0."""
    return torch.tensor([[[{"#": 1.0, "+": 0.5, ".": 0.0}[cell] for cell in row] for row in rows.split()]])


@st.composite
def masks(draw, soft: bool | None = None):
    """[B, H, W] in 0..1: hard or on grey levels, sparse, dense, empty or full."""
    shape = draw(st.tuples(st.integers(1, 2), st.integers(1, 16), st.integers(1, 16)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.05, 0.3, 0.6, 0.95, 1.0]))
    mask = (random.random(shape) < density).astype(np.float32)
    if draw(st.booleans()) if soft is None else soft:
        mask *= random.integers(0, 9, shape) / 8
    return torch.from_numpy(mask)


def disc(radius: float) -> np.ndarray:
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x * x + y * y <= radius * radius + 1e-6


def reconstructed(frame: np.ndarray) -> np.ndarray:
    """[H, W] with its holes filled: what stays when a cover at 1 sinks onto the frame, held down at its border."""
    cover, cross = np.pad(np.ones_like(frame), 1), ndimage.generate_binary_structure(2, 1)
    return reconstruction(cover, np.pad(frame, 1), method="erosion", footprint=cross)[1:-1, 1:-1]


# Every operator


@every_operator
def test_input_is_left_as_it_was_and_dtype_is_kept(operator):
    for dtype in (torch.float16, torch.float32, torch.float64):
        mask = (torch.rand(2, 9, 11) * 8).round().div(8).to(dtype)
        before = mask.clone()
        assert operator(mask).dtype == dtype
        assert torch.equal(mask, before)


@every_operator
def test_frames_do_not_see_each_other(operator):
    mask = torch.stack([torch.zeros(9, 11), torch.rand(9, 11).round(), torch.ones(9, 11), torch.rand(9, 11)])
    assert torch.equal(operator(mask), torch.cat([operator(frame[None]) for frame in mask]))


@every_operator
def test_half_precision_gives_the_same_as_single(operator):
    mask = (torch.rand(1, 12, 13) * 8).round() / 8
    torch.testing.assert_close(operator(mask.half()).float(), operator(mask), rtol=0, atol=1e-3)


@every_operator
def test_what_is_no_mask_is_refused(operator):
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\] of floats, got \[7, 7\]\. Connect a MASK"):
        operator(torch.zeros(7, 7))


@every_operator
def test_empty_and_full_stay_what_they_are(operator):
    """The picture's border neither feeds a mask nor eats it. Only inverting swaps the two."""
    for value in (0.0, 1.0):
        result = operator(torch.full((2, 8, 12), value))
        assert bool((result == (1 - value if operator is invert else value)).all())


# threshold, invert


def test_threshold_takes_the_level_itself():
    assert torch.equal(threshold(torch.tensor([[[0.49, 0.5, 0.98]]]), 0.5), torch.tensor([[[0.0, 1.0, 1.0]]]))


@pytest.mark.parametrize("level", [0, -0.1, 1.01, math.nan])
def test_threshold_refuses_other_levels(level):
    with pytest.raises(InpaintError, match=f"^level: expected above 0 and at most 1, got {level}"):
        threshold(torch.zeros(1, 2, 2), level)


def test_invert_swaps():
    assert torch.equal(invert(torch.tensor([[[0.0, 0.25, 1.0]]])), torch.tensor([[[1.0, 0.75, 0.0]]]))


# distance_to, grow


@settings(max_examples=30, deadline=None)
@given(masks(soft=False))
def test_distance_is_scipys(mask):
    for distance, area in zip(distance_to(mask > 0), mask.numpy() > 0, strict=True):
        if not area.any():
            assert bool(distance.isinf().all())
        else:
            np.testing.assert_allclose(distance, ndimage.distance_transform_edt(~area), rtol=1e-6)


def test_squared_distances_are_exact_on_a_large_picture():
    places = np.random.default_rng(0).integers(0, 1500, (40, 2))
    area = np.zeros((1500, 1500), bool)
    area[tuple(places.T)] = True
    nearest = ndimage.distance_transform_edt(~area, return_distances=False, return_indices=True)
    squared = ((nearest - np.indices(area.shape)) ** 2).sum(axis=0)
    measured = distance_to(torch.from_numpy(area)[None])[0].double().square().round()
    np.testing.assert_array_equal(measured.numpy(), squared)


def test_grow_makes_a_disc():
    dot = torch.zeros(1, 5, 7)
    dot[0, 2, 3] = 1
    assert torch.equal(grow(dot, 1), drawn("....... ...#... ..###.. ...#... ......."))
    assert torch.equal(grow(dot, 1.5), drawn("....... ..###.. ..###.. ..###.. ......."))
    assert torch.equal(grow(dot, 2), drawn("...#... ..###.. .#####. ..###.. ...#..."))
    assert torch.equal(grow(dot, math.sqrt(5)), drawn("..###.. .#####. .#####. .#####. ..###.."))


@settings(max_examples=60, deadline=None)
@given(masks(), st.one_of(st.floats(-6, 6), st.sampled_from([-40, 40, *(math.sqrt(n) for n in range(14))])))
def test_grow_is_the_extreme_over_a_disc(mask, pixels):
    reduce, outside = (ndimage.grey_dilation, -np.inf) if pixels >= 0 else (ndimage.grey_erosion, np.inf)
    expected = [
        reduce(frame.numpy(), footprint=disc(abs(pixels)), mode="constant", cval=outside) if pixels else frame.numpy()
        for frame in mask
    ]
    np.testing.assert_array_equal(grow(mask, pixels).numpy(), np.stack(expected))


@settings(max_examples=20, deadline=None)
@given(masks(), st.floats(0, 9))
def test_shrinking_is_growing_what_is_kept(mask, pixels):
    assert torch.equal(grow(mask, -pixels), invert(grow(invert(mask), pixels)))


@pytest.mark.parametrize("squared", [*range(1, 30), 137**2, 137**2 + 74**2 - 1])
def test_a_disc_has_its_exact_size(squared):
    """Also where the radius is a square root that rounds down: the disc counts the whole number."""
    size = 2 * math.isqrt(squared) + 3
    dot = torch.zeros(1, size, size)
    dot[0, size // 2, size // 2] = 1
    y, x = np.mgrid[:size, :size] - size // 2
    pixels = np.count_nonzero(x * x + y * y <= squared)
    assert int(grow(dot, math.sqrt(squared)).sum()) == pixels
    assert int((grow(dot * 0.5, math.sqrt(squared)) == 0.5).sum()) == pixels


def test_growing_by_nothing_changes_nothing():
    mask = torch.rand(1, 4, 4)
    assert torch.equal(grow(mask, 0), mask)
    assert torch.equal(grow(mask, 0.99), mask)


@pytest.mark.parametrize("pixels", [math.nan, math.inf])
def test_grow_refuses_what_is_no_distance(pixels):
    with pytest.raises(InpaintError, match=f"^pixels: expected a finite number, got {pixels}"):
        grow(torch.zeros(1, 2, 2), pixels)


# feather


@pytest.mark.parametrize(
    ("side", "ramp"),
    [
        ("centre", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]),
        ("inside", [0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875]),
        ("outside", [0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]),
    ],
)
def test_feather_is_a_ramp_of_that_width(side, ramp):
    """Four pixels wide, from an edge between the fourth and the fifth pixel; smoothstep of a straight line."""
    edge = drawn("....####").repeat(1, 3, 1)
    ramp = torch.tensor(ramp)
    torch.testing.assert_close(feather(edge, 4, side), (ramp**2 * (3 - 2 * ramp)).expand(1, 3, -1))


@settings(max_examples=40, deadline=None)
@given(masks(), st.floats(0.1, 20), st.sampled_from(SIDES))
def test_feather_follows_the_distance_to_the_edge(mask, pixels, side):
    offset = {"inside": 0, "centre": 0.5, "outside": 1}[side]
    for frame, feathered in zip(mask, feather(mask, pixels, side), strict=True):
        area = frame.numpy() >= 0.5
        inside, outside = np.argwhere(area), np.argwhere(~area)
        depth = np.where(area, np.inf, -np.inf)
        if len(inside) and len(outside):
            apart = cdist(inside, outside)
            depth[area] = apart.min(axis=1) - 0.5
            depth[~area] = 0.5 - apart.min(axis=0)
        ramp = np.clip(depth / pixels + offset, 0, 1)
        np.testing.assert_allclose(feathered, 3 * ramp**2 - 2 * ramp**3, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(masks(soft=False), st.floats(0.1, 30), st.sampled_from([torch.float16, torch.float32]))
def test_feather_has_finite_support(mask, pixels, dtype):
    mask = mask.to(dtype)
    assert torch.equal(feather(mask, pixels, "inside") > 0, mask > 0)
    assert bool((feather(mask, pixels, "outside")[mask == 1] == 1).all())
    assert not feather(mask, pixels, "outside")[distance_to(mask > 0) >= pixels + 0.5].any()
    assert bool((feather(mask, pixels, "inside")[distance_to(mask == 0) >= pixels + 0.5] == 1).all())
    centre = feather(mask, pixels, "centre")
    assert not centre[distance_to(mask > 0) >= pixels / 2 + 0.5].any()
    assert bool((centre[distance_to(mask == 0) >= pixels / 2 + 0.5] == 1).all())


def test_feather_does_not_fade_at_the_border_of_the_picture():
    column = drawn("...###...").repeat(1, 6, 1)
    for side in SIDES:
        feathered = feather(column, 4, side)
        assert torch.equal(feathered, feathered[:, :1].expand_as(feathered))


def test_feather_by_nothing_changes_nothing():
    mask = torch.rand(1, 4, 4)
    assert torch.equal(feather(mask, 0), mask)


def test_feather_refuses_what_it_does_not_know():
    with pytest.raises(InpaintError, match=r"^pixels: expected 0 or more, got -1\. To shrink a mask, use grow"):
        feather(torch.zeros(1, 2, 2), -1)
    with pytest.raises(InpaintError, match=r"^pixels: expected 0 or more, got nan\."):
        feather(torch.zeros(1, 2, 2), math.nan)
    with pytest.raises(InpaintError, match=r"^side: expected one of inside, centre, outside, got left\."):
        feather(torch.zeros(1, 2, 2), 1, "left")


# fill_holes, remove_specks


def test_holes_are_filled_and_bays_are_not():
    given_mask = drawn("####### #..#..# #..#.#. ####.## ....... ###.... #.#####")
    expected = drawn("####### ####..# ####.#. ####.## ....... ###.... #.#####")
    assert torch.equal(fill_holes(given_mask), expected)


def test_a_gap_at_a_corner_does_not_let_a_hole_out():
    assert torch.equal(fill_holes(drawn("..... ..#.. .#.#. ..#.. .....")), drawn("..... ..#.. .###. ..#.. ....."))


def test_a_soft_rim_fills_with_its_hole_and_the_outer_edge_stays_soft():
    ring = drawn(".+++++.. .+###+.. .#+.+#.. .#+++#.. .+###++. .++++++.")
    assert torch.equal(fill_holes(ring), drawn(".+++++.. .+###+.. .#####.. .#####.. .+###++. .++++++."))
    assert torch.equal(fill_holes(drawn("+++ +.+ +++")), drawn("+++ +++ +++"))
    assert torch.equal(fill_holes(drawn("### #.# ###") * 0.98), drawn("### ### ###") * 0.98)


@settings(max_examples=40, deadline=None)
@given(masks())
def test_fill_holes_is_reconstruction_by_erosion(mask):
    for frame, filled in zip(mask.numpy(), fill_holes(mask).numpy(), strict=True):
        np.testing.assert_array_equal(filled, reconstructed(frame))


@pytest.mark.parametrize("rim", ["smooth", "rough"])
def test_many_grey_levels_are_filled_to_within_one_of_255(rim):
    y, x = np.mgrid[-20:21, -20:21]
    frame = np.exp(-((np.hypot(x, y) - 12) ** 2) / 8)
    if rim == "rough":
        frame = 0.981 + 0.002 * np.random.default_rng(0).random(frame.shape)
        frame[15:25, 12:30] = 0
    frame = frame.astype(np.float32)
    filled = fill_holes(torch.from_numpy(frame)[None])[0].numpy()
    assert np.all(filled >= frame)
    assert np.abs(filled - reconstructed(frame)).max() <= 1 / 255


@settings(max_examples=40, deadline=None)
@given(masks(), st.integers(0, 40))
def test_remove_specks_drops_small_regions(mask, area):
    for frame, kept in zip(mask.numpy(), remove_specks(mask, area).numpy(), strict=True):
        labels, count = ndimage.label(frame > 0, structure=np.ones((3, 3)))
        sizes = ndimage.sum_labels(frame > 0, labels, range(count + 1))
        np.testing.assert_array_equal(kept, np.where(sizes[labels] >= area, frame, 0))


def test_specks_touch_at_corners_and_one_of_the_size_stays():
    mask = drawn("#....# .#.... #.+...")
    assert torch.equal(remove_specks(mask, 4), drawn("#..... .#.... #.+..."))
    assert not remove_specks(mask, 5).any()


def test_a_small_background_is_no_speck():
    area = drawn("###.#####")[0] > 0
    assert torch.equal(smaller_than(area, 4), drawn("###......")[0] > 0)
