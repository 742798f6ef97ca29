"""Blending in frequency bands: each band fades into the other picture over a few of its own wavelengths."""

from __future__ import annotations

import torch
from torch import Tensor

from ..imaging.pyramid import halve, pull_push
from .pair import Pair

# Width of the known band around the mask in which the difference of the two pictures is measured, in pixels.
REACH = 32


def correction(pair: Pair) -> Tensor:
    """Carry the difference of the two pictures from the kept pixels into the mask, one frequency band at a time.

    Burt and Adelson mix the Laplacian pyramids of two pictures by the Gaussian pyramid of a mask, and sum the levels.
    That equals adding the pyramid of the difference (original - repainted) to the repainted picture, each level
    weighted by the share of kept pixels. Two things differ here:

    - The original's pixels inside the mask are ignored. They show what is to be removed, and their low frequencies
      would show through along the edge. The pyramid averages over kept pixels only.
    - A level has full weight wherever it covers enough kept pixels, up to the mask's edge. So the two pictures meet at
      the edge, and no pixel outside has to change.

    The finest level, full resolution, is left out: `feather.mix` mixes it by the mask.

    Returns:
        [3, ceil(h / 2), ceil(w / 2)] float32.

    Source: Burt and Adelson 1983, A Multiresolution Spline with Application to Image Mosaics, doi:10.1145/245.247.
    """
    height, width = pair.weight.shape
    size = ((height + 1) // 2, (width + 1) // 2)
    mean, known = pair.weight.new_empty(3, *size), pair.weight.new_empty(1, *size)
    for rows in pair.bands():
        half = slice(rows.start // 2, (rows.stop + 1) // 2)
        difference = pair.difference(rows)
        trust = pair.trust(rows, difference)
        known[0, half] = halve(trust)
        mean[:, half] = halve(difference.mul_(trust))
    return pull_push(mean.div_(known.clamp(min=torch.finfo(known.dtype).tiny)), known)
