"""Boxes of one size that follow a mask through a video without jitter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ..core.geometry import Box, Size, join
from .crop_plan import TIGHT, Context, Plan, Target, box_size, place, plan_box, target_size

# Start and end (exclusive) of a box along one axis of the picture; None if the frame has no mask.
Ends = tuple[int, int] | None

# Cost per pixel of velocity, acceleration and jerk: the box rests, pans evenly, or eases from one to the other. Being
# off-centre costs so little that it never sets a resting box in motion.
SPEED, CHANGE, JERK, OFF_CENTRE = 10.0, 1.0, 100.0, 0.01


def plan_path(
    masks: Sequence[Box | None],
    picture: Size,
    context: Context = TIGHT,
    target: Target = None,
    multiple: int = 8,
    also: Sequence[Box | None] = (),
) -> list[Plan]:
    """Plan the crop of each frame of a video: boxes of one size on the smoothest path that follows the mask.

    The size is the largest that any frame needs. All frames are planned together, so the box starts to move before the
    mask would leave it. Every box holds the mask with at least half of its context, as far as that lies on the picture.
    The boxes move no more than this requires. In frames without a mask the box continues along the path.

    Boxes lie on whole pixels, so an even pan of 4.3 pixels a frame consists of steps of 4 and 5.

    Args:
        masks: the smallest box around each frame's mask; None for an empty mask.
        picture: size of the frames.
        context, target, multiple: as in `plan.plan_box`.
        also: further boxes to show, one for each frame; empty for none.

    Returns:
        one plan for each frame. If no frame has a mask, a single plan that shows the whole picture.

    Raises:
        InpaintError: if target or multiple is below 1.

    Source: Grundmann, Kwatra & Essa 2011, doi:10.1109/CVPR.2011.5995525, whose weights these are.
    """
    around_all = join(masks)
    if around_all is None:
        return [plan_box(None, picture, context, target, multiple)]
    half = Context((context.factor + 1) / 2, context.pixels // 2)
    frames = list(zip(masks, also or [None] * len(masks), strict=True))
    shown = [None if mask is None else context.around(mask, picture, other) for mask, other in frames]
    kept = [None if mask is None else half.around(mask, picture, other) for mask, other in frames]

    boxes = [box for box in shown if box is not None]
    largest = Size(max(box.width for box in boxes), max(box.height for box in boxes))
    size = target_size([largest], picture, target, multiple)
    length = box_size([largest], size, target)
    # Along an axis on which the box is longer than the picture, it overhangs and does not move.
    still = place(reduce(Box.join, boxes), length, picture, around_all)
    columns = [still.x] * len(masks)
    if length.width <= picture.width:
        across = [[None if box is None else (box.x, box.right) for box in each] for each in (shown, kept)]
        columns = _path(across[0], across[1], length.width, picture.width)
    rows = [still.y] * len(masks)
    if length.height <= picture.height:
        down = [[None if box is None else (box.y, box.bottom) for box in each] for each in (shown, kept)]
        rows = _path(down[0], down[1], length.height, picture.height)
    return [Plan(Box(x, y, length.width, length.height), size, picture) for x, y in zip(columns, rows, strict=True)]


def _path(shown: list[Ends], kept: list[Ends], length: int, count: int) -> list[int]:
    """Return where the windows of `length` start on an axis of `count` pixels, one for each frame."""
    low, high = np.zeros(len(kept)), np.full(len(kept), float(count - length))
    centred = np.full(len(kept), np.nan)
    for number, (show, keep) in enumerate(zip(shown, kept, strict=True)):
        if show is not None and keep is not None:
            low[number] = max(low[number], keep[1] - length)
            high[number] = min(high[number], keep[0])
            centred[number] = (show[0] + show[1] - length) / 2
    # The bounds are whole numbers, so rounding cannot leave them.
    return np.rint(_smoothest(low, high, centred)).astype(int).tolist()


def _smoothest(low: np.ndarray, high: np.ndarray, centred: np.ndarray) -> np.ndarray:
    """Return the path [N] of least cost between `low` and `high`; `centred` is NaN in frames without a mask.

    A linear program: each absolute value is a slack variable, bounded below by the term and by its negative.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    count, known = len(low), np.flatnonzero(~np.isnan(centred))
    terms, weights = [sparse.eye(count)], []
    for weight in (SPEED, CHANGE, JERK)[: count - 1]:
        left = terms[-1].shape[0]
        terms.append((sparse.eye(left - 1, left, k=1) - sparse.eye(left - 1, left)) @ terms[-1])
        weights += [weight] * (left - 1)
    terms = sparse.vstack([*terms[1:], sparse.eye(count, format="csr")[known]])
    weights += [OFF_CENTRE] * len(known)
    target = np.zeros(len(weights))
    target[-len(known) :] = centred[known]

    slack = sparse.eye(len(weights))
    solved = linprog(
        np.concatenate([np.zeros(count), weights]),
        A_ub=sparse.vstack([sparse.hstack([terms, -slack]), sparse.hstack([-terms, -slack])], format="csc"),
        b_ub=np.concatenate([target, -target]),
        bounds=[*zip(low, high, strict=True), *[(0, None)] * len(weights)],
        method="highs",
    )
    # low <= high in every frame, so a path exists: only a failing solver ends without one.
    assert solved.status == 0, solved.message
    return solved.x[:count]
