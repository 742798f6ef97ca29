"""The second training: the UNet, which predicts the noise in the latents of a hole."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from demo.networks import UNet
from demo.pairs import Pairs

TIMES = 1000
# Most steps train on windows of the latents, which is cheaper. The last steps use whole latents.
WINDOW, WINDOWS = 16, 8  # cells along a side, windows per part of a batch
WHOLE_FROM, WHOLE = 0.75, 2
# Weight of the noise outside the hole, which the sampler discards.
OUTSIDE = 0.1
HIGHEST_RATIO, LOWEST_RATIO = 5.0, 0.1  # ratio of picture to noise variance (SNR)


def alphas() -> Tensor:
    """Return alpha-bar [1000] of Stable Diffusion 1.5: the picture's share of the variance of noisy latents."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, TIMES, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()


class UNetLoss:
    """The loss of a step: the error of the predicted noise, mostly inside the hole.

    Times with little noise count less, by min(SNR, 5) / SNR (Hang et al. 2023, arXiv:2303.09556). Times with much noise
    count more: they decide the content of the hole, and a small error of the noise is a large error of the picture.

    Args:
        unet: the network in training.
        data: the training data.
        steps: number of steps of the whole training.
        bfloat16: compute in bfloat16.
    """

    def __init__(self, unet: UNet, data: Pairs, steps: int, bfloat16: bool) -> None:
        self.unet, self.data, self.steps, self.bfloat16 = unet, data, steps, bfloat16
        self.alphas = alphas()

    def __call__(self, step: int, part: int) -> Tensor:
        random = np.random.default_rng((3, step, part))
        latents, hidden, cells = self._batch(random, whole=step >= WHOLE_FROM * self.steps)
        # Stratified: one time from each of equally long intervals, so that a batch covers all times.
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
        # The grey bleeds into the cells next to the hole, so the sampler repaints one cell more.
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
