"""Exact Euclidean distances on the pixel grid of one frame."""

import math

import numpy as np

# Up to here, in pixels, rounding finds the integer that a squared distance is: its error stays below one half.
EXACT = 1024
# Up to this limit in pixels, going over the neighbours is faster than a distance transform.
NEAR = 24


def distance_to(area: np.ndarray, limit: float = math.inf) -> np.ndarray:
    """Compute the distance from each pixel's centre to the centre of the nearest pixel of `area`.

    Only pixels inside the picture count. The border is neither inside nor outside the area.

    Args:
        area: [H, W] bool.
        limit: the largest distance in pixels that matters. Farther pixels get any value above it.

    Returns:
        [H, W] float32 in pixels: 0 on the area; infinite everywhere if the area is empty. Squared distances are
        integers: below EXACT pixels a distance is the correctly rounded square root of its integer, beyond that it may
        be off by some last bits.

    Source: Felzenszwalb & Huttenlocher 2012, doi:10.4086/toc.2012.v008a019, as in OpenCV's DIST_MASK_PRECISE.
    """
    import cv2

    if not area.any():
        return np.full(area.shape, np.inf, np.float32)
    if limit <= NEAR:
        return np.sqrt(_squares(area, math.floor(limit)), dtype=np.float32)
    distance = cv2.distanceTransform((~area).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The last bit of OpenCV's square roots depends on where the memory lies: equal calls would give unequal masks.
    squared = distance * distance
    np.rint(squared, out=squared)
    exact = True if squared.max() < EXACT**2 else squared < EXACT**2
    return np.sqrt(squared, out=distance, where=exact)


def _squares(area: np.ndarray, limit: int) -> np.ndarray:
    """Compute squared distances to `area`, [H, W] uint16: exact up to `limit`, and larger than its square beyond.

    First along columns, pixel by pixel; then the smallest sum of both squares along rows.
    """
    import cv2

    def lower(values: np.ndarray, others: np.ndarray) -> None:
        cv2.min(values, others, dst=values)

    along = np.where(area, np.uint8(0), np.uint8(limit + 1))
    for _ in range(limit):
        lower(along[1:], along[:-1] + np.uint8(1))
        lower(along[:-1], along[1:] + np.uint8(1))
    squares = along.astype(np.uint16)
    squares *= squares
    nearest, further = squares.copy(), np.empty_like(squares)
    for step in range(1, min(limit, area.shape[1] - 1) + 1):
        np.add(squares, np.uint16(step * step), out=further)
        lower(nearest[:, step:], further[:, :-step])
        lower(nearest[:, :-step], further[:, step:])
    return nearest
