"""Growing and shrinking against brute force and scipy.

Mutations seen to fail here: a square or a diamond for the disc; half a pixel more or less of radius; a root that rounds
down losing its circle; shrinking that grows; the fast path taken for soft masks; 8-bit values taken where they are
not; OpenCV's approximate distance; close and open swapped.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from inpaint.core.errors import InpaintError
from inpaint.masks import close, grow, invert, open
from inpaint.masks.operators.distance import distance_to
from tests.inpaint.masks.operators.drawing import drawn, masks, scene


def disc(radius: float) -> np.ndarray:
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x * x + y * y <= radius * radius + 1e-6


def test_equal_areas_have_equal_distances_bit_for_bit():
    """Wherever their memory lies: OpenCV's own square roots differ in the last bit."""
    rows, columns = np.mgrid[:61, :83]
    area = (rows - 30) ** 2 + (columns - 41) ** 2 >= 400
    exact = ndimage.distance_transform_edt(~area).astype(np.float32)
    held = []
    for size in range(1, 400):
        held.append(np.empty(13 * size, np.uint8))
        np.testing.assert_array_equal(distance_to(area.copy()), exact)


@settings(max_examples=30, deadline=None)
@given(masks(soft=False))
def test_distance_is_scipys(mask):
    for area in mask.numpy() > 0:
        distance = distance_to(area)
        if not area.any():
            assert np.isinf(distance).all()
        else:
            np.testing.assert_allclose(distance, ndimage.distance_transform_edt(~area), rtol=1e-6)


def test_squared_distances_are_exact_on_a_large_picture():
    places = np.random.default_rng(0).integers(0, 1500, (40, 2))
    area = np.zeros((1500, 1500), bool)
    area[tuple(places.T)] = True
    nearest = ndimage.distance_transform_edt(~area, return_distances=False, return_indices=True)
    squared = ((nearest - np.indices(area.shape)) ** 2).sum(axis=0)
    np.testing.assert_array_equal(np.rint(distance_to(area).astype(np.float64) ** 2), squared)


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
    torch.testing.assert_close(grow(mask, -pixels), invert(grow(invert(mask), pixels)), rtol=0, atol=1e-6)


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


@pytest.mark.parametrize("pixels", [1.5, 7, 20.6, -3, -9.2])
@pytest.mark.parametrize("values", ["hard", "8 bit", "float"])
def test_all_ways_to_grow_agree_on_a_scene(pixels, values):
    mask = scene(90, 120)
    if values != "hard":
        mask *= torch.rand(mask.shape, generator=torch.Generator().manual_seed(1))
    if values == "8 bit":
        mask = (mask * 255).round() / 255
    reduce, outside = (ndimage.grey_dilation, -np.inf) if pixels > 0 else (ndimage.grey_erosion, np.inf)
    expected = reduce(mask[0].numpy(), footprint=disc(abs(pixels)), mode="constant", cval=outside)
    np.testing.assert_array_equal(grow(mask, pixels)[0].numpy(), expected)


# close, open


def test_close_joins_and_open_parts():
    gap = drawn("......... .###.###. .###.###. .###.###. .........")
    assert torch.equal(close(gap, 1), drawn("......... .###.###. .#######. .###.###. ........."))
    bridge = drawn("........... .###...###. .#########. .###...###. ...........")
    assert torch.equal(open(bridge, 1), drawn("........... ..##...##.. .####.####. ..##...##.. ..........."))


@settings(max_examples=40, deadline=None)
@given(masks(), st.floats(0, 6))
def test_close_and_open_are_scipys(mask, pixels):
    """Beyond the border the mask goes on as it is there."""
    margin = 2 * math.ceil(pixels) + 1
    for frame, closed, opened in zip(mask.numpy(), close(mask, pixels), open(mask, pixels), strict=True):
        wide = np.pad(frame, margin, mode="edge")
        inner = (slice(margin, -margin), slice(margin, -margin))
        expected = ndimage.grey_closing(wide, footprint=disc(pixels))[inner]
        np.testing.assert_array_equal(closed.numpy(), expected)
        assert np.all(expected >= frame)
        expected = ndimage.grey_opening(wide, footprint=disc(pixels))[inner]
        np.testing.assert_array_equal(opened.numpy(), expected)
        assert np.all(expected <= frame)


@pytest.mark.parametrize("operator", [close, open])
def test_close_and_open_refuse_a_negative_radius(operator):
    with pytest.raises(InpaintError, match=r"^pixels: expected 0 or more, got -1"):
        operator(torch.zeros(1, 2, 2), -1)
