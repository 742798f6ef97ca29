"""A soft transition from the picture to its fill inside the mask's edge."""

from __future__ import annotations

import torch
from torch import Tensor

from ..compositing.pair import all_finite
from ..core.checks import check_amount, check_fits
from ..masks import feather


def fade_in(image: Tensor, filled: Tensor, mask: Tensor, pixels: float) -> Tensor:
    """Fade from the picture at the mask's edge to the full fill at a distance inside it.

    Nothing outside the mask changes. The masked content shows through along the edge, so this suits a picture that is
    repainted at low denoise. It does not suit the removal of an object.

    Args:
        image: [B, H, W, C] float, C = 3 or 4; the picture before the fill.
        filled: [B, H, W, C] float; the same picture after the fill.
        mask: [B, H, W] float; above 0 is filled, whatever its value.
        pixels: width of the transition in pixels (Euclidean distance); 0 returns `filled`. The picture's border does
            not count as an edge.

    Returns:
        [B, H, W, C], dtype and device of `image`. Pixels at which `image` is not finite get the full fill.

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
