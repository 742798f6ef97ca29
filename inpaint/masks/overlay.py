"""A mask drawn over its picture, for previews."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.threads import one_thread
from .operators import grow

RED = (1.0, 0.15, 0.1)
OPACITY = 0.6


@one_thread()
def overlay(
    image: Tensor,
    mask: Tensor,
    color: tuple[float, float, float] = RED,
    opacity: float = OPACITY,
    outline: bool = False,
) -> Tensor:
    """Tint a picture where its mask is.

    Args:
        image: [B, H, W, C] float in 0..1. Alpha is dropped; values that are not finite are shown as black.
        mask: [B, H, W] float in 0..1. A batch of 1, of either, is repeated.
        color: red, green and blue of the tint in 0..1.
        opacity: opacity of the tint where the mask is 1, in 0..1.
        outline: draw a line along the mask's edge, just inside the line where it crosses 0.5.

    Returns:
        [B, H, W, 3] in the image's dtype.
    """
    picture = image[..., :3].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    tint = torch.tensor(color, dtype=image.dtype, device=image.device)
    weight = mask.to(image) * opacity
    if outline:
        area = (mask >= 0.5).to(image)
        # Wide enough to be visible when the whole picture is shown.
        line = area - grow(area, -max(1.0, max(mask.shape[1:]) / 512))
        weight = torch.maximum(weight, line)
    return torch.lerp(picture, tint.expand_as(picture), weight[..., None])
