"""The tensors an inpainting model is given: masked picture, conditioning mask, masked latents."""

from __future__ import annotations

import torch
from torch import Tensor

from .masks import threshold

GREY = 0.5


def binary(mask: Tensor) -> Tensor:
    """The conditioning mask: 1 where the model must not see the picture. Models are trained with 0 and 1 only.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W], 1 where mask >= 0.5, as diffusers has it.
    """
    return threshold(mask, 0.5)


def hide(image: Tensor, mask: Tensor) -> Tensor:
    """The picture with its masked pixels neutral grey, which is 0 in the -1..1 that VAEs take.

    Args:
        image: [B, H, W, 3] float in 0..1.
        mask: [B, H, W] of 0 and 1; B may be 1.
    """
    return torch.where(mask[..., None] > 0, GREY, image)


def replace_masked(samples: Tensor, content: Tensor, cells: Tensor) -> Tensor:
    """Latents whose masked cells hold other content.

    Args:
        samples, content: [B, C, (T,) h, w].
        cells: [B, 1, (T,) h, w], masked where above 0.
    """
    return torch.where(cells.to(samples.device) > 0, content.to(samples), samples)
