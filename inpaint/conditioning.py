"""The tensors an inpainting model is given: masked picture, conditioning mask, noise mask."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import InpaintError

GREY = 0.5


def binary(mask: Tensor) -> Tensor:
    """The conditioning mask: 1 where the model must not see the picture. Models are trained with 0 and 1 only.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W], 1 where mask >= 0.5, as diffusers has it.
    """
    return (mask >= 0.5).to(mask.dtype)


def hide(image: Tensor, mask: Tensor) -> Tensor:
    """The picture with its masked pixels neutral grey, which is 0 in the -1..1 that VAEs take.

    Args:
        image: [B, H, W, 3] float in 0..1.
        mask: [B, H, W] of 0 and 1; B may be 1.
    """
    return torch.where(mask[..., None] > 0, GREY, image)


def pool(mask: Tensor, latent_shape: torch.Size | tuple[int, ...]) -> Tensor:
    """A mask at the resolution of a latent: every cell takes the largest value of its pixels.

    The host would resize bilinearly without antialiasing, which at 8 pixels to a cell looks at 4 pixels of 64, so
    that thin strokes vanish. The maximum keeps a one-pixel stroke, and 0 stays exactly 0.

    Args:
        mask: [B, H, W] float, [B, 1, H, W], or [B, 1, T, H, W].
        latent_shape: of the latent, [B, C, h, w] or [B, C, T, h, w].

    Returns:
        [B, 1, h, w], or [B, 1, T, h, w] where the latent has frames: a 4-D mask on a 5-D latent would be read as
        frames by the host. A mask batch of T is then one mask a frame of a single film.

    Raises:
        InpaintError: if the mask's batch fits neither the batch nor the frames of the latent.
    """
    height, width = latent_shape[-2:]
    flat = mask.reshape(-1, 1, *mask.shape[-2:])
    cells = F.adaptive_max_pool2d(flat.float(), (height, width)).to(mask.dtype)
    if len(latent_shape) == 4:
        return cells
    batch, frames = latent_shape[0], latent_shape[2]
    if mask.ndim == 5:
        return cells.reshape(*mask.shape[:3], height, width)
    if len(cells) == batch or len(cells) == 1:
        return cells[:, :, None].expand(-1, -1, frames, -1, -1)
    if batch == 1 and len(cells) == frames:
        return cells.movedim(0, 1)[None]
    raise InpaintError(
        f"noise mask: expected 1, {batch} (the batch) or {frames} (the frames) masks, got {len(cells)}. "
        "Connect one mask for all, or as many as there are pictures."
    )


def replace_masked(samples: Tensor, content: Tensor, cells: Tensor) -> Tensor:
    """Latents whose masked cells hold other content.

    Args:
        samples, content: [B, C, (T,) h, w].
        cells: [B, 1, (T,) h, w], masked where above 0.
    """
    return torch.where(cells.to(samples.device) > 0, content.to(samples), samples)
