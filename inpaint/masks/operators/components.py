"""Connected patches of a mask, and of what it leaves out.

Patches are joined by edges and corners (8-connected), the holes in them by edges only (4-connected): a diagonal line
of pixels holds together, and closes what it goes round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.checks import check_choice, check_mask
from ...core.errors import InpaintError
from ...core.geometry import Box
from .per_frame import each_frame


def fill_holes(mask: Tensor, max_area: int | None = None) -> Tensor:
    """Fill what the repainted area encloses.

    A hole is a region that no path leads out of to the picture's border. A soft mask is filled at each of its grey
    levels, so a soft rim around a hole is filled with it and soft outer edges stay; levels closer than 1/255 are
    taken together.

    Args:
        mask: [B, H, W] float in 0..1.
        max_area: holes of more pixels than this are left, soft rim and all; None fills every hole.

    Returns:
        [B, H, W], same dtype and device; nowhere below the mask.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `max_area` is negative.

    Source: Soille 2003, Morphological Image Analysis, section 6.3.7 (fill-hole of a grey-scale image).
    """
    if max_area is not None and max_area < 0:
        raise InpaintError(f"max_area: expected 0 or more pixels, got {max_area}.")

    def fill(frame: np.ndarray) -> np.ndarray:
        filled = _fill_frame(frame)
        if max_area is None:
            return filled
        result = frame.copy()
        np.copyto(result, filled, where=_patches(filled > frame, 4, lambda areas: areas <= max_area))
        return result

    return each_frame(mask, fill, reach=0)


def remove_specks(mask: Tensor, area: int) -> Tensor:
    """Drop patches (mask above 0) of fewer than `area` pixels.

    Args:
        mask: [B, H, W] float.
        area: in pixels; 0 or 1 returns the mask unchanged.

    Returns:
        [B, H, W], same dtype and device; what is kept keeps its values.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    return each_frame(mask, lambda frame: frame * _patches(frame > 0, 8, lambda areas: areas >= area), reach=0)


def keep_largest(mask: Tensor, count: int) -> Tensor:
    """Keep the patches (mask above 0) with the most pixels, in every frame; of equal ones those further up.

    Args:
        mask: [B, H, W] float.
        count: how many to keep; 1 or more.

    Returns:
        [B, H, W], same dtype and device; what is kept keeps its values.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `count` is below 1.
    """
    if count < 1:
        raise InpaintError(f"count: expected 1 or more, got {count}.")

    def largest(areas: np.ndarray) -> np.ndarray:
        kept = np.zeros(len(areas), bool)
        kept[np.argsort(-areas, kind="stable")[:count]] = True
        return kept

    return each_frame(mask, lambda frame: frame * _patches(frame > 0, 8, largest), reach=0)


@dataclass(frozen=True)
class Regions:
    """Patches of a mask, each as a mask of its own.

    masks: [N, H, W], dtype and device of the mask they are from; N may be 0.
    areas: pixels of each. boxes: the smallest that holds each. frames: the frame each is from.
    left_out: how many more there were than asked for.
    """

    masks: Tensor
    areas: list[int]
    boxes: list[Box]
    frames: list[int]
    left_out: int


ORDERS: dict[str, Callable[[int, Box], tuple]] = {
    "largest first": lambda area, box: (-area,),
    "left to right": lambda area, box: (box.x, box.y),
    "top to bottom": lambda area, box: (box.y, box.x),
}


def split(mask: Tensor, order: str = "largest first", limit: int = 64, min_area: int = 1) -> Regions:
    """Every patch (mask above 0) as a mask of its own, with its values.

    Args:
        mask: [B, H, W] float. Frames come one after the other, each in the given order.
        order: "largest first", "left to right" or "top to bottom" (by the box's first column or row).
        limit: at most so many of all; the largest stay. Every region takes a whole mask's memory.
        min_area: patches of fewer pixels are passed over, and not counted as left out.

    Raises:
        InpaintError: if `mask` is not [B, H, W], `order` is unknown, or `limit` is below 1.
    """
    import cv2

    check_mask(mask)
    check_choice("order", order, ORDERS)
    if limit < 1:
        raise InpaintError(f"limit: expected 1 or more, got {limit}.")
    frames, labels, found = mask.detach().float().cpu().numpy(), [], []
    for number, frame in enumerate(frames):
        _, labelled, stats, _ = cv2.connectedComponentsWithStats((frame > 0).view(np.uint8), connectivity=8)
        labels.append(labelled)
        patches = list(enumerate(stats.tolist()))[1:]
        found += [(number, label, area, Box(*box)) for label, (*box, area) in patches if area >= min_area]
    kept = sorted(found, key=lambda region: -region[2])[:limit]
    kept.sort(key=lambda region: (region[0], *ORDERS[order](*region[2:])))
    try:
        results = np.zeros((len(kept), *frames.shape[1:]), np.float32)
    except MemoryError:
        size = len(kept) * frames[0].nbytes / 2**30
        raise InpaintError(
            f"limit: expected as many regions as fit in memory, got {len(kept)}, which take {size:.1f} GiB. "
            "Keep fewer regions, or leave out small ones."
        ) from None
    for result, (number, label, _, box) in zip(results, kept, strict=True):
        window = box.slices
        np.multiply(frames[number][window], labels[number][window] == label, out=result[window])
    return Regions(
        torch.from_numpy(results).to(mask),
        areas=[area for *_, area, _ in kept],
        boxes=[box for *_, box in kept],
        frames=[number for number, *_ in kept],
        left_out=len(found) - len(kept),
    )


def _patches(area: np.ndarray, connectivity: int, wanted: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Where [H, W] the connected patches of `area` lie whose numbers of pixels are `wanted`, as bool."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(area.view(np.uint8), connectivity=connectivity)
    chosen = np.zeros(len(stats), bool)
    chosen[1:] = wanted(stats[1:, cv2.CC_STAT_AREA])
    return np.take(chosen, np.asarray(labels, np.int32), mode="clip")


def _fill_frame(frame: np.ndarray) -> np.ndarray:
    """The frame with all holes filled: each pixel at the highest level that shuts it off from the border."""
    high = frame.max()
    if high == 0:
        return frame
    solid = frame == high
    if np.count_nonzero(solid) + np.count_nonzero(frame == 0) == frame.size:
        return np.where(_Floods(solid.view(np.uint8)).open_up_to(0), 0, high)

    steps = (frame * 255).astype(np.uint8)
    # Of the values within one step the lowest stands for all.
    lowest = np.full(256, np.inf, frame.dtype)
    np.minimum.at(lowest, steps.ravel(), frame.ravel())
    present = np.flatnonzero(np.isfinite(lowest))
    floods = _Floods(steps)
    # What is shut off at a level is shut off at all lower ones, so that counting them names the highest.
    shut = np.zeros(steps.shape, np.uint8)
    for below in present[:-1]:
        shut += ~floods.open_up_to(int(below))
    return np.maximum(frame, lowest[present][shut])


class _Floods:
    """Floods of a frame from outside the picture, over whatever is low enough. steps: [H, W] uint8."""

    def __init__(self, steps: np.ndarray) -> None:
        # One open ring around the picture joins all that touches the border, so a single flood reaches it.
        self.canvas = np.pad(steps, 1)
        # OpenCV wants another ring for the marks.
        self.marks = np.zeros((steps.shape[0] + 4, steps.shape[1] + 4), np.uint8)

    def open_up_to(self, step: int) -> np.ndarray:
        """Pixels [H, W], as bool, from which a 4-connected path of values up to `step` leads out of the picture."""
        import cv2

        self.marks[:] = 0
        how = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | 1 << 8
        cv2.floodFill(self.canvas, self.marks, (0, 0), 0, 0, step, how)
        return self.marks[2:-2, 2:-2].view(bool)
