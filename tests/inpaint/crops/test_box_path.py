"""Boxes that follow a mask.

Mutations seen to fail here: the middle worth as much as rest, or rest worth nothing; all of the context kept, or none;
the context mask left out of what is shown, or of what is kept; the first box for the largest; a box that overhangs set
moving, one that does not overhanging; bounds of the mask or of the picture missing on either side; the corner in the
middle's place; rounded down; costs of one sign only; changes of speed for nothing; no plan for a video without a mask.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.geometry import Area, Box, Size, join
from inpaint.crops.box_path import CHANGE, JERK, OFF_CENTRE, SPEED, plan_path
from inpaint.crops.crop import crop
from inpaint.crops.crop_plan import Context, plan_box
from inpaint.crops.stitch import stitch

PICTURE = Size(640, 360)


def video(x: list[int], width: int = 40) -> list[Box]:
    return [Box(left, 150, width, 30) for left in x]


def columns(masks: Sequence[Box | None], **asked) -> np.ndarray:
    plans = plan_path(masks, PICTURE, **asked)
    assert len({(plan.box.size, plan.target, plan.box.y) for plan in plans}) == 1
    return np.array([plan.box.x for plan in plans])


def test_a_trembling_mask_gets_a_box_at_rest():
    trembling = [300 + int(step) for step in np.random.default_rng(0).integers(-6, 7, 60)]
    x = columns(video(trembling), context=Context(2))
    assert len(set(x)) == 1
    assert abs(x[0] + 40 - 320) <= 4  # 40 of context and the box's half, around the middle


def test_a_box_pans_evenly_with_a_mask_that_crosses_the_picture():
    steps = np.arange(100)
    trembling = (20 + 5 * steps + np.random.default_rng(0).integers(-3, 4, 100)).tolist()
    x = columns(video(trembling), context=Context(2, 4))
    moves = np.diff(x)
    assert moves.min() >= 3
    assert moves.max() <= 6
    assert np.abs(np.diff(moves)).max() <= 1
    # While each box on its own would jitter.
    alone = np.diff([plan_box(box, PICTURE, Context(2, 4)).box.x for box in video(trembling)])
    assert np.ptp(alone) >= 8


def test_a_box_rests_around_the_middle_of_what_it_shows():
    masks = [Box(200, 150, 200, 30), *video([310] * 30)]
    plans = plan_path(masks, PICTURE, Context(2))
    assert plans[0].box.width == 400
    assert {plan.box.x for plan in plans} == {130}


def test_a_context_mask_is_always_shown():
    masks = video([100, 150, 200, 250, 300, 350])
    also = [Box(20 + 60 * step, 140, 10, 10) for step in range(6)]
    for other, plan in zip(also, plan_path(masks, PICTURE, also=also), strict=True):
        assert plan.box.join(other) == plan.box


def test_it_looks_ahead():
    x = columns(video([100] * 20 + [300] * 20), context=Context(3))
    # The mask jumps within a frame. The box is on its way before and arrives after.
    assert x[19] > x[0] + 20
    assert x[20] < x[-1] - 20
    # It has 40 pixels of play before, and as many after.
    assert np.diff(x).max() == 160
    assert (np.diff(x) >= 0).all()


def test_a_frame_without_a_mask_is_passed_on_the_way():
    x = columns([*video([100, 110, 120]), None, None, *video([150, 160])], context=Context(1.5))
    assert (np.diff(x) >= 0).all()
    assert x[2] < x[3] < x[5]


def test_all_boxes_are_as_large_as_the_largest_mask_needs():
    masks = [Box(100, 100, 20, 20), Box(105, 100, 60, 20), Box(110, 100, 20, 50)]
    plans = plan_path(masks, PICTURE, Context(pixels=5), multiple=1)
    assert {plan.box.size for plan in plans} == {Size(70, 60)}
    plans = plan_path(masks, PICTURE, Context(pixels=5), Size(64, 64))
    assert {(plan.box.size, plan.target) for plan in plans} == {(Size(70, 70), Size(64, 64))}
    plans = plan_path(masks, PICTURE, Context(pixels=5), multiple=1, also=[None, Box(100, 60, 10, 10), None])
    assert {plan.box.size for plan in plans} == {Size(70, 65)}


def test_a_box_larger_than_the_picture_rests_and_overhangs():
    plans = plan_path([Box(20 + step, 5, 300, 200) for step in range(9)], Size(330, 210), target=Size(128, 128))
    assert {(plan.box.y, plan.padding.bottom) for plan in plans} == {(0, 90)}
    assert {plan.padding.left + plan.padding.right for plan in plans} == {0}
    plans = plan_path([Box(5, 20 + step, 200, 300) for step in range(9)], Size(210, 330), target=Size(128, 128))
    assert {(plan.box.x, plan.padding.right) for plan in plans} == {(0, 90)}


def test_no_mask_at_all_takes_the_whole_picture():
    assert plan_path([None, None], PICTURE) == [plan_box(None, PICTURE)]


@st.composite
def videos(draw):
    picture = Size(draw(st.integers(20, 200)), draw(st.integers(20, 200)))
    masks = []
    for _ in range(draw(st.integers(1, 9))):
        x, y = draw(st.integers(0, picture.width - 1)), draw(st.integers(0, picture.height - 1))
        box = Box(x, y, draw(st.integers(1, picture.width - x)), draw(st.integers(1, picture.height - y)))
        masks.append(draw(st.sampled_from([box, box, box, None])))
    target = draw(st.sampled_from([None, Size(64, 64), Size(32, 96), Area.square(80)]))
    return masks, picture, Context(draw(st.floats(1, 3)), draw(st.integers(0, 20))), target


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(videos())
def test_every_path(video_):
    masks, picture, context, target = video_
    plans = plan_path(masks, picture, context, target)
    if join(masks) is None:
        return
    assert len(plans) == len(masks)
    assert len({(plan.box.size, plan.target, plan.padding) for plan in plans}) == 1
    half = Context((context.factor + 1) / 2, context.pixels // 2)
    for mask, plan in zip(masks, plans, strict=True):
        if mask is not None:
            kept = half.around(mask, picture)
            assert plan.box.join(kept) == plan.box
        for side, count, first in (
            (plan.box.width, picture.width, plan.box.x),
            (plan.box.height, picture.height, plan.box.y),
        ):
            assert side > count or 0 <= first <= count - side
    shortest = [plan_box(mask, picture, context, target).box for mask in masks if mask]
    if target is None:
        assert plans[0].box.width == max(box.width for box in shortest)
        assert plans[0].box.height == max(box.height for box in shortest)


def cost(path: np.ndarray, wanted: np.ndarray) -> float:
    prices = (SPEED, CHANGE, JERK)
    moves = sum(price * np.abs(np.diff(path, order)).sum() for order, price in enumerate(prices, start=1))
    return float(moves + OFF_CENTRE * np.abs(path - wanted).sum())


@pytest.mark.parametrize("seed", range(4))
def test_no_other_path_is_smoother(seed):
    random = np.random.default_rng(seed)
    lefts = (200 + random.integers(-60, 60, 12)).tolist()
    masks = video(lefts)
    x = columns(masks, context=Context(1.6, 5))
    length = plan_path(masks, PICTURE, Context(1.6, 5))[0].box.width
    kept = [Context(1.3, 2).around(mask, PICTURE) for mask in masks]
    low, high = np.array([box.right - length for box in kept]), np.array([box.x for box in kept])
    wanted = np.array([left + 20 - length / 2 for left in lefts])
    found = cost(x, wanted)
    assert np.all((x >= low) & (x <= high))
    # Rounding costs at most half a pixel in each place: 1, 2 and 4 in differences of first to third order.
    allowed = found - len(x) * (SPEED + 2 * CHANGE + 4 * JERK + OFF_CENTRE)
    for _ in range(3000):
        other = x + random.normal(0, random.choice([0.3, 2, 8])) + random.normal(0, 1, len(x)) * random.choice([0, 1])
        other = np.clip(other, low, high)
        assert cost(other, wanted) >= allowed
    for level in np.arange(low.max(), high.min() + 1):
        assert found <= cost(np.full(len(x), level), wanted) + 1e-6


def test_a_video_is_cropped_along_its_path_and_stitched_back():
    frames, height, width = 6, 60, 90
    image = torch.rand(frames, height, width, 3)
    mask = torch.zeros(frames, height, width)
    boxes = [Box(5 + 12 * step, 20 + step, 14, 10) for step in range(frames)]
    for frame, box in zip(mask, boxes, strict=True):
        rows, columns_ = box.slices
        frame[rows, columns_] = 1
    plans = plan_path(boxes, Size(width, height), Context(1.5))
    assert len({plan.box.x for plan in plans}) > 2
    cropped = crop(image, mask, plans)
    for number, plan in enumerate(plans):
        rows, columns_ = plan.box.slices
        assert torch.equal(cropped.image[number], image[number, rows, columns_])
        assert torch.equal(cropped.mask[number], mask[number, rows, columns_])
    assert torch.equal(stitch(cropped.stitch, cropped.image).image, image)
    painted = stitch(cropped.stitch, torch.full_like(cropped.image, 2.0), feather=0).image
    assert torch.equal(painted == 2.0, (mask > 0)[..., None].expand_as(painted))
