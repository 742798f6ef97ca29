"""Sampling in several stages: what a later one finds in the noisy latent with which it begins."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor

# The standard deviation of what is taken for the noise of a sample. Exactly 1 but for samplers that add too much or too
# little of it.
LEAST_NOISE, MOST_NOISE = 0.8, 1.25
# Below it, what is left is rounding.
ROUNDING = 0.02


class Rest(Enum):
    """What is left of a sample where the mask keeps it, without the picture that is to be kept."""

    NOTHING = "nothing"
    NOISE = "noise"
    ANOTHER_PICTURE = "another picture"


class Part(NamedTuple):
    """The part of a whole sampling that a stage runs, as fractions of its steps."""

    begin: float
    end: float

    def done(self, done: Tensor | float) -> Tensor | float:
        """Convert the fraction of the stage that is done to that of the whole."""
        return self.begin + (self.end - self.begin) * done


def rest_of(noise: Tensor, mask: Tensor) -> Rest:
    """Tell what (x - alpha * picture) / sigma is where the mask keeps the picture.

    At high noise levels another picture than that of the sample leaves next to no trace, and is not told.

    Args:
        noise: [B, C, ...] of a sample x.
        mask: broadcastable to it; exactly 0 where the picture is kept.
    """
    kept = noise[(mask == 0).expand_as(noise)].float()
    if not len(kept) or kept.abs().max() < ROUNDING:
        return Rest.NOTHING
    # A stage that sampled a window leaves all around it without noise.
    spread = kept[kept != 0].std() if len(kept) > 1 else kept.abs().max()
    slack = 4 / (2 * len(kept)) ** 0.5  # what few values vary by chance
    return Rest.NOISE if LEAST_NOISE - slack <= spread <= MOST_NOISE + slack else Rest.ANOTHER_PICTURE


def part_of(begin: float, end: float, steps: int) -> Part:
    """Return a stage's part of a whole sampling of evenly spaced steps, from an estimate of its begin and end.

    Args:
        begin, end: about the fractions of the whole at which the stage begins and ends.
        steps: number of steps of the stage.
    """
    if end <= begin:
        return Part(begin, end)
    whole = max(steps, round(steps / (end - begin)))
    first = min(round(begin * whole), whole - steps)
    return Part(first / whole, (first + steps) / whole)


def place_of(sigma: float, sigmas: Tensor) -> float:
    """Return where a noise level lies among all of a model's, in steps of its training: 0 for none, 1 for the highest.

    Args:
        sigma: the noise level.
        sigmas: [N] ascending, the model's.
    """
    above = int(torch.searchsorted(sigmas.contiguous(), torch.tensor(sigma, dtype=sigmas.dtype, device=sigmas.device)))
    if above == 0:
        return sigma / float(sigmas[0]) / len(sigmas)
    if above == len(sigmas):
        return 1.0
    low, high = float(sigmas[above - 1]), float(sigmas[above])
    return (above + (sigma - low) / (high - low)) / len(sigmas)
