"""Boxes of one size that follow a mask through a film without a jitter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ..core.geometry import Box, Size, join
from .plan import TIGHT, Context, Plan, Target, box_size, place, plan_box, target_size

# First and last place of a box along one side of the picture; None where a frame has no mask.
Ends = tuple[int, int] | None

# What speed, its change, and the change of that cost, a pixel each: the camera rests, pans evenly, or eases from one to
# the other. Being off the middle of what is to be shown costs so little that it never sets a resting box in motion.
SPEED, CHANGE, JERK, OFF_CENTRE = 10.0, 1.0, 100.0, 0.01


def plan_path(
    masks: Sequence[Box | None],
    picture: Size,
    context: Context = TIGHT,
    target: Target = None,
    multiple: int = 8,
    also: Sequence[Box | None] = (),
) -> list[Plan]:
    """Where to crop each frame of a film: one size for all, as large as the largest needs, on the smoothest path.

    The whole film is looked at, so that a move begins before the mask leaves. The box always holds the mask with at
    least half of its context, wherever that lies on the picture, and moves no more than that asks for; where a frame
    has no mask it goes on its way.

    Args:
        masks: the smallest box around each frame's mask; None where there is none.
        picture: size of the frames.
        context, target, multiple: as in `geometry.plan_box`.
        also: boxes to show besides, one for each frame; none for none.

    Returns:
        one plan for each frame; a single one if no frame has a mask, of the whole picture.

    Raises:
        InpaintError: if target or multiple is below 1.

    Boxes lie on whole pixels, so an even pan of 4.3 a frame is made of steps of 4 and 5.

    Source: Grundmann, Kwatra & Essa 2011, doi:10.1109/CVPR.2011.5995525, whose weights these are.
    """
    around_all = join(masks)
    if around_all is None:
        return [plan_box(None, picture, context, target, multiple)]
    half = Context((context.factor + 1) / 2, context.pixels // 2)
    frames = list(zip(masks, also or [None] * len(masks), strict=True))
    shown = [None if mask is None else context.around(mask, picture, other) for mask, other in frames]
    kept = [None if mask is None else half.around(mask, picture, other) for mask, other in frames]

    there = [box for box in shown if box is not None]
    largest = Size(max(box.width for box in there), max(box.height for box in there))
    size = target_size([largest], picture, target, multiple)
    length = box_size([largest], size, target)
    # On a side where the picture is too short it overhangs as one box for all frames would, and rests.
    still = place(reduce(Box.join, there), length, picture, around_all)
    columns = [still.x] * len(masks)
    if length.width <= picture.width:
        across = [[None if box is None else (box.x, box.right) for box in boxes] for boxes in (shown, kept)]
        columns = _path(across[0], across[1], length.width, picture.width)
    rows = [still.y] * len(masks)
    if length.height <= picture.height:
        down = [[None if box is None else (box.y, box.bottom) for box in boxes] for boxes in (shown, kept)]
        rows = _path(down[0], down[1], length.height, picture.height)
    return [Plan(Box(x, y, length.width, length.height), size, picture) for x, y in zip(columns, rows, strict=True)]


def _path(shown: list[Ends], kept: list[Ends], length: int, count: int) -> list[int]:
    """Where windows of `length` begin in a row of `count`, one for each frame."""
    low, high = np.zeros(len(kept)), np.full(len(kept), float(count - length))
    wanted = np.full(len(kept), np.nan)
    for number, (middle, must) in enumerate(zip(shown, kept, strict=True)):
        if middle is not None and must is not None:
            low[number] = max(low[number], must[1] - length)
            high[number] = min(high[number], must[0])
            wanted[number] = (middle[0] + middle[1] - length) / 2
    # Whole bounds hold for what is rounded, too.
    return np.rint(_smoothest(low, high, wanted)).astype(int).tolist()


def _smoothest(low: np.ndarray, high: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The path [N] between `low` and `high` of least cost; NaN where nothing is wanted of a frame.

    A linear program: the size of each cost is a variable of its own, no smaller than the cost or its negative.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    count, known = len(low), np.flatnonzero(~np.isnan(wanted))
    costs, prices = [sparse.eye(count)], []
    for price in (SPEED, CHANGE, JERK)[: count - 1]:
        left = costs[-1].shape[0]
        costs.append((sparse.eye(left - 1, left, k=1) - sparse.eye(left - 1, left)) @ costs[-1])
        prices += [price] * (left - 1)
    costs = sparse.vstack([*costs[1:], sparse.eye(count, format="csr")[known]])
    prices += [OFF_CENTRE] * len(known)
    target = np.zeros(len(prices))
    target[-len(known) :] = wanted[known]

    sizes = sparse.eye(len(prices))
    solved = linprog(
        np.concatenate([np.zeros(count), prices]),
        A_ub=sparse.vstack([sparse.hstack([costs, -sizes]), sparse.hstack([-costs, -sizes])], format="csc"),
        b_ub=np.concatenate([target, -target]),
        bounds=[*zip(low, high, strict=True), *[(0, None)] * len(prices)],
        method="highs",
    )
    # The bounds leave room everywhere, so that only a failing solver could end without a path.
    assert solved.status == 0, solved.message
    return solved.x[:count]
