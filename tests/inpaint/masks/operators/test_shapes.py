"""Hull and box against scipy and brute force.

Mutations seen to fail here: pixels on the outline left out; the hull of each patch instead of all; left and right
chain swapped; the box one column short.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.spatial import ConvexHull, QhullError

from inpaint.masks import bounding_box, convex_hull
from tests.inpaint.masks.operators.drawing import drawn, masks, scene


def within_hull(area: np.ndarray) -> np.ndarray:
    """[H, W]: on the inner side of every facet of scipy's hull of the pixels' centres."""
    facets = ConvexHull(np.argwhere(area)).equations
    everywhere = np.argwhere(np.ones_like(area))
    return (everywhere @ facets[:, :2].T + facets[:, 2] <= 1e-9).all(axis=1).reshape(area.shape)


def test_hull_of_a_drawing():
    assert torch.equal(convex_hull(drawn("#....# ...... +.....")), drawn("###### ###... #....."))
    assert torch.equal(convex_hull(drawn("...... .#..#. ......")), drawn("...... .####. ......"))
    assert torch.equal(convex_hull(drawn("#... .... ...#")), drawn("#... .... ...#"))
    assert torch.equal(convex_hull(drawn("#.... ..... ....#")), drawn("#.... ..#.. ....#"))


@settings(max_examples=60, deadline=None)
@given(masks())
def test_hull_is_scipys(mask):
    for frame, hull in zip(mask.numpy() > 0, convex_hull(mask).numpy(), strict=True):
        try:
            expected = within_hull(frame)
        except (QhullError, ValueError):
            # scipy knows no hull of a line, a point or nothing: there it is the pixels between first and last.
            expected = np.zeros(frame.shape, bool)
            points = np.argwhere(frame)
            if len(points):
                way = points[-1] - points[0]
                steps = max(np.gcd(*way), 1)
                expected[tuple((points[0] + np.outer(np.arange(steps + 1), way) // steps).T)] = True
        np.testing.assert_array_equal(hull, expected)


@pytest.mark.parametrize("seed", range(3))
def test_hull_is_scipys_on_a_scene(seed):
    mask = scene(150, 210, seed)
    np.testing.assert_array_equal(convex_hull(mask)[0].numpy(), within_hull(mask[0].numpy() > 0))


@settings(max_examples=40, deadline=None)
@given(masks())
def test_box_is_first_to_last_row_and_column(mask):
    for frame, box in zip(mask, bounding_box(mask), strict=True):
        expected = torch.zeros_like(frame)
        places = frame.nonzero()
        if len(places):
            (top, left), (bottom, right) = places.amin(dim=0), places.amax(dim=0)
            expected[top : bottom + 1, left : right + 1] = 1
        assert torch.equal(box, expected)
