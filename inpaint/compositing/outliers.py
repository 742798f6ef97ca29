"""Tells which known pixels of the repainted picture differ for a reason: something painted there, a shadow, an object.

A model changes all known pixels alike: a tint, less contrast, grain. Pixels that differ from the original quite
otherwise than most do show something else, and say nothing of that change.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Standard deviation of normal values, by their median absolute deviation.
NORMAL = 1.4826
# The least standard deviation assumed, for values in 0..1: rounding to 8 bits, and grain.
LEAST = 0.01
# Standard deviations from the median up to which a difference is an ordinary one.
ORDINARY = 4.0
# How much further off it may be, for values in 0..1: a model's errors are not alike everywhere.
SLACK = 0.04
# With a larger spread, the two pictures show different things. A tint, softness and a drift of 10 pixels together give
# up to 0.22, two different photographs at least 0.42.
UNLIKE = 0.3
# With more pixels, about this number of them is enough for a median.
ENOUGH = 2**14


@dataclass(frozen=True)
class Ordinary:
    """The difference of two pictures that most known pixels have."""

    median: Tensor
    """[3], of each channel."""
    spread: float
    """Robust standard deviation of the distance from the median."""

    @classmethod
    def of(cls, differences: Tensor) -> Ordinary:
        """Measure it.

        It starts from the median. Least squares would already lean towards the outliers, and none would stand out.

        Args:
            differences: [N, 3] float32, original - repainted at known pixels; N at least 1.
        """
        some = differences[:: -(-len(differences) // ENOUGH)]
        median = some.median(dim=0).values
        return cls(median, NORMAL * float((some - median).norm(dim=1).median()) + LEAST)

    @property
    def alike(self) -> bool:
        """Whether the two pictures show the same, but for outliers."""
        return self.spread <= UNLIKE

    def holds(self, differences: Tensor) -> Tensor:
        """Return which differences [3, ...] are ordinary, [...] bool."""
        distance = torch.zeros_like(differences[0])
        for plane, median in zip(differences, self.median.tolist(), strict=True):
            off = plane - median
            distance.addcmul_(off, off)
        return distance < (ORDINARY * self.spread + SLACK) ** 2
