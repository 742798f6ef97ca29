"""The first training: the VAE, which reconstructs pictures and above all their edges."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from demo.masks import random_mask
from demo.networks import VAE

CROP, PICTURES = 128, 4  # side of a crop, and pictures per part of a batch
GREY = 0.5
TEXTURE = 0.7  # weight of texture statistics, for detail that cannot be reconstructed exactly
FILTERS, FILTER, PATCH = 6, 5, 32  # number of filters, their side, and the side of a compared patch, in pixels


class VAELoss:
    """The loss of a step: the error of the reconstructed pictures.

    Args:
        vae: the network in training.
        crops: [N, 256, 256, 3] uint8.
        textured_from: the first step whose loss includes textures.
        bfloat16: compute in bfloat16.
    """

    def __init__(self, vae: VAE, crops: np.ndarray, textured_from: int, bfloat16: bool) -> None:
        self.vae, self.crops, self.textured_from, self.bfloat16 = vae, crops, textured_from, bfloat16

    def __call__(self, step: int, part: int) -> Tensor:
        random = np.random.default_rng((1, step, part))
        pictures = self._batch(random)
        # autocast's cache is not thread-safe.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16, cache_enabled=False):
            latents = self.vae.taesd_encoder(pictures).float()
            # The decoder must tolerate small errors of latents, as sampling makes them.
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
            if number % 4 == 0:  # some pictures have holes, as the encoder will get them
                crop = np.where(random_mask(random, CROP)[..., None], np.float32(GREY), crop)
            pictures.append(crop)
        return torch.from_numpy(np.stack(pictures)).movedim(-1, 1).contiguous(memory_format=torch.channels_last)


def difference(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the difference of pictures [B, 3, H, W]: colors and edges at full and half size, and coarse colors."""
    total = ours.new_zeros(())
    for _ in range(2):
        total = total + (ours - theirs).abs().mean()
        for dim in (-2, -1):
            total = total + (ours.diff(dim=dim) - theirs.diff(dim=dim)).abs().mean()
        ours, theirs = F.avg_pool2d(ours, 2), F.avg_pool2d(theirs, 2)
    return total + 2 * (F.avg_pool2d(ours, 2) - F.avg_pool2d(theirs, 2)).abs().mean()


def texture_difference(ours: Tensor, theirs: Tensor, random: np.random.Generator) -> Tensor:
    """Return the distance of texture statistics: per patch, the sorted responses to random zero-mean filters.

    Positions within a patch do not matter.

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
    """Cut [B, C, H, W] into patches: [B, C, H / 32, W / 32, 1024]."""
    return maps.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).flatten(-2)


def oddity(latents: Tensor) -> Tensor:
    """Return how far latents are from what diffusion assumes: channels of mean 0 and variance 1, uncorrelated."""
    channels = latents.movedim(1, 0).flatten(1)
    mean = channels.mean(dim=1)
    covariance = (channels - mean[:, None]) @ (channels - mean[:, None]).T / channels.shape[1]
    return mean.square().sum() + (covariance - torch.eye(len(covariance))).square().sum()
