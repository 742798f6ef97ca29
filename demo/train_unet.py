"""Second of the two trainings: the UNet, which is to tell the noise in the latents of a hole."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from demo.networks import UNet
from demo.pairs import Pairs

TIMES = 1000
# Most steps are on windows of the latents, which cost less; the last see them whole.
WINDOW, WINDOWS = 16, 8  # cells along a side, windows to a part of a batch
WHOLE_FROM, WHOLE = 0.75, 2
# Of what the sampler throws away: the noise outside the hole.
OUTSIDE = 0.1
HIGHEST_RATIO, LOWEST_RATIO = 5.0, 0.1  # of picture to noise, in variance


def alphas() -> Tensor:
    """[1000]: the share of the picture in the variance of noisy latents, by Stable Diffusion 1.5's schedule."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, TIMES, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()


class UNetLoss:
    """Of a step: how far the predicted noise is off, mostly in the hole.

    Times at which little noise hides the picture count for less, by min(SNR, 5) / SNR: Hang et al. 2023,
    arXiv:2303.09556. Those at which much noise does count for more, since there a small error of the noise is a large
    one of the picture, and what the hole is to be is decided there.

    Args:
        unet: in training.
        steps: of the whole training.
    """

    def __init__(self, unet: UNet, data: Pairs, steps: int, bfloat16: bool) -> None:
        self.unet, self.data, self.steps, self.bfloat16 = unet, data, steps, bfloat16
        self.alphas = alphas()

    def __call__(self, step: int, part: int) -> Tensor:
        random = np.random.default_rng((3, step, part))
        latents, hidden, cells = self._batch(random, whole=step >= WHOLE_FROM * self.steps)
        # One from each of equally long stretches, so that a batch sees all times.
        stretches = (np.arange(len(latents)) + random.random(len(latents))) / len(latents)
        times = torch.from_numpy((stretches * TIMES).astype(np.int64))
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noise = torch.from_numpy(random.standard_normal(latents.shape, np.float32))
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        x = torch.cat([noisy, cells, hidden], 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16, cache_enabled=False):
            predicted = self.unet(x, times).float()
        ratio = alpha / (1 - alpha)
        weight = ratio.clamp(max=HIGHEST_RATIO) / ratio * (1 + 1 / ratio.clamp(min=LOWEST_RATIO))
        # Beside the hole the grey shows through, so there the sampler repaints one cell more.
        weight = weight * F.max_pool2d(cells, 3, stride=1, padding=1).clamp(min=OUTSIDE)
        return (weight * (predicted - noise).square()).sum() / (weight.sum() * latents.shape[1])

    def _batch(self, random: np.random.Generator, whole: bool) -> tuple[Tensor, Tensor, Tensor]:
        number, side = (WHOLE, self.data.cells.shape[-1]) if whole else (WINDOWS, WINDOW)
        windows: list[tuple[Tensor, ...]] = []
        while len(windows) < number:
            place = random.integers(len(self.data.cells))
            top, left = random.integers(0, self.data.cells.shape[-1] - side + 1, 2)
            window = (..., slice(top, top + side), slice(left, left + side))
            cells = self.data.cells[place][window]
            if not 0.04 < cells.float().mean() < 0.75:
                continue
            windows.append((self.data.latents[place][window], self.data.hidden[place][window], cells))
        latents, hidden, cells = (torch.stack(part).float() for part in zip(*windows, strict=True))
        return latents, hidden, cells
