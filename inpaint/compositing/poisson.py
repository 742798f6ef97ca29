"""Gradient-domain blending: inside the mask the gradients of the repainted picture, around it the original."""

from __future__ import annotations

import torch
from torch import Tensor

from ..imaging.harmonic import harmonic
from .pair import Pair

REACH = 1
# Of the values that are added, in 0..1: a quarter of the smallest step that 8 bits can show.
TOLERANCE = 1 / 1024


def correction(pair: Pair) -> Tensor:
    """The difference of the two pictures along the mask's edge, spread inside by Laplace's equation.

    Of all pictures that are the original outside the mask, the one whose gradients inside come closest to those of
    the repainted picture is that picture plus the surface that is harmonic inside and equals the difference of the two
    outside. Across the picture's border nothing is asked for.

    Returns:
        [3, h, w] float32.

    Source: Perez, Gangnet and Blake 2003, Poisson Image Editing, equations 1 and 5, doi:10.1145/882262.882269.
    """
    everything = slice(None)
    difference = torch.stack([pair.difference(everything, channel) for channel in range(3)])
    known = pair.trust(everything) == 1
    # A shift of all colors goes in as it is; the solver has to find what departs from it.
    shift = (difference * known).sum(dim=(1, 2), keepdim=True) / known.sum().clamp(min=1)
    return harmonic((difference - shift)[None], known[None, None], TOLERANCE)[0].add_(shift)
