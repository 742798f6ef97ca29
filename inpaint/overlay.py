"""A mask shown over its picture, for people to look at."""

from __future__ import annotations

import torch
from torch import Tensor

RED = (1.0, 0.15, 0.1)
OPACITY = 0.6


def overlay(image: Tensor, mask: Tensor) -> Tensor:
    """The picture with a red veil where the mask is.

    Args:
        image: [B, H, W, C] float in 0..1; its alpha is left out.
        mask: [B, H, W] float, 0..1; B may be 1.

    Returns:
        [B, H, W, 3].
    """
    veil = torch.tensor(RED, dtype=image.dtype, device=image.device)
    weight = (mask * OPACITY).to(image)[..., None]
    return torch.lerp(image[..., :3], veil.expand_as(image[..., :3]), weight)
