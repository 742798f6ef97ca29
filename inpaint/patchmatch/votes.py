"""What the patches over a hole would have its pixels be, each by what was found to be like it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from .levels import Level
from .space import COLORS

# A vote from a pixel further away from what is known counts this much less, in logarithm; and so does one from a patch
# as unlike what was found for it as those that vote are on average, in units of that average.
FADING = math.log(1.1)
TOLERANCE = 0.7
# Pixels that are voted on at once.
AT_ONCE = 2**12


class Votes:
    """Those on every pixel of a level's hole.

    Source: Wexler, Shechtman and Irani 2007, doi:10.1109/TPAMI.2007.60, section 3.
    """

    def __init__(self, level: Level, corners: Tensor) -> None:
        """corners: [N], of all patches with a pixel in the hole."""
        self._level, self._number = level, level.numbers(corners)
        self._pixels = level.hole.nonzero()
        middle = level.patch.places(corners, level.hole.shape[1]) + level.patch.middle(corners.device)
        self._doubt = FADING * level.depth()[middle[:, 0], middle[:, 1]]

    def mean(self, found: Tensor, distance: Tensor, shade: Tensor) -> Tensor:
        """[pixels, C], the mean of all votes by their weights.

        Args:
            found: [N], the corners of what is like each patch.
            distance: [N], how unlike it is.
            shade: [N, 3], to be added to its colors.
        """
        votes = self._cast(found, distance, shade)
        return torch.cat([torch.einsum("nvc,nv->nc", values, weight.softmax(dim=1)) for values, weight in votes])

    def weightiest(self, found: Tensor, distance: Tensor, shade: Tensor) -> Tensor:
        """[pixels, C], one vote for each: sharp, which the mean is not. Arguments as for `mean`."""
        votes = self._cast(found, distance, shade)
        return torch.cat([_pick(values, weight.argmax(dim=1)) for values, weight in votes])

    def _cast(self, found: Tensor, distance: Tensor, shade: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Of some pixels after others: what is voted for [n, V, C], and the logarithms of the weights [n, V]."""
        height, width = self._level.hole.shape
        patch, pixels = self._level.patch, self._level.picture.flatten(0, 1)
        rows, columns = patch.grid(height, width)
        starts, steps = patch.first_pixels(found, width), patch.steps(found.device)
        for some in self._pixels.split(AT_ONCE):
            row, column = (some[:, None] - steps).unbind(dim=-1)
            there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            voter = self._number[(row * columns + column).masked_fill_(~there, 0)]
            values = pixels[starts[voter] + (steps[:, 0] * width + steps[:, 1])]
            values[..., :COLORS] += shade[voter]
            unlike = distance[voter].masked_fill_(~there, 0)
            usual = unlike.sum(dim=1, keepdim=True) / there.sum(dim=1, keepdim=True)
            weight = -self._doubt[voter] - unlike / (TOLERANCE * usual + 1e-6)
            yield values, weight.masked_fill_(~there, -torch.inf)


def _pick(values: Tensor, which: Tensor) -> Tensor:
    return values[torch.arange(len(values), device=values.device), which]
