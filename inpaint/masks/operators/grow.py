"""Morphology by a true Euclidean distance: grow and shrink, close, open."""

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from ...core.checks import check_amount, check_mask
from ...core.errors import InpaintError
from .distance import distance_to
from .per_frame import each_frame

# Up to this radius in pixels, going over the rows of the disc is faster than a distance transform.
SMALL_DISC = 96


def grow(mask: Tensor, pixels: float) -> Tensor:
    """Widen (or, below zero, shrink) the repainted area by a true Euclidean distance.

    Each pixel takes the largest (when shrinking, the smallest) value within `pixels` of it, centre to centre. A soft
    edge moves and keeps its profile. Pixels beyond the picture's border do not count.

    The cost grows with the distance; for a frame with only two values it does so up to 96 pixels. 8-bit values take a
    quarter of the time of others.

    Args:
        mask: [B, H, W] float.
        pixels: distance in pixels; fractions count. 0 returns the mask unchanged.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `pixels` is not a finite number.
    """
    check_mask(mask)
    check_distance(pixels)
    return grown(mask, pixels)


def check_distance(pixels: float) -> None:
    """Check the distance of `grow`."""
    if not math.isfinite(pixels):
        raise InpaintError(f"pixels: expected a finite number, got {pixels}. Use 0 to leave the mask as it is.")


def grown(mask: Tensor, pixels: float) -> Tensor:
    """`grow` without checks."""
    squared_radius = _squared(pixels, furthest=sum(mask.shape[1:]))
    if squared_radius == 0:
        return mask
    # Shrinking needs no margin beyond the one pixel that each window has anyway.
    return each_frame(
        mask,
        lambda frame: _extreme(frame, squared_radius, pixels > 0),
        reach=max(pixels, 0),
        overlap=math.isqrt(squared_radius),
    )


def close(mask: Tensor, pixels: float) -> Tensor:
    """Close gaps, notches and holes narrower than twice `pixels`: grow, then shrink by as much.

    The border values are repeated beyond the picture, so that the mask is not joined to the border.

    Args:
        mask: [B, H, W] float.
        pixels: radius in pixels, 0 or more.

    Returns:
        [B, H, W], same dtype and device; no value is below the mask's.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    check_amount("pixels", pixels, "Use 0 to leave the mask as it is.")
    check_mask(mask)
    return grow_and_shrink(mask, pixels, grow_first=True)


def open(mask: Tensor, pixels: float) -> Tensor:
    """Remove strokes, spurs and specks narrower than twice `pixels`: shrink, then grow by as much.

    The border values are repeated beyond the picture, so that nothing is removed because of the border.

    Args:
        mask: [B, H, W] float.
        pixels: radius in pixels, 0 or more.

    Returns:
        [B, H, W], same dtype and device; no value is above the mask's.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    check_amount("pixels", pixels, "Use 0 to leave the mask as it is.")
    check_mask(mask)
    return grow_and_shrink(mask, pixels, grow_first=False)


def grow_and_shrink(mask: Tensor, pixels: float, grow_first: bool) -> Tensor:
    """`close`, or `open` if `grow_first` is False, without checks. Border values are repeated beyond the picture."""
    # The padding beyond the border matters up to the distance at which it can still round a corner.
    squared_radius = _squared(pixels, furthest=2 * sum(mask.shape[1:]))
    if squared_radius == 0:
        return mask
    margin = math.isqrt(squared_radius)

    def work(frame: np.ndarray) -> np.ndarray:
        moved = _extreme(np.pad(frame, margin, mode="edge"), squared_radius, largest=grow_first)
        return _extreme(moved, squared_radius, largest=not grow_first)[margin:-margin, margin:-margin]

    return each_frame(mask, work, reach=0, overlap=2 * margin)


def _squared(pixels: float, furthest: int) -> int:
    """Return the squared radius as an integer, at most `furthest` squared.

    Squared distances between pixels are integers, so rounding down loses nothing.
    """
    # The 1e-6 allows for a radius that is a rounded square root.
    return min(math.floor(pixels * pixels + 1e-6), furthest * furthest)


def _extreme(frame: np.ndarray, squared_radius: int, largest: bool) -> np.ndarray:
    """Return the largest, or smallest, value in a disc around each pixel."""
    import cv2

    extreme, other = (frame.max(), frame.min()) if largest else (frame.min(), frame.max())
    area = frame == extreme
    if np.count_nonzero(area) + np.count_nonzero(frame == other) >= frame.size:
        near = _within(area, squared_radius)
        if (extreme, other) in ((1, 0), (0, 1)):
            return near if extreme else ~near
        return np.where(near, extreme, other)

    pick = cv2.max if largest else cv2.min
    steps = np.rint(frame * 255)
    if np.array_equal((steps / 255).astype(frame.dtype), frame):
        # The result has only values of the input, so 8-bit integers are exact, and they take a quarter of the memory.
        return _over_disc(steps.astype(np.uint8), squared_radius, pick) / frame.dtype.type(255)
    return _over_disc(frame, squared_radius, pick)


def _within(area: np.ndarray, squared_radius: int) -> np.ndarray:
    """Return the pixels [H, W] bool in whose disc a pixel of `area` lies."""
    import cv2

    if squared_radius <= SMALL_DISC**2:
        return _over_disc(area.view(np.uint8), squared_radius, cv2.max).view(bool)
    return distance_to(area) <= math.sqrt(squared_radius + 0.5)


def _over_disc(frame: np.ndarray, squared_radius: int, pick: Callable[..., np.ndarray]) -> np.ndarray:
    """Reduce the values in a disc around each pixel by `pick`, row by row of the disc, from the shortest row on."""
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
