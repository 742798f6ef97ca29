"""Bounding boxes of masks."""

from __future__ import annotations

from torch import Tensor

from ..core.alloc import unexpand
from ..core.checks import check_mask
from ..core.geometry import Box
from ..core.threads import one_thread


def mask_boxes(mask: Tensor) -> list[Box | None]:
    """Return the smallest box around each frame's mask.

    Args:
        mask: [B, H, W] float; above 0 = masked.

    Returns:
        One box per frame; None for an empty frame.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return boxes_of(mask)


@one_thread()
def boxes_of(mask: Tensor) -> list[Box | None]:
    """`mask_boxes` without checks."""
    distinct = unexpand(mask)
    return [_box(frame) for frame in distinct] * (len(mask) // len(distinct))


def _box(frame: Tensor) -> Box | None:
    # Rows first: this reads memory once in order. Then columns, of the occupied rows only.
    rows = frame.amax(dim=1).gt(0).nonzero()
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = frame[top:bottom].amax(dim=0).gt(0).nonzero()
    return Box.between(int(columns[0]), top, int(columns[-1]) + 1, bottom)
