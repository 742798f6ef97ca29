"""The harmonic surface plus Gaussian noise with the spectrum of the surrounding grain."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.progress import Progress
from ..imaging.pyramid import pull_push
from ..masks.operators.grow import grown
from .smooth import harmonic_surface
from .surroundings import Surroundings, fill_from_surroundings

# Width in pixels of the ring around a hole in which grain is measured. Holes up to twice this far apart share a ring.
RING = 24
# Grain is what a blur of this sigma, in pixels, removes.
SIGMA = 4.0
# Grain is clamped to this many standard deviations, so that an outline in the ring does not pass for strong grain.
MAX_DEVIATIONS = 3.0
# Standard deviation of a normal distribution, divided by the mean of its absolute values.
DEVIATION_PER_MEAN = (math.pi / 2) ** 0.5
# A hole whose ring has fewer known pixels than this gets no noise: they are too few to measure grain.
MIN_RING_PIXELS = 64


def fill_noise(image: Tensor, mask: Tensor, seed: int = 0, progress: Progress | None = None) -> Tensor:
    """Fill the masked area with the harmonic surface plus noise that matches the grain around it.

    The noise of each hole has the colors and the spectrum of the grain in a ring around the hole. Its strength varies
    within the hole and matches the grain on each side. Surface and noise together meet the known pixels at the hole's
    edge. The noise is Gaussian: it reproduces film grain, sensor noise or plaster, but not the structure of leaves or
    bricks.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        seed: seed of the noise; frame i of a batch uses seed + i. The noise is the same on every device.
        progress: called with pictures done and pictures in total; an exception that it raises stops the fill.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.

    Source: Galerne, Gousseau and Morel 2011, Random Phase Textures, doi:10.1109/TIP.2010.2052822: white noise
        convolved with the texture has its spectrum. The noise is conditioned on the known pixels as in simulation by
        kriging, with the harmonic surface in place of kriging.
    """

    def make(around: Surroundings) -> Tensor:
        noise = _noise_like(around, torch.Generator().manual_seed((seed + around.first) % 2**64))
        rest = Surroundings.of(around.colors - noise, around.known, around.first)
        return harmonic_surface(rest) + noise

    return fill_from_surroundings(image, mask, make, reach=RING + 1, progress=progress)


def _noise_like(around: Surroundings, random: torch.Generator) -> Tensor:
    """[1, 3, h, w]: noise in every hole and its ring that matches the ring's grain; 0 elsewhere."""
    import cv2

    known = around.known[0, 0]
    near = grown((~known)[None].float(), RING)[0] > 0
    count, patches, boxes, _ = cv2.connectedComponentsWithStats(near.cpu().numpy().view("uint8"), connectivity=8)
    labels = torch.from_numpy(patches).to(known.device)
    grain, strength = _grain(around)
    noise = torch.zeros_like(grain)
    for label in range(1, count):
        x, y, width, height = boxes[label, :4].tolist()
        window = (..., slice(y, y + height), slice(x, x + width))
        here = labels[window] == label
        ring = here & known[window]
        if int(ring.sum()) >= MIN_RING_PIXELS:
            texture = _with_spectrum_of(grain[window], ring, random)
            texture = texture * pull_push(strength[window], ring[None, None].float())
            noise[window] = torch.where(here, texture, noise[window])
    return noise


def _grain(around: Surroundings) -> tuple[Tensor, Tensor]:
    """Separate the grain from the known colors.

    Returns:
        grain: [1, 3, h, w], what a blur over known pixels removes, divided by its strength: the standard deviation is
            about 1 everywhere.
        strength: [1, 3, h, w], the local standard deviation of the grain.
        Both are 0 at unknown pixels.
    """
    known = around.known.float()
    share = _blur(known).clamp(min=torch.finfo(known.dtype).tiny)
    grain = (around.colors - _blur(around.colors) / share) * known
    strength = _blur(grain.abs()) / share * known * DEVIATION_PER_MEAN
    normalized = torch.where(strength > 0, grain / strength, 0)
    return normalized.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS), strength


def _with_spectrum_of(grain: Tensor, ring: Tensor, random: torch.Generator) -> Tensor:
    """[1, 3, h, w] Gaussian noise with the covariances of the ring's grain, between pixels and between colors."""
    count, size = ring.sum(), grain.shape[-2:]
    grain = (grain - (grain * ring).sum(dim=(-2, -1), keepdim=True) / count) * ring
    white = torch.randn(size, generator=random).to(grain.device)
    return torch.fft.irfft2(torch.fft.rfft2(grain) * torch.fft.rfft2(white), s=size) / count.sqrt()


def _blur(planes: Tensor) -> Tensor:
    """Blur [1, C, h, w] with a Gaussian; the padding beyond the border is 0."""
    reach = int(3 * SIGMA + 0.5)
    distance = torch.arange(-reach, reach + 1, dtype=planes.dtype, device=planes.device)
    row = torch.exp(-0.5 * (distance / SIGMA) ** 2)
    row = (row / row.sum()).view(1, 1, 1, -1)
    planes = planes.movedim(1, 0)
    planes = F.conv2d(planes, row, padding=(0, reach))
    return F.conv2d(planes, row.mT, padding=(reach, 0)).movedim(0, 1)
