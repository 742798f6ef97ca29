"""Inpainting with the narrow networks alone, as the shipped workflow `sd15-inpaint` does it with the host.

Encode for Inpainting, 20 steps of euler on the scheduler `normal`, Decode and Composite, with their defaults.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from demo.networks import RATIO, VAE, UNet
from demo.train_unet import alphas
from inpaint.compositing import composite_mask, paste
from inpaint.masks import grow_cells, pool
from inpaint.sampling.conditioning import prepare

STEPS, FEATHER = 20, 8.0


def pasted(image: Tensor, mask: Tensor, repainted: Tensor) -> Tensor:
    """The picture with its hole repainted, and everything beyond a soft edge as it was."""
    return paste(image, repainted, composite_mask(mask, FEATHER)).image


@torch.inference_mode()
def painted(
    vae: VAE, unet: UNet, image: Tensor, mask: Tensor, filled: Tensor | None = None, denoise: float = 1.0, seed: int = 1
) -> Tensor:
    """All of the picture as it comes from the VAE, its hole repainted.

    Args:
        image: [B, H, W, 3] in 0..1.
        mask: [B, H, W], 1 = repaint.
        filled: the picture with something in its hole that is to stay in part; None begins from nothing.
        denoise: how much of that is made new; 1 for all.
        seed: another gives another fill.
    """
    prepared = prepare(image, mask, RATIO, filled=filled is not None)
    hidden = vae.taesd_encoder(prepared.hidden.movedim(-1, 1))
    cells = pool(prepared.hard, hidden.shape)
    noise = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(seed))
    if filled is None:
        latent, repaint = hidden, grow_cells(cells, 1)
    else:
        latent, repaint = vae.taesd_encoder(prepare(filled, mask, RATIO).pixels.movedim(-1, 1)), cells
    latent = sample(unet, latent, hidden, cells, repaint, noise, denoise)
    return vae.taesd_decoder(latent).clamp(0, 1).movedim(1, -1)[:, : image.shape[1], : image.shape[2]]


def sample(
    unet: UNet, latent: Tensor, hidden: Tensor, cells: Tensor, repaint: Tensor, noise: Tensor, denoise: float = 1.0
) -> Tensor:
    """Latents whose hole is made anew.

    Args:
        latent: [B, 4, h, w], what is kept, and begun from where not all is made anew.
        hidden: the same of the picture without the masked area.
        cells: [B, 1, h, w] of 0 and 1, what is masked.
        repaint: the same for what is sampled.
        noise: [B, 4, h, w].
    """
    # Noise for each part of the picture, at times that are evenly spread, as the host has it.
    ratios = ((1 - alphas()) / alphas()).sqrt()
    times = torch.linspace(len(ratios) - 1, 0, int(STEPS / denoise))[-STEPS:]
    sigmas = [*torch.from_numpy(np.interp(times, np.arange(len(ratios)), ratios.log())).exp().tolist(), 0.0]
    x = latent + noise * (sigmas[0] ** 2 + (denoise == 1)) ** 0.5
    for time, (sigma, lower) in zip(times, pairwise(sigmas), strict=True):
        x = x * repaint + (latent + sigma * noise) * (1 - repaint)
        given = torch.cat([x / (1 + sigma**2) ** 0.5, cells, hidden], 1)
        picture = x - sigma * unet(given, time.expand(len(x)))
        picture = picture * repaint + latent * (1 - repaint)
        x = picture + (x - picture) * (lower / sigma)
    return x
