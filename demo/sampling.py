"""Inpaint with the narrow networks without a host, like the shipped workflow `sd15-inpaint`.

The steps: Encode for Inpainting, 20 steps of euler with the scheduler `normal`, Decode and Composite, all defaults.
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
    """Paste the repainted hole into the picture with a soft edge. All other pixels stay unchanged."""
    return paste(image, repainted, composite_mask(mask, FEATHER)).image


@torch.inference_mode()
def painted(
    vae: VAE, unet: UNet, image: Tensor, mask: Tensor, filled: Tensor | None = None, denoise: float = 1.0, seed: int = 1
) -> Tensor:
    """Repaint the hole, and return the whole picture as decoded by the VAE.

    Args:
        image: [B, H, W, 3] in 0..1.
        mask: [B, H, W], 1 = repaint.
        filled: the picture with a fill that the result keeps in part; None starts from noise.
        denoise: how much of that fill is replaced; 1 replaces all.
        seed: seed of the noise.
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
    """Sample new latents in the hole.

    Args:
        latent: [B, 4, h, w], kept outside the hole; with denoise below 1 also the start inside it.
        hidden: [B, 4, h, w], latent of the picture without the masked area.
        cells: [B, 1, h, w], 0 or 1: the masked cells, for the model.
        repaint: [B, 1, h, w], 0 or 1: the cells to sample.
        noise: [B, 4, h, w].
        denoise: part of the schedule that is sampled.
    """
    # Sigmas (noise / picture ratios) at evenly spaced times, as in the host.
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
