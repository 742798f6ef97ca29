"""Smooth surfaces: one that meets the known pixels exactly, and one that averages them."""

from __future__ import annotations

from torch import Tensor

from ..core.progress import Progress
from ..imaging.harmonic import harmonic
from ..imaging.pyramid import pull_push
from .surroundings import Surroundings, fill_from_surroundings

# Width in pixels of the ring around the hole that the blur averages.
RING = 32


def fill_harmonic(image: Tensor, mask: Tensor, progress: Progress | None = None) -> Tensor:
    """Fill the masked area with the smoothest surface that meets its surroundings (Laplace's equation).

    The picture's border is a free boundary: a hole that touches it takes its values from the other sides. No value
    leaves the range of the known pixels near the hole. The error of each channel is at most 1/255 of that range.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        progress: called with pictures done and pictures in total; an exception that it raises stops the fill.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    return fill_from_surroundings(image, mask, harmonic_surface, reach=1, batched=True, progress=progress)


def fill_blur(image: Tensor, mask: Tensor, progress: Progress | None = None) -> Tensor:
    """Fill the masked area with averages of the known pixels around it, wider averages deeper in the hole.

    The blur pyramid uses known pixels only, so the old content of the hole does not bleed in. Unlike the harmonic
    surface it does not meet single pixels at the hole's edge, so grain and thin lines there leave no streaks.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        progress: called with pictures done and pictures in total; an exception that it raises stops the fill.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.

    Source: see `pyramid.pull_push`.
    """
    return fill_from_surroundings(image, mask, blurred, reach=RING, progress=progress)


def harmonic_surface(around: Surroundings) -> Tensor:
    """[B, 3, h, w], the harmonic surface through the known pixels."""
    return around.in_unit_range(lambda unit: harmonic(unit, around.known))


def blurred(around: Surroundings) -> Tensor:
    """[B, 3, h, w], averages of the known pixels from a blur pyramid."""
    return pull_push(around.colors, around.known.float())
