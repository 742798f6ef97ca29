"""The smooth surface with the grain of what is around it: a Gaussian texture with the same spectrum."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.progress import Progress
from ..imaging.pyramid import pull_push
from ..masks import grow
from .smooth import harmonic_surface
from .surroundings import Surroundings, fill_from_surroundings

# How wide the ring around a hole is that its grain is taken from, in pixels. Holes no further apart than two of these
# share theirs.
RING = 24
# What is finer than a blur of this sigma is grain.
SIGMA = 4.0
# An outline in the ring counts no more than this many of the grain's own standard deviations.
MOST_DEVIATIONS = 3.0
# Of a normal distribution: its standard deviation by the mean of its absolute values.
DEVIATIONS_BY_MEAN = (math.pi / 2) ** 0.5
# A ring of fewer pixels says nothing about grain.
FEWEST = 64


def fill_noise(image: Tensor, mask: Tensor, seed: int = 0, progress: Progress | None = None) -> Tensor:
    """Fill the masked area with the harmonic surface and noise like that around it: film grain, sensor noise, plaster.

    The noise of each hole has the colors and the spectrum of the grain in a ring around it, and on each of its sides
    the strength that the grain has there. It meets what is known at the hole's edge. It is Gaussian: grain has no
    other structure, but leaves and bricks do.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        seed: of the noise; frame i of a batch has that of seed + i. The same on every device.
        progress: called with pictures done and pictures in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.

    Source: Galerne, Gousseau and Morel 2011, Random Phase Textures, doi:10.1109/TIP.2010.2052822: white noise
        convolved with the texture has its spectrum. Joined to what is known as a simulation is in kriging, the
        harmonic surface in place of the kriging.
    """

    def make(around: Surroundings) -> Tensor:
        noise = _noise_like(around, torch.Generator().manual_seed((seed + around.first) % 2**64))
        rest = Surroundings.of(around.colors - noise, around.known, around.first)
        return harmonic_surface(rest) + noise

    return fill_from_surroundings(image, mask, make, reach=RING + 1, progress=progress)


def _noise_like(around: Surroundings, random: torch.Generator) -> Tensor:
    """[1, 3, h, w]: in and around every hole noise like the grain around it, elsewhere 0."""
    import cv2

    known = around.known[0, 0]
    near = grow((~known)[None].float(), RING)[0] > 0
    count, patches, boxes, _ = cv2.connectedComponentsWithStats(near.cpu().numpy().view("uint8"), connectivity=8)
    labels = torch.from_numpy(patches).to(known.device)
    grain, strength = _grain(around)
    noise = torch.zeros_like(grain)
    for label in range(1, count):
        x, y, width, height = boxes[label, :4].tolist()
        window = (..., slice(y, y + height), slice(x, x + width))
        here = labels[window] == label
        ring = here & known[window]
        if int(ring.sum()) >= FEWEST:
            made = _with_spectrum_of(grain[window], ring, random) * pull_push(
                strength[window], ring[None, None].float()
            )
            noise[window] = torch.where(here, made, noise[window])
    return noise


def _grain(around: Surroundings) -> tuple[Tensor, Tensor]:
    """What a blur over known pixels takes away, [1, 3, h, w] with a standard deviation of about 1 everywhere, and how
    strong it is in truth. Both are 0 where not known."""
    known = around.known.float()
    share = _blur(known).clamp(min=torch.finfo(known.dtype).tiny)
    grain = (around.colors - _blur(around.colors) / share) * known
    strength = _blur(grain.abs()) / share * known * DEVIATIONS_BY_MEAN
    evened = torch.where(strength > 0, grain / strength, 0)
    return evened.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS), strength


def _with_spectrum_of(grain: Tensor, ring: Tensor, random: torch.Generator) -> Tensor:
    """[1, 3, h, w] Gaussian noise with the covariances of the ring's grain, between its colors as well."""
    count, size = ring.sum(), grain.shape[-2:]
    grain = (grain - (grain * ring).sum(dim=(-2, -1), keepdim=True) / count) * ring
    white = torch.randn(size, generator=random).to(grain.device)
    return torch.fft.irfft2(torch.fft.rfft2(grain) * torch.fft.rfft2(white), s=size) / count.sqrt()


def _blur(planes: Tensor) -> Tensor:
    """[1, C, h, w] blurred with a Gaussian; beyond the border there is nothing."""
    reach = int(3 * SIGMA + 0.5)
    away = torch.arange(-reach, reach + 1, dtype=planes.dtype, device=planes.device)
    row = torch.exp(-0.5 * (away / SIGMA) ** 2)
    row = (row / row.sum()).view(1, 1, 1, -1)
    planes = planes.movedim(1, 0)
    planes = F.conv2d(planes, row, padding=(0, reach))
    return F.conv2d(planes, row.mT, padding=(reach, 0)).movedim(0, 1)
