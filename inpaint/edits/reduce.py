"""Smaller copies of pictures, for what need not be measured on every pixel."""

from __future__ import annotations

import numpy as np


def reduced(picture: np.ndarray, most: float) -> np.ndarray:
    """Reduce a picture [H, W] or [H, W, C] to at most about this many pixels. A smaller one is returned as it is."""
    import cv2

    height, width = picture.shape[:2]
    factor = (most / (height * width)) ** 0.5
    if factor >= 1:
        return picture
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def smooth(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Blur [H, W] float32 by a wide Gaussian, of at least 4 pixels, on a smaller copy: many times as fast."""
    import cv2

    size = picture.shape[::-1]
    step = sigma / 2
    small = tuple(max(1, round(side / step)) for side in size)
    blurred = cv2.GaussianBlur(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), (0, 0), sigma / step)
    return cv2.resize(blurred, size, interpolation=cv2.INTER_CUBIC)
