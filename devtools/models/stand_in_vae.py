"""VAEs that need no training: the host's own VAE class around a network that averages blocks of pixels.

Needs the host in this process (`import_host`).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class Averages(torch.nn.Module):
    """Stands for a VAE's network: a cell holds the mean color of its pixels, over and over for more channels."""

    def __init__(self, channels: int, ratio: int, frames: bool) -> None:
        super().__init__()
        self.channels, self.ratio, self.frames = channels, ratio, frames
        self.calls: list[tuple[int, ...]] = []

    def encode(self, pixels: Tensor) -> Tensor:
        self.calls.append(tuple(pixels.shape))
        frames = pixels.movedim(2, 1).flatten(0, 1) if self.frames else pixels
        cells = F.avg_pool2d(frames, self.ratio)
        cells = cells.repeat(1, -(-self.channels // 3), 1, 1)[:, : self.channels]
        return cells.unflatten(0, (len(pixels), -1)).movedim(1, 2) if self.frames else cells

    def decode(self, cells: Tensor) -> Tensor:
        return cells[:, :3].repeat_interleave(self.ratio, dim=-1).repeat_interleave(self.ratio, dim=-2)


def make_stand_in_vae(channels: int, ratio: int, frames: bool = False) -> Any:
    """Make a VAE for latents with these channels and pixels per cell, of pictures or of videos (frames)."""
    import comfy.sd

    # The host's VAE of pixels has no weights to load.
    vae = comfy.sd.VAE(sd={"pixel_space_vae": torch.tensor(1.0)})
    if ratio > 1:
        vae.first_stage_model = Averages(channels, ratio, frames)
        vae.latent_channels, vae.latent_dim = channels, 3 if frames else 2
        vae.downscale_ratio = vae.upscale_ratio = ratio
        if frames:
            vae.downscale_ratio = (lambda count: (count + 3) // 4, ratio, ratio)
            vae.upscale_ratio = (lambda count: 4 * count - 3, ratio, ratio)
    return vae
