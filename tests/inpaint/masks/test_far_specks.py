"""The box of a crop without the specks that would swell it, against scipy's labels."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from inpaint.core.geometry import Box
from inpaint.masks import mask_boxes
from inpaint.masks.far_specks import boxes_without_far_specks

DISC = Box(216, 216, 81, 81)


def mask_of(specks=((5, 5), (505, 505)), side=512, batch=1):
    """A disc of radius 40 with plus-shaped specks of 5 px."""
    rows, columns = np.mgrid[:side, :side]
    mask = (rows - side // 2) ** 2 + (columns - side // 2) ** 2 <= 40**2
    for y, x in specks:
        mask |= abs(rows - y) + abs(columns - x) <= 1
    return torch.from_numpy(mask).float().expand(batch, -1, -1)


def test_specks_in_the_corners():
    mask = mask_of()
    assert mask_boxes(mask) == [Box(4, 4, 503, 503)]
    assert boxes_without_far_specks(mask, 16) == ([DISC], 2)


def test_many_specks():
    places = np.random.default_rng(0).integers(5, 507, (150, 2))
    mask = mask_of([tuple(place) for place in places])
    boxes, count = boxes_without_far_specks(mask, 16)
    labels, _ = ndimage.label(mask[0].numpy(), np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    large = ndimage.find_objects(labels)[int(areas.argmax())]
    assert count == int((areas < 16).sum())
    assert boxes[0] is not None
    assert boxes[0].slices == large


@pytest.mark.parametrize("specks", [[], [(250, 250)], [(210, 210)]], ids=["none", "inside", "beside"])
def test_a_box_that_hardly_grows_keeps_its_specks(specks):
    mask = mask_of(specks)
    assert boxes_without_far_specks(mask, 16) == (mask_boxes(mask), 0)


def test_the_threshold():
    mask = mask_of()
    assert boxes_without_far_specks(mask, 6)[1] == 2
    for area in (0, 1, 5):
        assert boxes_without_far_specks(mask, area) == (mask_boxes(mask), 0)


def test_specks_alone_are_a_touch_up():
    mask = torch.zeros(1, 64, 64)
    mask[:, 2, 2] = mask[:, 60, 60] = 1
    assert boxes_without_far_specks(mask, 16) == ([Box(2, 2, 59, 59)], 0)


def test_frames_of_a_video():
    mask = torch.cat([mask_of([]), mask_of([(5, 5)]), torch.zeros(1, 512, 512)])
    kept = mask.clone()
    assert boxes_without_far_specks(mask, 16) == ([DISC, DISC, None], 1)
    assert torch.equal(mask, kept)


def test_an_empty_mask_and_a_full_one():
    assert boxes_without_far_specks(torch.zeros(1, 8, 8), 16) == ([None], 0)
    assert boxes_without_far_specks(torch.ones(2, 8, 8).half(), 16) == ([Box(0, 0, 8, 8)] * 2, 0)
