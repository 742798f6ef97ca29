"""Gradient-domain blending: the repainted picture's gradients inside the mask, the original's values around it."""

from __future__ import annotations

from torch import Tensor

from ..imaging.harmonic import harmonic
from .pair import Pair

REACH = 1
# Accuracy of the correction, for values in 0..1: about a quarter of an 8-bit step.
TOLERANCE = 1 / 1024


def correction(pair: Pair) -> Tensor:
    """Spread the difference of the two pictures along the mask's edge into the mask by Laplace's equation.

    The composite equals the original outside the mask. Inside, its gradients are as close as possible to the repainted
    picture's. The solution is the repainted picture plus a correction: the correction is harmonic inside the mask, and
    outside it is the difference of the two pictures. The picture's border sets no condition.

    Returns:
        [3, h, w] float32.

    Source: Perez, Gangnet and Blake 2003, Poisson Image Editing, equations 1 and 5, doi:10.1145/882262.882269.
    """
    everything = slice(None)
    difference = pair.difference(everything)
    known = pair.trust(everything, difference) == 1
    # The mean difference is added at the end, so the solver only has to find the deviation from it.
    shift = (difference * known).sum(dim=(1, 2), keepdim=True) / known.sum().clamp(min=1)
    return harmonic((difference - shift)[None], known[None, None], TOLERANCE)[0].add_(shift)
