"""Simple shapes that enclose everything a mask covers (above 0) in a frame."""

import numpy as np
from torch import Tensor

from ...core.checks import check_mask
from .per_frame import each_frame


def convex_hull(mask: Tensor) -> Tensor:
    """Replace all patches of a frame by their common convex hull: the pixels whose centres lie in it or on its outline.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W] of 0 and 1, same dtype and device; an empty frame stays empty.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return hulls(mask)


def hulls(mask: Tensor) -> Tensor:
    """`convex_hull` without checks."""
    return each_frame(mask, lambda frame: _hull(frame > 0))


def bounding_box(mask: Tensor) -> Tensor:
    """Replace all patches of a frame by their common bounding box.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W] of 0 and 1, same dtype and device; an empty frame stays empty.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return rectangles(mask)


def rectangles(mask: Tensor) -> Tensor:
    """`bounding_box` without checks."""
    import cv2

    def box(frame: np.ndarray) -> np.ndarray:
        x, y, width, height = cv2.boundingRect((frame > 0).view(np.uint8))
        filled = np.zeros(frame.shape, bool)
        filled[y : y + height, x : x + width] = True
        return filled

    return each_frame(mask, box)


def _hull(area: np.ndarray) -> np.ndarray:
    """Return the convex hull of a bool area [H, W]."""
    rows = np.flatnonzero(area.any(axis=1))
    hull = np.zeros(area.shape, bool)
    if not len(rows):
        return hull
    # The hull depends only on the first and last pixel of each row, and covers one interval of each row.
    width = area.shape[1]
    first, last = area[rows].argmax(axis=1), width - 1 - area[rows, ::-1].argmax(axis=1)
    between = np.arange(rows[0], rows[-1] + 1)
    left, right = _lower_chain(rows, first, between), -_lower_chain(rows, -last, between)
    # The interpolated ends are rounded fractions; the 1e-6 keeps pixels that lie exactly on the outline.
    first_in, last_in = np.ceil(left - 1e-6).astype(np.int32), np.floor(right + 1e-6).astype(np.int32)
    columns = np.arange(width, dtype=np.int32)
    hull[between] = (columns >= first_in[:, None]) & (columns <= last_in[:, None])
    return hull


def _lower_chain(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Evaluate the lower convex hull of the points (x, y), x ascending, at `at` (Andrew's monotone chain)."""
    chain: list[tuple[int, int]] = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    corners = np.array(chain, np.float64)
    return np.interp(at, corners[:, 0], corners[:, 1])


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    """Return the cross product of ab and ac; above 0 if the path a, b, c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
