"""Growing and shrinking by a true Euclidean distance, and what follows from it."""

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from ...core.checks import check_amount, check_mask
from ...core.errors import InpaintError
from .distance import distance_to
from .per_frame import each_frame


def grow(mask: Tensor, pixels: float) -> Tensor:
    """Widen (or, below zero, shrink) the repainted area by a true Euclidean distance.

    Each pixel takes the largest (shrinking: the smallest) value within `pixels` of it, centre to centre; a soft edge
    moves and keeps its profile. The picture's border adds nothing and takes nothing away.

    Where a frame holds two values only, the cost does not depend on the distance. A soft frame costs more with it,
    a quarter of that where its values are those of an 8-bit picture.

    Args:
        mask: [B, H, W] float.
        pixels: distance in pixels, fractions count; 0 returns the mask unchanged.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `pixels` is not a finite number.
    """
    check_mask(mask)
    if not math.isfinite(pixels):
        raise InpaintError(f"pixels: expected a finite number, got {pixels}. Use 0 to leave the mask as it is.")
    squared_radius = _squared(pixels, furthest=sum(mask.shape[1:]))
    if squared_radius == 0:
        return mask
    # What is shrunk needs no more around it than the pixel that each window has.
    return each_frame(mask, lambda frame: _extreme(frame, squared_radius, pixels > 0), reach=max(pixels, 0))


def close(mask: Tensor, pixels: float) -> Tensor:
    """Close gaps, notches and holes narrower than twice `pixels`: grow, then shrink by as much.

    Beyond the picture's border the mask goes on as it is there, so that nothing sticks to it.

    Args:
        mask: [B, H, W] float.
        pixels: radius in pixels, 0 or more.

    Returns:
        [B, H, W], same dtype and device; nowhere below the mask.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    return _there_and_back(mask, pixels, outwards=True)


def open(mask: Tensor, pixels: float) -> Tensor:
    """Remove strokes, spurs and specks narrower than twice `pixels`: shrink, then grow by as much.

    Beyond the picture's border the mask goes on as it is there, so that it takes nothing away.

    Args:
        mask: [B, H, W] float.
        pixels: radius in pixels, 0 or more.

    Returns:
        [B, H, W], same dtype and device; nowhere above the mask.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    return _there_and_back(mask, pixels, outwards=False)


def _there_and_back(mask: Tensor, pixels: float, outwards: bool) -> Tensor:
    check_amount("pixels", pixels, "Use 0 to leave the mask as it is.")
    check_mask(mask)
    # The mask that goes on beyond the border matters as far as it can round a corner.
    squared_radius = _squared(pixels, furthest=2 * sum(mask.shape[1:]))
    if squared_radius == 0:
        return mask
    margin = math.isqrt(squared_radius)

    def work(frame: np.ndarray) -> np.ndarray:
        moved = _extreme(np.pad(frame, margin, mode="edge"), squared_radius, largest=outwards)
        return _extreme(moved, squared_radius, largest=not outwards)[margin:-margin, margin:-margin]

    return each_frame(mask, work, reach=0)


def _squared(pixels: float, furthest: int) -> int:
    """The square of a radius, a whole number as squared distances between pixels are, and no larger than matters."""
    # The margin forgives the rounding of a square root.
    return min(math.floor(pixels * pixels + 1e-6), furthest * furthest)


def _extreme(frame: np.ndarray, squared_radius: int, largest: bool) -> np.ndarray:
    """The largest, or smallest, value in a disc around every pixel."""
    import cv2

    wanted, other = (frame.max(), frame.min()) if largest else (frame.min(), frame.max())
    area = frame == wanted
    if np.count_nonzero(area) + np.count_nonzero(frame == other) >= frame.size:
        near = distance_to(area) <= math.sqrt(squared_radius + 0.5)
        if (wanted, other) in ((1, 0), (0, 1)):
            return near if wanted else ~near
        return np.where(near, wanted, other)

    pick = cv2.max if largest else cv2.min
    steps = np.rint(frame * 255)
    if np.array_equal((steps / 255).astype(frame.dtype), frame):
        # Only values that are there come out, so the 8-bit numbers do as well, and four fit where one float does.
        return _over_disc(steps.astype(np.uint8), squared_radius, pick) / frame.dtype.type(255)
    return _over_disc(frame, squared_radius, pick)


def _over_disc(frame: np.ndarray, squared_radius: int, pick: Callable[..., np.ndarray]) -> np.ndarray:
    """`pick` of all values in a disc around every pixel: row by row of it, from the short ones to its diameter."""
    height, width = frame.shape
    picked, row, reach = frame.copy(), frame.copy(), 0

    def take(values: np.ndarray, others: np.ndarray) -> None:
        pick(values, others, dst=values)

    for dy in range(min(math.isqrt(squared_radius), height - 1), -1, -1):
        while reach < min(math.isqrt(squared_radius - dy * dy), width - 1):
            reach += 1
            take(row[:, :-reach], frame[:, reach:])
            take(row[:, reach:], frame[:, :-reach])
        take(picked[dy:], row[: height - dy])
        take(picked[: height - dy], row[dy:])
    return picked
