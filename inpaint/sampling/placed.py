"""Whether a tensor belongs to places in the picture, such as a regional mask, or to the picture as a whole."""

from __future__ import annotations

import math

from torch import Tensor

# Parts of names that others give to what belongs to places.
NAMES = ("mask", "hint", "region", "image", "pixels")
# Sides of fewer values are no picture.
LEAST_SIDE = 4


def is_placed(name: str, values: Tensor, height: int, width: int) -> bool:
    """Tell by a tensor's name and shape whether it belongs to places in a picture.

    Args:
        name: of the attribute or variable that holds it.
        values: the tensor.
        height, width: of the picture, in any unit.
    """
    if values.ndim < 2 or values.numel() < LEAST_SIDE**2:
        return False
    sides = [values.shape[-2:], values.shape[-3:-1]]
    named = any(part in name.lower() for part in NAMES)
    if not named and not any(_has_aspect(*pair, height, width) for pair in sides if len(pair) == 2):
        return False
    return bool((values != values.flatten()[0]).any())  # one value everywhere has no place


def _has_aspect(rows: int, columns: int, height: int, width: int) -> bool:
    """Whether sides are those of the picture at some scale, to rounding."""
    least = min(rows, columns)
    return least >= LEAST_SIDE and abs(math.log(rows * width / (columns * height))) < 0.75 / least
