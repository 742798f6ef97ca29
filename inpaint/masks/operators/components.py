"""Connected patches of a mask, and the holes in them.

Patches are 8-connected (by edges and corners), holes 4-connected (by edges only). So a diagonal line of pixels is one
patch, and a closed one separates the inside from the outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.checks import check_choice, check_mask, check_point
from ...core.errors import InpaintError
from ...core.geometry import Box
from .per_frame import BAND, each_frame


def fill_holes(mask: Tensor, max_area: int | None = None) -> Tensor:
    """Fill holes in the repainted area.

    A hole is a region from which no path leads to the picture's border. A soft mask is filled at each of its gray
    levels, so the soft rim of a hole is filled too and soft outer edges stay. Levels closer than 1/255 count as one.

    Args:
        mask: [B, H, W] float in 0..1.
        max_area: holes with more pixels, counted with their soft rim, stay as they are; None fills every hole.

    Returns:
        [B, H, W], same dtype and device; no value is below the mask's.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `max_area` is negative.

    Source: Soille 2003, Morphological Image Analysis, section 6.3.7 (fill-hole of a grey-scale image).
    """
    check_max_area(max_area)
    check_mask(mask)
    return without_holes(mask, max_area)


def check_max_area(max_area: int | None) -> None:
    """Check the largest area that `fill_holes` fills."""
    if max_area is not None and max_area < 0:
        raise InpaintError(
            f"max_area: expected 0 or more pixels, got {max_area}. Give the pixels of the largest hole to fill."
        )


def without_holes(mask: Tensor, max_area: int | None) -> Tensor:
    """`fill_holes` without checks."""

    def fill(frame: np.ndarray) -> np.ndarray:
        filled = _fill_frame(frame)
        if max_area is None:
            return filled
        holes = _Patches(filled > frame, 4)
        result = frame.copy()
        for rows, places in holes.places(holes.areas <= max_area):
            result[rows].put(places, filled[rows].take(places))
        return result

    return each_frame(mask, fill, reach=0)


def remove_specks(mask: Tensor, area: int) -> Tensor:
    """Remove patches (mask above 0) of fewer than `area` pixels.

    Args:
        mask: [B, H, W] float.
        area: in pixels; 0 or 1 returns the mask unchanged.

    Returns:
        [B, H, W], same dtype and device. Kept patches keep their values.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return large_patches(mask, area)


def large_patches(mask: Tensor, area: int) -> Tensor:
    """`remove_specks` without checks."""

    def keep(frame: np.ndarray) -> np.ndarray:
        patches = _Patches(frame > 0, 8)
        result = frame.copy()
        for rows, places in patches.places(patches.areas < area):
            result[rows].put(places, 0)
        return result

    return each_frame(mask, keep, reach=0)


def keep_largest(mask: Tensor, count: int) -> Tensor:
    """Keep the largest patches (mask above 0) of each frame. Of equal ones, those farther up come first.

    Args:
        mask: [B, H, W] float.
        count: number of patches to keep in each frame; 1 or more.

    Returns:
        [B, H, W], same dtype and device. Kept patches keep their values.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `count` is below 1.
    """
    if count < 1:
        raise InpaintError(f"count: expected 1 or more, got {count}. Use 1 for the largest patch.")
    check_mask(mask)
    return largest_patches(mask, count)


def largest_patches(mask: Tensor, count: int) -> Tensor:
    """`keep_largest` without checks."""

    def keep(frame: np.ndarray) -> np.ndarray:
        patches = _Patches(frame > 0, 8)
        kept = np.zeros(len(patches.areas), bool)
        kept[np.argsort(-patches.areas, kind="stable")[:count]] = True
        result = np.zeros(frame.shape, frame.dtype)
        for rows, places in patches.places(kept):
            result[rows].put(places, frame[rows].take(places))
        return result

    return each_frame(mask, keep, reach=0)


def keep_at(mask: Tensor, x: int, y: int) -> Tensor:
    """Keep the patch (mask above 0) that lies at a point. A frame without one there becomes empty.

    Args:
        mask: [B, H, W] float.
        x, y: column and row in pixels; (0, 0) is the upper left one.

    Returns:
        [B, H, W], same dtype and device. The kept patch keeps its values.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or the point is outside of it.
    """
    import cv2

    check_mask(mask)
    check_point(x, y, *mask.shape[1:])

    def keep(frame: np.ndarray) -> np.ndarray:
        _, labels = cv2.connectedComponents((frame > 0).view(np.uint8), connectivity=8)
        # Outside of all patches, the label is that of the background, whose values are 0.
        return frame * (labels == labels[y, x])

    return each_frame(mask, keep)


def patch_count(mask: Tensor) -> int:
    """Count the patches (mask [B, H, W] above 0) of all frames."""
    import cv2

    area = (mask > 0).cpu().numpy().view(np.uint8)
    return sum(cv2.connectedComponents(frame, connectivity=8)[0] - 1 for frame in area)


@dataclass(frozen=True)
class Regions:
    """The patches of a mask, each as a mask of its own."""

    masks: Tensor
    """[N, H, W], dtype and device of the source mask; N may be 0."""
    areas: list[int]
    """Number of pixels of each patch."""
    boxes: list[Box]
    """Bounding box of each patch."""
    frames: list[int]
    """Index of the frame of each patch."""
    left_out: int
    """Number of patches dropped because of `max_regions`."""


ORDERS: dict[str, Callable[[int, Box], tuple]] = {
    "largest first": lambda area, box: (-area,),
    "left to right": lambda area, box: (box.x, box.y),
    "top to bottom": lambda area, box: (box.y, box.x),
}


def split(mask: Tensor, order: str = "largest first", max_regions: int = 64, min_area: int = 1) -> Regions:
    """Split a mask into its patches (mask above 0). Each becomes a mask of its own and keeps its values.

    Args:
        mask: [B, H, W] float.
        order: order of the patches of a frame: "largest first", "left to right" or "top to bottom" (by the box's first
            column or row). Patches of earlier frames come first.
        max_regions: maximum number of patches over all frames; the largest are kept. Each takes the memory of a whole
            mask.
        min_area: patches of fewer pixels are ignored, and not counted as left out.

    Raises:
        InpaintError: if `mask` is not [B, H, W], `order` is unknown, or `max_regions` is below 1.
    """
    import cv2

    check_mask(mask)
    check_choice("order", order, ORDERS)
    if max_regions < 1:
        raise InpaintError(
            f"max_regions: expected 1 or more, got {max_regions}. Use 1 for the first region of the order alone."
        )
    frames, labels, found = mask.detach().float().cpu().numpy(), [], []
    for number, frame in enumerate(frames):
        _, labelled, stats, _ = cv2.connectedComponentsWithStats((frame > 0).view(np.uint8), connectivity=8)
        labels.append(labelled)
        patches = list(enumerate(stats.tolist()))[1:]
        found += [(number, label, area, Box(*box)) for label, (*box, area) in patches if area >= min_area]
    kept = sorted(found, key=lambda region: -region[2])[:max_regions]
    kept.sort(key=lambda region: (region[0], *ORDERS[order](*region[2:])))
    try:
        results = np.zeros((len(kept), *frames.shape[1:]), np.float32)
    except MemoryError:
        size = len(kept) * frames[0].nbytes / 2**30
        raise InpaintError(
            f"max_regions: expected as many regions as fit in memory, got {len(kept)}, which take {size:.1f} GiB. "
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


class _Patches:
    """The connected patches of an area [H, W] bool.

    OpenCV's own statistics take five times as long as finding the patches. Here, only pixels of the area are looked at,
    a few rows at a time, so that the memory does not grow with the picture.
    """

    def __init__(self, area: np.ndarray, connectivity: int) -> None:
        import cv2

        self.area = area
        count, labels = cv2.connectedComponents(area.view(np.uint8), connectivity=connectivity)
        # 0 outside of the area, 1 and up for each patch.
        self.labels = np.asarray(labels, np.int32)
        sizes = np.zeros(count, np.int64)
        for rows in self._rows():
            sizes += np.bincount(self.labels[rows][area[rows]], minlength=count)
        self.areas = sizes[1:]
        """[N] number of pixels of each patch."""

    def places(self, chosen: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Find the pixels of chosen patches. chosen: [N] bool.

        Yields:
            Some rows, and the indices of the pixels in these rows, flattened.
        """
        if not chosen.any():
            return
        chosen = np.append(False, chosen)
        for rows in self._rows():
            places = np.flatnonzero(self.area[rows])
            yield rows, places[chosen.take(self.labels[rows].take(places))]

    def _rows(self) -> Iterator[slice]:
        height, width = self.area.shape
        step = max(1, BAND // width)
        return (slice(top, top + step) for top in range(0, height, step))


def _fill_frame(frame: np.ndarray) -> np.ndarray:
    """Fill all holes: each pixel gets the highest level at which it is enclosed."""
    high = frame.max()
    if high == 0:
        return frame
    solid = frame == high
    if np.count_nonzero(solid) + np.count_nonzero(frame == 0) == frame.size:
        return np.where(_Floods(solid.view(np.uint8)).reachable(0), 0, high)

    steps = (frame * 255).astype(np.uint8)
    # The lowest value within a step stands for the step.
    lowest = np.full(256, np.inf, frame.dtype)
    np.minimum.at(lowest, steps.ravel(), frame.ravel())
    present = np.flatnonzero(np.isfinite(lowest))
    floods = _Floods(steps)
    # A pixel enclosed at one level is enclosed at all lower levels too, so their count is the index of the highest.
    enclosed = np.zeros(steps.shape, np.uint8)
    for below in present[:-1]:
        enclosed += ~floods.reachable(int(below))
    return np.maximum(frame, lowest[present][enclosed])


class _Floods:
    """Flood fills of a frame [H, W] uint8, from outside the picture over all pixels up to a level."""

    def __init__(self, steps: np.ndarray) -> None:
        # A ring of 0 around the picture connects all of its border, so that one flood fill reaches everything.
        self.canvas = np.pad(steps, 1)
        # OpenCV requires one more ring around the marks.
        self.marks = np.zeros((steps.shape[0] + 4, steps.shape[1] + 4), np.uint8)

    def reachable(self, step: int) -> np.ndarray:
        """Return the pixels [H, W] bool that a 4-connected path over values up to `step` joins to the border."""
        import cv2

        self.marks[:] = 0
        flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | 1 << 8
        cv2.floodFill(self.canvas, self.marks, (0, 0), 0, 0, step, flags)
        return self.marks[2:-2, 2:-2].view(bool)
