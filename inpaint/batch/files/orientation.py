"""Turning pixels upright by their EXIF orientation."""

from __future__ import annotations

import numpy as np

# Orientation 1..8 of EXIF 2.32, 4.6.4: columns and rows exchanged first, then rows reversed, then columns.
TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels as they are to be looked at.

    Args:
        pixels: [H, W] or [H, W, C].
        orientation: 1..8. Any other number is 1.
    """
    exchange, rows, columns = TURNS.get(orientation, TURNS[1])
    if exchange:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if rows else 1, :: -1 if columns else 1])


def lies_on_its_side(orientation: int) -> bool:
    """Whether width and height change places."""
    return TURNS.get(orientation, TURNS[1])[0]
