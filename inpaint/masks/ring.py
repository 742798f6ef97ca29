"""The known pixels around a hole: what everything is fitted on that has to hold inside it as well."""

from torch import Tensor

from ..core.checks import check_amount, check_mask
from .operators import grow


def ring_around(mask: Tensor, pixels: float) -> Tensor:
    """The pixels that are kept, no further than this from one that is not.

    Args:
        mask: [B, H, W] float, 0 = known, above 0 = repainted, however softly.
        pixels: how wide the ring is; 0 gives an empty one.

    Returns:
        [B, H, W] bool.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    check_mask(mask)
    check_amount("ring", pixels, "Use 0 for none.")
    hole = mask > 0
    return (grow(hole.float(), pixels) > 0) & ~hole
