"""Samples the edited picture on the original's pixels, once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .mapping import Mapping

# Pixels of a band that is sampled at once.
BAND = 2**20


def warped(picture: np.ndarray, mapping: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Sample a picture at the place of every pixel of the original.

    Where the picture is larger than the original, several samples of each pixel are averaged, so that nothing aliases.

    Args:
        picture: [h, w] or [h, w, C] float32.
        mapping: from the original's places to the picture's.

    Returns:
        [H, W] or [H, W, C] float32, bicubic, clipped to 0..1; the border is repeated. And [H, W] bool: where the
        picture has content.
    """
    import cv2

    height, width = picture.shape[:2]
    result = np.empty((mapping.height, mapping.width, *picture.shape[2:]), np.float32)
    inside = np.empty((mapping.height, mapping.width), bool)
    fine = max(1, math.ceil(mapping.scale() - 0.25))
    for rows, x, y in grid(mapping, fine):
        within = (x > -0.75) & (x < width - 0.25) & (y > -0.75) & (y < height - 0.25)
        sampled = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        size = (mapping.width, rows.stop - rows.start)
        result[rows] = cv2.resize(sampled, size, interpolation=cv2.INTER_AREA) if fine > 1 else sampled
        np.clip(result[rows], 0, 1, out=result[rows])
        inside[rows] = (
            cv2.resize(within.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99 if fine > 1 else within
        )
    return result, inside


def grid(mapping: Mapping, fine: int = 1) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield bands of rows, and the place of each of their pixels in the edited picture.

    Args:
        fine: samples across each pixel.

    Yields:
        the rows, and the x and y of each place, [fine * rows, fine * W] float32.
    """
    x = (np.arange(mapping.width * fine, dtype=np.float64) + 0.5) / fine - 0.5
    high = max(1, BAND // (mapping.width * fine * fine))
    for top in range(0, mapping.height, high):
        rows = slice(top, min(top + high, mapping.height))
        y = (np.arange(rows.start * fine, rows.stop * fine, dtype=np.float64) + 0.5) / fine - 0.5
        across, down = np.broadcast_arrays(*mapping.at(x[None], y[:, None]))
        yield rows, across.astype(np.float32), down.astype(np.float32)
