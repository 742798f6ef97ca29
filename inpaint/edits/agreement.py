"""How much of two pictures shows the same structure, whatever their light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .reduce import smooth

# Side in pixels of the windows that are compared.
WINDOW = 15
# A window has structure if its values deviate by this much, in 0..1: more than noise and JPEG.
STRUCTURE = 0.012
# Correlation from which a window shows the same.
SAME = 0.6


@dataclass(frozen=True)
class Agreement:
    """Where two pictures show the same structure."""

    correlation: np.ndarray
    """[H, W] float32 in -1..1, of the window around each pixel."""
    structured: np.ndarray
    """[H, W] bool: where the original's window has structure and the other picture has content."""

    @property
    def share(self) -> float:
        """Share of the original's structure that the other picture shows too, 0..1."""
        found = self.correlation[self.structured]
        return float((found > SAME).mean()) if len(found) else 0.0

    @property
    def same(self) -> np.ndarray:
        """[H, W] bool: the structure that both show."""
        return self.structured & (self.correlation > SAME)


def agreement(original: np.ndarray, other: np.ndarray, inside: np.ndarray) -> Agreement:
    """Compare two pictures on the same grid by the correlation of windows.

    Args:
        original, other: [H, W] float32 grey in 0..1.
        inside: [H, W] bool: where the other picture has content.
    """
    import cv2

    side = (WINDOW, WINDOW)
    first, second = (each - smooth(each, WINDOW / 3) for each in (original, other))
    products = (first * second, first * first, second * second)
    across, own, others = (cv2.blur(each, side) for each in products)
    correlation = across / np.sqrt(np.maximum(own * others, 1e-12))
    within = cv2.erode(inside.astype(np.uint8), np.ones(side, np.uint8), borderValue=1) > 0
    return Agreement(correlation, within & (own > STRUCTURE**2))
