"""Holes, specks and patches against scipy's labels and scikit-image's reconstruction.

Mutations seen to fail here: 8-connected holes; holes closed against the border; a hole filled with 1 whatever its rim;
8 grey levels; the highest of near levels taken; 4-connected specks; specks of exactly the size removed; a hole of
exactly the largest size left; the largest patches of all frames instead of each; regions in the order of their labels;
a region that takes its neighbour's pixels along; x and y of a point swapped; a 4-connected patch at a point.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import reconstruction

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Box
from inpaint.masks import blur, fill_holes, keep_at, keep_largest, remove_specks, split
from inpaint.masks.operators.components import ORDERS
from tests.inpaint.masks.operators.drawing import drawn, masks, scene

CORNERS = np.ones((3, 3))


def reconstructed(frame: np.ndarray) -> np.ndarray:
    """[H, W] with its holes filled: what stays when a cover at 1 sinks onto the frame, held down at its border."""
    cover, cross = np.pad(np.ones_like(frame), 1), ndimage.generate_binary_structure(2, 1)
    return reconstruction(cover, np.pad(frame, 1), method="erosion", footprint=cross)[1:-1, 1:-1]


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
        # Values of 255 levels may come out of the neighbouring one.
        np.testing.assert_allclose(filled, reconstructed(frame), rtol=0, atol=1.01 / 255)
        assert np.all(filled >= frame)


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
        labels, count = ndimage.label(frame > 0, structure=CORNERS)
        sizes = ndimage.sum_labels(frame > 0, labels, range(count + 1))
        np.testing.assert_array_equal(kept, np.where(sizes[labels] >= area, frame, 0))


def test_specks_touch_at_corners_and_one_of_the_size_stays():
    mask = drawn("#....# .#.... #.+...")
    assert torch.equal(remove_specks(mask, 4), drawn("#..... .#.... #.+..."))
    assert not remove_specks(mask, 5).any()


@settings(max_examples=40, deadline=None)
@given(masks(soft=False))
def test_holes_of_a_hard_mask_are_scipys(mask):
    for frame, filled in zip(mask.numpy(), fill_holes(mask).numpy(), strict=True):
        np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(frame))


@settings(max_examples=40, deadline=None)
@given(masks(soft=False), st.integers(0, 6))
def test_only_holes_up_to_an_area_are_filled(mask, most):
    for frame, filled in zip(mask.numpy(), fill_holes(mask, most).numpy(), strict=True):
        labels, count = ndimage.label(ndimage.binary_fill_holes(frame) & (frame == 0))
        sizes = ndimage.sum_labels(labels > 0, labels, range(count + 1))
        np.testing.assert_array_equal(filled > 0, (frame > 0) | ((labels > 0) & (sizes[labels] <= most)))


def test_a_large_hole_of_a_soft_mask_is_left_with_its_rim():
    soft = blur(scene(120, 160, seed=5), 1.5)
    holes = (fill_holes(soft) > soft)[0].numpy()
    labels, count = ndimage.label(holes)
    sizes = sorted(ndimage.sum_labels(holes, labels, range(1, count + 1)))
    assert count > 1
    assert torch.equal(fill_holes(soft, int(sizes[-1])), fill_holes(soft))
    left = fill_holes(soft, int(sizes[-1]) - 1)[0] != fill_holes(soft)[0]
    assert int(left.sum()) == sizes[-1]


def test_fill_holes_refuses_a_negative_area():
    with pytest.raises(InpaintError, match=r"^max_area: expected 0 or more pixels, got -1"):
        fill_holes(torch.zeros(1, 2, 2), -1)


# keep_largest


def test_the_largest_are_kept_in_each_frame():
    mask = torch.cat([drawn("##.#. ##.+. ....."), drawn("#.... ..##. .....")])
    assert torch.equal(keep_largest(mask, 1), torch.cat([drawn("##... ##... ....."), drawn("..... ..##. .....")]))
    assert torch.equal(keep_largest(mask, 2), mask)
    assert torch.equal(keep_largest(drawn("#.#.#"), 2), drawn("#.#.."))


@settings(max_examples=40, deadline=None)
@given(masks(), st.integers(1, 4))
def test_keep_largest_is_scipys(mask, count):
    for frame, kept in zip(mask.numpy(), keep_largest(mask, count).numpy(), strict=True):
        labels, found = ndimage.label(frame > 0, structure=CORNERS)
        sizes = ndimage.sum_labels(frame > 0, labels, range(1, found + 1))
        assert np.count_nonzero(kept) == sum(sorted(sizes)[-count:])
        np.testing.assert_array_equal(kept[kept > 0], frame[kept > 0])
        assert ndimage.label(kept > 0, structure=CORNERS)[1] == min(count, found)


def test_keep_largest_refuses_to_keep_none():
    with pytest.raises(InpaintError, match=r"^count: expected 1 or more, got 0"):
        keep_largest(torch.zeros(1, 2, 2), 0)


def test_the_patch_at_a_point_is_kept_in_each_frame():
    mask = torch.cat([drawn("##.+ #..+ ..#."), drawn(".... #..# ...#")])
    assert torch.equal(keep_at(mask, 3, 1), torch.cat([drawn("...+ ...+ ..#."), drawn(".... ...# ...#")]))
    assert torch.equal(keep_at(mask, 0, 1), torch.cat([drawn("##.. #... ...."), drawn(".... #... ....")]))
    assert not keep_at(mask, 2, 0).any()


@settings(max_examples=40, deadline=None)
@given(masks(), st.data())
def test_keep_at_is_scipys(mask, data):
    height, width = mask.shape[1:]
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    for frame, kept in zip(mask.numpy(), keep_at(mask, x, y).numpy(), strict=True):
        labels, _ = ndimage.label(frame > 0, CORNERS)
        np.testing.assert_array_equal(kept, frame * (labels == labels[y, x]) * (labels[y, x] > 0))


@pytest.mark.parametrize(("x", "y", "name"), [(4, 0, "x"), (-1, 0, "x"), (0, 3, "y")])
def test_keep_at_refuses_a_point_outside(x, y, name):
    with pytest.raises(
        InpaintError, match=rf"^{name}: expected 0 to \d in a picture of 4x3, got {x or y}\. Give a pixel"
    ):
        keep_at(torch.zeros(1, 3, 4), x, y)


# split


def test_split_gives_each_patch_with_its_values():
    regions = split(drawn("##..# +...# ....# ...#."))
    assert torch.equal(regions.masks, torch.cat([drawn("....# ....# ....# ...#."), drawn("##... +.... ..... .....")]))
    assert regions.areas == [4, 3]
    assert regions.boxes == [Box(3, 0, 2, 4), Box(0, 0, 2, 2)]
    assert regions.frames == [0, 0]
    assert regions.left_out == 0


def test_split_in_every_order_and_up_to_a_limit():
    mask = torch.cat([drawn("...#. ##..# ##... ....#"), drawn("##### ..... ..... ....#")])
    assert split(mask, "largest first").areas == [4, 2, 1, 5, 1]
    assert [box.x for box in split(mask, "left to right").boxes] == [0, 3, 4, 0, 4]
    assert [box.y for box in split(mask, "top to bottom").boxes] == [0, 1, 3, 0, 3]
    few = split(mask, "top to bottom", max_regions=2)
    assert (few.areas, few.frames, few.left_out) == ([4, 5], [0, 1], 3)


@settings(max_examples=40, deadline=None)
@given(masks(), st.sampled_from(list(ORDERS)))
def test_regions_make_up_the_mask(mask, order):
    regions = split(mask, order, max_regions=1000)
    whole = torch.zeros_like(mask)
    for region, area, box, frame in zip(regions.masks, regions.areas, regions.boxes, regions.frames, strict=True):
        assert ndimage.label(region.numpy() > 0, structure=CORNERS)[1] == 1
        assert int((region > 0).sum()) == area
        (slices,) = ndimage.find_objects((region.numpy() > 0).astype(int))
        assert slices == box.slices
        assert not (whole[frame] > 0)[region > 0].any()
        whole[frame] += region
    assert torch.equal(whole, mask)


def test_nothing_splits_into_nothing():
    regions = split(torch.zeros(2, 5, 6))
    assert regions.masks.shape == (0, 5, 6)
    assert regions.areas == []


def test_split_refuses_what_it_does_not_know():
    with pytest.raises(InpaintError, match=r"^order: expected one of largest first, left to right, .*, got random"):
        split(torch.zeros(1, 2, 2), "random")
    with pytest.raises(InpaintError, match=r"^max_regions: expected 1 or more, got 0"):
        split(torch.zeros(1, 2, 2), max_regions=0)
