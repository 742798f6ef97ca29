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
