"""Smooth surfaces through what is known: the one that meets it exactly, and the one that takes its mean."""

from __future__ import annotations

from torch import Tensor

from ..core.progress import Progress
from ..imaging.harmonic import harmonic
from ..imaging.pyramid import pull_push
from .surroundings import Surroundings, fill_from_surroundings

# How wide the ring around the hole is whose means the blur takes, in pixels.
RING = 32


def fill_harmonic(image: Tensor, mask: Tensor, progress: Progress | None = None) -> Tensor:
    """Fill the masked area with the smoothest surface that meets its surroundings (Laplace's equation).

    The picture's border is free: a hole that touches it takes its values from the other sides. No value leaves the
    range of the known pixels near the hole, and each channel is within 1/255 of that range of the exact solution.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        progress: called with pictures done and pictures in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    return fill_from_surroundings(image, mask, harmonic_surface, reach=1, together=True, progress=progress)


def fill_blur(image: Tensor, mask: Tensor, progress: Progress | None = None) -> Tensor:
    """Fill the masked area with means of what is known around it, the wider the deeper in the hole.

    A blur pyramid over known pixels alone: nothing of what the hole held bleeds in. It does not meet single pixels at
    the hole's edge, as the harmonic surface does, so that grain and thin lines there draw no streaks.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        progress: called with pictures done and pictures in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.

    Source: see `pyramid.spread`.
    """
    return fill_from_surroundings(image, mask, blurred, reach=RING, progress=progress)


def harmonic_surface(around: Surroundings) -> Tensor:
    return around.in_unit_range(lambda unit: harmonic(unit, around.known))


def blurred(around: Surroundings) -> Tensor:
    return pull_push(around.colors, around.known.float())
