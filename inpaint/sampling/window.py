"""The part of a latent that a mask and its surroundings need, so that sampling costs what the mask costs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.geometry import Box, ceil_to_multiple

# Models halve a latent up to three times, or cut it into patches: a window on this grid is cut as the whole would be.
GRID = 8


def plan_window(mask: Tensor, context: int) -> Box | None:
    """The smallest window on the grid that holds the masks of all pictures and frames with their surroundings.

    Args:
        mask: [B, 1, h, w] or [B, 1, T, h, w] float, at the latent's resolution.
        context: latent cells to see on every side of the mask, where the picture has as many; 0 or more.

    Returns:
        a box of latent cells; None where nothing is masked, or the window would be the whole latent.
    """
    height, width = mask.shape[-2:]
    masked = (mask > 0).reshape(-1, height, width).any(dim=0)
    if not masked.any():
        return None
    x, across = _span(masked.any(dim=0), context)
    y, down = _span(masked.any(dim=1), context)
    window = Box(x, y, across, down)
    return None if window == Box(0, 0, width, height) else window


def _span(masked: Tensor, context: int) -> tuple[int, int]:
    """First cell and number of cells along one direction."""
    where = torch.nonzero(masked)
    first = max(0, int(where[0]) - context) // GRID * GRID
    after = ceil_to_multiple(int(where[-1]) + 1 + context, GRID)
    return first, min(after, len(masked)) - first


def cut(values: Tensor, window: Box, whole: Sequence[int]) -> Tensor:
    """The window's part of what covers the whole latent, at the latent's resolution or a multiple of it.

    Args:
        values: [..., k * h, k * w], k a whole number.
        window: in latent cells.
        whole: (h, w) of the latent.

    Returns:
        [..., k * window.height, k * window.width], a view.
    """
    times = values.shape[-1] // whole[1]
    rows, columns = Box(*(times * side for side in (window.x, window.y, window.width, window.height))).slices
    return values[..., rows, columns]


def cut_area(area: Sequence[int], window: Box) -> tuple[int, ...] | None:
    """What of an area of the host lies in the window.

    Args:
        area: (height, width, y, x) in latent cells, or with frames (frames, height, width, first frame, y, x).
        window: in latent cells.

    Returns:
        the same in the window's own cells; None where nothing of it lies there.
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
    """The whole latent with the window's part in its place; neither is changed.

    Args:
        whole: [..., h, w].
        part: [..., window.height, window.width].
    """
    result = whole.clone()
    result[(..., *window.slices)] = part.to(result)
    return result
