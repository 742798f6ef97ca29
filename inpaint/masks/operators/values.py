"""What a mask's values mean, one pixel at a time."""

import torch
from torch import Tensor
from torch.nn import functional

from ...core.checks import check_mask
from ...core.errors import InpaintError
from .per_frame import allocate_like


def threshold(mask: Tensor, level: float) -> Tensor:
    """Make the mask hard: 1 where it reaches `level`, else 0.

    Args:
        mask: [B, H, W] float.
        level: above 0, at most 1.

    Returns:
        [B, H, W] of exactly 0 and 1, same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `level` is outside its range.
    """
    check_mask(mask)
    if not 0 < level <= 1:
        raise InpaintError(
            f"level: expected above 0 and at most 1, got {level}. Use 0.5 for the middle of a soft edge."
        )
    return torch.ge(mask, level, out=allocate_like(mask))


def snap(mask: Tensor, margin: float) -> Tensor:
    """Make what is nearly 0 or nearly 1 exactly that, and leave what is between.

    Args:
        mask: [B, H, W] float in 0..1.
        margin: how near still counts, above 0 and below 0.5; 0.02 takes the 0.98 of a detector for 1.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `margin` is outside its range.
    """
    check_mask(mask)
    if not 0 <= margin < 0.5:
        raise InpaintError(f"margin: expected 0 or more and below 0.5, got {margin}. Threshold a mask to make it hard.")
    # torch has a fast operator for "above, or else": turned over, it does for the upper end as well.
    turned = torch.neg(mask, out=allocate_like(mask))
    snapped = functional.threshold(turned, margin - 1, -1, inplace=True).neg_()
    return functional.threshold(snapped, margin, 0, inplace=True)


def invert(mask: Tensor) -> Tensor:
    """Swap what is kept and what is repainted: 1 - mask.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return torch.sub(1, mask, out=allocate_like(mask))


def levels(mask: Tensor, black: float = 0.0, white: float = 1.0, gamma: float = 1.0) -> Tensor:
    """Stretch the values between two levels over 0..1, as the levels of a paint program do.

    Args:
        mask: [B, H, W] float in 0..1.
        black: this and what is below it becomes 0.
        white: this and what is above it becomes 1; above `black`.
        gamma: of what is between; above 1 raises it, below 1 lowers it.

    Returns:
        [B, H, W] in 0..1, same dtype and device: ((mask - black) / (white - black)) ** (1 / gamma).

    Raises:
        InpaintError: if `mask` is not [B, H, W], `white` is not above `black`, or `gamma` is not above 0.
    """
    check_mask(mask)
    if not white > black:
        raise InpaintError(f"levels: expected black below white, got black {black}, white {white}. Raise white.")
    if not gamma > 0:
        raise InpaintError(f"gamma: expected above 0, got {gamma}. 1 changes nothing.")
    stretched = torch.sub(mask, black, out=allocate_like(mask)).div_(white - black).clamp_(0, 1)
    return stretched if gamma == 1 else stretched.pow_(1 / gamma)
