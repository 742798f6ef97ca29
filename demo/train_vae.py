"""First of the two trainings: the VAE, which is to give back pictures, their edges above all."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from demo.masks import random_mask
from demo.networks import VAE

CROP, PICTURES = 128, 4  # of each part of a batch
GREY = 0.5
TEXTURE = 0.7  # the weight of what cannot be told exactly and is to look right at least
FILTERS, FILTER, PATCH = 6, 5, 32  # how many, pixels along a side of each, and of what is compared as a whole


class VAELoss:
    """Of a step: how far the pictures that come back are off.

    Args:
        vae: in training.
        crops: [N, 256, 256, 3] uint8.
        textured_from: the step from which textures count.
    """

    def __init__(self, vae: VAE, crops: np.ndarray, textured_from: int, bfloat16: bool) -> None:
        self.vae, self.crops, self.textured_from, self.bfloat16 = vae, crops, textured_from, bfloat16

    def __call__(self, step: int, part: int) -> Tensor:
        random = np.random.default_rng((1, step, part))
        pictures = self._batch(random)
        # Its cache is not for two threads at once.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16, cache_enabled=False):
            latents = self.vae.taesd_encoder(pictures).float()
            # What comes back must not hang on the last digit of a latent, of which diffusion knows nothing.
            noisy = latents + 0.05 * torch.from_numpy(random.standard_normal(latents.shape, np.float32))
            back = self.vae.taesd_decoder(noisy).float()
        loss = difference(back, pictures) + 0.02 * oddity(latents)
        if step >= self.textured_from:
            loss = loss + TEXTURE * texture_difference(back, pictures, random)
        return loss

    def _batch(self, random: np.random.Generator) -> Tensor:
        pictures = []
        for number in range(PICTURES):
            crop = self.crops[random.integers(len(self.crops))]
            top, left = random.integers(0, len(crop) - CROP + 1, 2)
            crop = crop[top : top + CROP, left : left + CROP, :] / np.float32(255)
            if random.random() < 0.5:
                crop = crop[:, ::-1]
            if number % 4 == 0:  # so that it knows pictures with holes, too
                crop = np.where(random_mask(random, CROP)[..., None], np.float32(GREY), crop)
            pictures.append(crop)
        return torch.from_numpy(np.stack(pictures)).movedim(-1, 1).contiguous(memory_format=torch.channels_last)


def difference(ours: Tensor, theirs: Tensor) -> Tensor:
    """Of pictures [B, 3, H, W]: of their colors and of their edges in full and half size, of colors further away."""
    total = ours.new_zeros(())
    for _ in range(2):
        total = total + (ours - theirs).abs().mean()
        for dim in (-2, -1):
            total = total + (ours.diff(dim=dim) - theirs.diff(dim=dim)).abs().mean()
        ours, theirs = F.avg_pool2d(ours, 2), F.avg_pool2d(theirs, 2)
    return total + 2 * (F.avg_pool2d(ours, 2) - F.avg_pool2d(theirs, 2)).abs().mean()


def texture_difference(ours: Tensor, theirs: Tensor, random: np.random.Generator) -> Tensor:
    """How far the textures are from each other, wherever their details lie: in each patch, the sorted responses to
    random filters that no even color moves.

    Source: the sliced Wasserstein distance of patches, Elnekave & Weiss 2022, arXiv:2203.14862.
    """
    total = ours.new_zeros(())
    for _ in range(2):
        filters = torch.from_numpy(random.standard_normal((FILTERS, 3, FILTER, FILTER), np.float32))
        filters = filters - filters.mean(dim=(-2, -1), keepdim=True)
        filters = filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        both = F.conv2d(torch.cat([ours, theirs]), filters, padding=FILTER // 2)
        first, second = _patches(both).sort(dim=-1).values.chunk(2)
        total = total + (first - second).abs().mean()
        ours, theirs = F.avg_pool2d(ours, 2), F.avg_pool2d(theirs, 2)
    return total


def _patches(maps: Tensor) -> Tensor:
    """[B, C, H, W] to [B, C, H / 32, W / 32, 1024]."""
    return maps.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).flatten(-2)


def oddity(latents: Tensor) -> Tensor:
    """How far latents are from a mean of 0 and a spread of 1 in each channel, and from channels that tell different
    things: what diffusion counts on."""
    channels = latents.movedim(1, 0).flatten(1)
    mean = channels.mean(dim=1)
    covariance = (channels - mean[:, None]) @ (channels - mean[:, None]).T / channels.shape[1]
    return mean.square().sum() + (covariance - torch.eye(len(covariance))).square().sum()
