"""Two pictures made equally soft, so that a blur of the whole picture is not taken for an edit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Blurs in pixels that are tried.
BLURS = (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0)
# Pixels needed to tell.
FEWEST = 100


def equally_soft(expected: np.ndarray, edited: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Blur the sharper of two pictures.

    Args:
        expected, edited: [H, W, 3] float32, aligned and in one light.
        same: [H, W] bool: where both show the same structure.

    Returns:
        both pictures, and the standard deviation in pixels of the blur: of the first, or below 0 of the second.
    """
    import cv2

    greys = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (expected, edited)]
    if same.sum() < FEWEST:
        return expected, edited, 0.0

    counted = same.astype(np.uint8)

    def apart(blur: float) -> float:
        first, second = (_blurred(grey, amount) for grey, amount in zip(greys, (blur, -blur), strict=True))
        return float(cv2.norm(first, second, cv2.NORM_L1, counted))

    softest = _lowest(apart, BLURS)
    sharpest = _lowest(apart, tuple(-blur for blur in BLURS)) if softest == 0 else softest
    return _blurred(expected, sharpest), _blurred(edited, -sharpest), sharpest


def _lowest(cost: Callable[[float], float], values: tuple[float, ...]) -> float:
    """Return the value of the first minimum."""
    best, least = values[0], cost(values[0])
    for value in values[1:]:
        new = cost(value)
        if new >= least:
            break
        best, least = value, new
    return best


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0 else picture
