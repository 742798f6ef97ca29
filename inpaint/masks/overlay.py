"""A mask shown over its picture, for people to look at."""

from __future__ import annotations

import torch
from torch import Tensor

from .operators import grow

RED = (1.0, 0.15, 0.1)
OPACITY = 0.6


def overlay(
    image: Tensor,
    mask: Tensor,
    color: tuple[float, float, float] = RED,
    opacity: float = OPACITY,
    outline: bool = False,
) -> Tensor:
    """The picture with a veil where the mask is.

    Args:
        image: [B, H, W, C] float in 0..1; its alpha is left out, and what is not finite shown as black.
        mask: [B, H, W] float, 0..1. One of either serves many of the other.
        color: of the veil, red, green and blue in 0..1.
        opacity: of the veil where the mask is 1.
        outline: draw a line along the mask's edge, just inside of where it crosses 0.5.

    Returns:
        [B, H, W, 3] in the image's dtype.
    """
    picture = image[..., :3].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    veil = torch.tensor(color, dtype=image.dtype, device=image.device)
    weight = mask.to(image) * opacity
    if outline:
        area = (mask >= 0.5).to(image)
        # Wide enough to be seen when the whole picture is.
        line = area - grow(area, -max(1.0, max(mask.shape[1:]) / 512))
        weight = torch.maximum(weight, line)
    return torch.lerp(picture, veil.expand_as(picture), weight[..., None])
