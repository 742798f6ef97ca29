"""Whether a picture repeats itself, so that a map that is off by a period looks as right as the true one."""

from __future__ import annotations

import numpy as np

# The least shift in pixels that is no part of a feature's own size, and the correlation with itself that is a repeat.
LEAST, ALIKE = 6.0, 0.6


def period(grey: np.ndarray) -> float:
    """Return the length in pixels of the shortest shift by which a picture is nearly itself; infinity if there is none.

    Args:
        grey: [H, W] uint8, its light evened out.
    """
    height, width = grey.shape
    values = grey.astype(np.float32) - float(grey.mean())
    # Padded, so that it does not wrap around; divided by what a shift leaves of it.
    shape = 2 * height, 2 * width
    spectrum = np.fft.rfft2(values, shape)
    product = np.fft.irfft2(np.abs(spectrum) ** 2, shape)[: height // 2, : width // 2]
    left = np.outer(np.arange(height, height - height // 2, -1), np.arange(width, width - width // 2, -1))
    correlation = product / left / max(float(product[0, 0]) / (height * width), 1e-9)
    y, x = np.indices(correlation.shape)
    length = np.hypot(y, x)
    far = (correlation > ALIKE) & (length > LEAST) & _peaks(correlation)
    return float(length[far].min()) if far.any() else float("inf")


def _peaks(values: np.ndarray) -> np.ndarray:
    import cv2

    return values >= cv2.dilate(values.astype(np.float32), np.ones((5, 5), np.uint8)) - 1e-6
