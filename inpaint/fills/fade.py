"""How a fill begins at the mask's edge."""

from __future__ import annotations

import torch
from torch import Tensor

from ..compositing.pair import all_finite
from ..core.checks import check_amount, check_fits
from ..masks import feather


def fade_in(image: Tensor, filled: Tensor, mask: Tensor, pixels: float) -> Tensor:
    """Let a fill begin at the mask's edge and be complete this far inside it; between, the picture fades into it.

    Nothing outside the mask changes. What the mask held shows through along its edge, however: for a picture that is
    repainted with little denoise, not for one from which something is to go.

    Args:
        image: [B, H, W, C] float, C = 3 or 4, before it was filled.
        filled: the same, filled.
        mask: [B, H, W] float; above 0 is filled, whatever its value.
        pixels: how far inside the edge, by true distance; the picture's border is no edge. 0 returns `filled`.

    Returns:
        [B, H, W, C], dtype and device of `image`. Where `image` is not finite, the fill is taken in full.

    Raises:
        InpaintError: if `image` is not a picture, `mask` does not fit it, or `pixels` is negative or not finite.
    """
    check_fits(image, mask)
    check_amount("fade_width", pixels, "Use 0 to fill the whole mask.")
    if pixels == 0:
        return filled
    share = feather((mask > 0).float(), pixels, side="inside").to(image.device)
    fading = ((share > 0) & (share < 1) & all_finite(image))[..., None]
    wide = torch.promote_types(image.dtype, torch.float32)
    mixed = torch.lerp(image.to(wide), filled.to(wide), share.to(wide)[..., None]).to(image.dtype)
    return torch.where(fading, mixed, filled)
