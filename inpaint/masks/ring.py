"""The known pixels around a hole. Corrections that must also hold inside the hole are fitted on them."""

from torch import Tensor

from ..core.checks import check_amount, check_mask
from .operators.grow import grown


def ring_around(mask: Tensor, pixels: float) -> Tensor:
    """Return the known pixels within a distance of the hole.

    Args:
        mask: [B, H, W] float, 0 = known, above 0 = hole.
        pixels: width of the ring in pixels; 0 gives an empty ring.

    Returns:
        [B, H, W] bool.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    check_mask(mask)
    check_amount("ring", pixels, "Use 0 for none.")
    return ring_of(mask, pixels)


def ring_of(mask: Tensor, pixels: float) -> Tensor:
    """`ring_around` without checks."""
    hole = mask > 0
    return (grown(hole.float(), pixels) > 0) & ~hole
