"""Per-pixel operations on the values of a mask."""

import torch
from torch import Tensor
from torch.nn import functional

from ...core.checks import check_mask
from ...core.errors import InpaintError
from ...core.threads import one_thread
from .per_frame import allocate_like


def threshold(mask: Tensor, level: float) -> Tensor:
    """Make a mask hard: 1 where it is at least `level`, else 0.

    Args:
        mask: [B, H, W] float.
        level: above 0, at most 1.

    Returns:
        [B, H, W] of exactly 0 and 1, same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `level` is outside its range.
    """
    check_mask(mask)
    check_level(level)
    return thresholded(mask, level)


def check_level(level: float) -> None:
    """Check the level of `threshold`."""
    if not 0 < level <= 1:
        raise InpaintError(
            f"level: expected above 0 and at most 1, got {level}. Use 0.5 for the middle of a soft edge."
        )


@one_thread()
def thresholded(mask: Tensor, level: float) -> Tensor:
    """`threshold` without checks."""
    return torch.ge(mask, level, out=allocate_like(mask))


def snap(mask: Tensor, margin: float) -> Tensor:
    """Round values near 0 or 1 to 0 or 1. Other values stay as they are.

    Args:
        mask: [B, H, W] float in 0..1.
        margin: largest distance that is rounded, 0 or more and below 0.5. 0.02 turns a detector's 0.98 into 1.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `margin` is outside its range.
    """
    check_mask(mask)
    check_margin(margin)
    return snapped(mask, margin)


def check_margin(margin: float) -> None:
    """Check the margin of `snap`."""
    if not 0 <= margin < 0.5:
        raise InpaintError(f"margin: expected 0 or more and below 0.5, got {margin}. Threshold a mask to make it hard.")


@one_thread()
def snapped(mask: Tensor, margin: float) -> Tensor:
    """`snap` without checks."""
    # `functional.threshold` is fast but replaces only low values. The upper end is done on the negated mask.
    negated = torch.neg(mask, out=allocate_like(mask))
    rounded = functional.threshold(negated, margin - 1, -1, inplace=True).neg_()
    return functional.threshold(rounded, margin, 0, inplace=True)


def invert(mask: Tensor) -> Tensor:
    """Swap kept and repainted: 1 - mask.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return inverted(mask)


@one_thread()
def inverted(mask: Tensor) -> Tensor:
    """`invert` without checks."""
    return torch.sub(1, mask, out=allocate_like(mask))


def levels(mask: Tensor, black: float = 0.0, white: float = 1.0, gamma: float = 1.0) -> Tensor:
    """Rescale values from [black, white] to [0, 1] and apply a gamma, as the levels tool of a paint program does.

    Args:
        mask: [B, H, W] float in 0..1.
        black: input black point; values at or below it become 0.
        white: input white point, above `black`; values at or above it become 1.
        gamma: exponent 1 / gamma for the values between; above 1 raises them, below 1 lowers them.

    Returns:
        [B, H, W] in 0..1, same dtype and device: ((mask - black) / (white - black)) ** (1 / gamma).

    Raises:
        InpaintError: if `mask` is not [B, H, W], `white` is not above `black`, or `gamma` is not above 0.
    """
    check_mask(mask)
    check_levels(black, white, gamma)
    return leveled(mask, black, white, gamma)


def check_levels(black: float, white: float, gamma: float) -> None:
    """Check the settings of `levels`."""
    if not white > black:
        raise InpaintError(f"levels: expected black below white, got black {black}, white {white}. Raise white.")
    if not gamma > 0:
        raise InpaintError(f"gamma: expected above 0, got {gamma}. 1 changes nothing.")


@one_thread()
def leveled(mask: Tensor, black: float, white: float, gamma: float) -> Tensor:
    """`levels` without checks."""
    stretched = torch.sub(mask, black, out=allocate_like(mask)).div_(white - black).clamp_(0, 1)
    return stretched if gamma == 1 else stretched.pow_(1 / gamma)
