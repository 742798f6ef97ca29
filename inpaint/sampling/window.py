"""The part of a latent that a mask and its surroundings need. Sampling only this part costs less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.geometry import Box, Size, ceil_to_multiple, join
from ..masks.boxes import boxes_of

# Models halve a latent up to three times, or split it into patches. On this grid they divide a window as they divide
# the whole latent.
GRID = 8
# Context in latent cells that follows the mask's size: enough to see what is around a small hole, and no more around a
# large one than a model makes use of.
LEAST_CONTEXT, MOST_CONTEXT = 8, 32


# Key of a LATENT with an `EncodedWindow`.
ENCODED_WINDOW = "mend_encoded_window"


class EncodedWindow(NamedTuple):
    """The window in which a picture was encoded in full. Outside, its latent is rough."""

    box: Box
    """In latent cells."""
    whole: tuple[int, ...]
    """Height and width of the whole latent."""


def plan_window(mask: Tensor, context: int | None = None, patch: int = 1) -> Box | None:
    """Return the smallest window on the grid that contains the masks of all pictures and frames, with their context.

    Args:
        mask: [B, 1, h, w] or [B, 1, T, h, w] float, at the latent's resolution.
        context: latent cells to add on every side of the mask, up to the border; 0 or more. None adds half of the
            mask's longer side, from `LEAST_CONTEXT` to `MOST_CONTEXT`.
        patch: cells of a patch of the model, along each side. The grid is at least that wide.

    Returns:
        A box in latent cells. None if nothing is masked, or the window would be the whole latent.
    """
    height, width = mask.shape[-2:]
    masked = (mask > 0).reshape(-1, height, width).any(dim=0)
    if not masked.any():
        return None
    columns, rows = masked.any(dim=0), masked.any(dim=1)
    if context is None:
        half = -(-max(_length(columns), _length(rows)) // 2)
        context = min(max(half, LEAST_CONTEXT), MOST_CONTEXT)
    grid = max(GRID, patch)
    x, across = _span(columns, context, grid)
    y, down = _span(rows, context, grid)
    window = Box(x, y, across, down)
    return None if window == Box(0, 0, width, height) else window


def window_of_pixels(weight: Tensor, ratio: int) -> Box | None:
    """Return the latent cells that hold the pixels which a mask pastes.

    Args:
        weight: [B, H, W] float; above 0 = pasted.
        ratio: pixels per latent cell, along each side.

    Returns:
        A box in latent cells; None if nothing is pasted.
    """
    box = join(boxes_of(weight))
    if box is None:
        return None
    return Box.between(box.x // ratio, box.y // ratio, -(-box.right // ratio), -(-box.bottom // ratio))


def framed(part: Tensor, window: Box, ratio: int, whole: Size) -> Tensor:
    """Return pictures [B, H, W, C] that are black around a decoded part.

    Args:
        part: [B, window.height * ratio, window.width * ratio, C].
        window: in latent cells.
        ratio: pixels per latent cell, along each side.
        whole: of the pictures, in pixels.
    """
    pictures = part.new_zeros(len(part), whole.height, whole.width, part.shape[-1])
    pictures[(slice(None), *window.times(ratio).slices)] = part
    return pictures


def _length(masked: Tensor) -> int:
    """Return the number of cells along one axis, from the first that is masked to the last."""
    where = torch.nonzero(masked)
    return int(where[-1]) - int(where[0]) + 1


def _span(masked: Tensor, context: int, grid: int) -> tuple[int, int]:
    """Return the first cell and the number of cells along one axis."""
    where = torch.nonzero(masked)
    first = max(0, int(where[0]) - context) // grid * grid
    after = ceil_to_multiple(int(where[-1]) + 1 + context, grid)
    return first, min(after, len(masked)) - first


def cut(values: Tensor, window: Box, whole: Sequence[int]) -> Tensor:
    """Cut the window out of a tensor that covers the whole latent.

    Args:
        values: [..., k * h, k * w]; the latent's resolution times a whole number k.
        window: in latent cells.
        whole: (h, w) of the latent.

    Returns:
        [..., k * window.height, k * window.width], a view.
    """
    times = values.shape[-1] // whole[1]
    rows, columns = window.times(times).slices
    return values[..., rows, columns]


def cut_area(area: Sequence[int], window: Box) -> tuple[int, ...] | None:
    """Intersect a conditioning area of the host with the window.

    Args:
        area: (height, width, y, x) in latent cells, or with frames (frames, height, width, first frame, y, x).
        window: in latent cells.

    Returns:
        The intersection in the same form, relative to the window. None if it is empty.
    """
    half = len(area) // 2
    *frames, height, width = area[:half]
    *first, y, x = area[half:]
    top, bottom = max(y, window.y), min(y + height, window.y + window.height)
    left, right = max(x, window.x), min(x + width, window.x + window.width)
    if top >= bottom or left >= right:
        return None
    return (*frames, bottom - top, right - left, *first, top - window.y, left - window.x)


def paste(whole: Tensor, part: Tensor, window: Box) -> Tensor:
    """Return a copy of the whole latent with a part pasted into the window.

    Args:
        whole: [..., h, w].
        part: [..., window.height, window.width].
    """
    result = whole.clone()
    result[(..., *window.slices)] = part.to(result)
    return result
