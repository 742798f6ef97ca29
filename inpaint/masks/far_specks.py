"""Specks far from the rest of a mask, which would make a crop much larger than what is to be repainted."""

from __future__ import annotations

from torch import Tensor

from ..core.checks import check_mask
from ..core.geometry import Box, join
from .boxes import boxes_of
from .clean import without_specks
from .operators.components import patch_count

# Specks stay in the box unless it is smaller than this share of its area without them.
SHARE = 0.7


def boxes_without_far_specks(mask: Tensor, area: int) -> tuple[list[Box | None], int]:
    """Return the smallest box around each frame's mask, without specks that would make the common box much larger.

    Args:
        mask: [B, H, W] float; above 0 = masked.
        area: patches of fewer pixels are specks, except in frames that have no larger patch; 0 or 1 = none are.

    Returns:
        One box per frame, None for an empty one; and the number of specks that were left out.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    boxes = boxes_of(mask)
    whole = join(boxes)
    # A box that is mostly masked is not one of specks.
    if whole is None or area <= 1 or int(mask.count_nonzero()) > SHARE * whole.width * whole.height * len(mask):
        return boxes, 0
    rest = without_specks(mask, area)
    without = boxes_of(rest)
    inner = join(without)
    if inner is None or inner.width * inner.height >= SHARE * whole.width * whole.height:
        return boxes, 0
    return without, patch_count(mask) - patch_count(rest)
