"""Where in a picture its mask lies."""

from __future__ import annotations

from torch import Tensor

from ..core.alloc import one_of_equal
from ..core.checks import check_mask
from ..core.geometry import Box
from ..core.threads import one_thread


@one_thread()
def mask_boxes(mask: Tensor) -> list[Box | None]:
    """The smallest box around each frame's mask (above 0); None where a frame's is empty.

    Args:
        mask: [B, H, W] float.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    apart = one_of_equal(mask)
    return [_box(frame) for frame in apart] * (len(mask) // len(apart))


def _box(frame: Tensor) -> Box | None:
    # Along the rows first: memory is read once, and then only where something is.
    rows = frame.amax(dim=1).gt(0).nonzero()
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = frame[top:bottom].amax(dim=0).gt(0).nonzero()
    return Box.between(int(columns[0]), top, int(columns[-1]) + 1, bottom)
