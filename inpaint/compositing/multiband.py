"""Blending in bands of frequency: each fades into the other picture over a few of its own wavelengths."""

from __future__ import annotations

import torch
from torch import Tensor

from ..imaging.pyramid import halve, pull_push
from .pair import Pair

# Pixels around the mask that say how far the two pictures differ.
REACH = 32


def correction(pair: Pair) -> Tensor:
    """The difference of the two pictures where the original is kept, carried into the mask band by band.

    Burt and Adelson mix the Laplacian pyramids of two pictures by the Gaussian pyramid of a mask, and add up the
    levels. That adds to the repainted picture the pyramid of the difference to the original, each level weighted by
    how much is kept of what it covers. Two things are changed here:

    - What the original holds inside the mask is not looked at. There it is what was to go, and its low frequencies
      would shine through along the edge. The pyramid's means are over kept pixels only.
    - A level counts in full wherever it sees enough of what is kept, up to the mask's edge, so that the two pictures
      meet there and nothing outside has to change.

    The finest level is that of the pixels themselves, which `feather.mix` mixes by the mask.

    Returns:
        [3, ceil(h / 2), ceil(w / 2)] float32.

    Source: Burt and Adelson 1983, A Multiresolution Spline with Application to Image Mosaics, doi:10.1145/245.247.
    """
    height, width = pair.weight.shape
    size = ((height + 1) // 2, (width + 1) // 2)
    mean, known = pair.weight.new_empty(3, *size), pair.weight.new_empty(1, *size)
    for rows in pair.bands():
        half = slice(rows.start // 2, (rows.stop + 1) // 2)
        trust = pair.trust(rows)
        known[0, half] = halve(trust)
        for channel in range(3):
            mean[channel, half] = halve(pair.difference(rows, channel).mul_(trust))
    return pull_push(mean.div_(known.clamp(min=torch.finfo(known.dtype).tiny)), known)
