"""Votes: every patch over the hole proposes values for its pixels, taken from its match."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from .levels import Level
from .space import COLORS

# The logarithm of a vote's weight falls by this for each pixel between the patch's middle and the nearest known pixel.
FADING = math.log(1.1)
# It also falls by the distance of the patch to its match, in units of TOLERANCE times the mean distance of all patches
# that vote on the pixel.
TOLERANCE = 0.7
# Pixels that are processed at once.
AT_ONCE = 2**12


class Votes:
    """The votes on every pixel of a level's hole.

    A pixel gets a vote from each patch that covers it: the value at the same position in the patch's match.

    Source: Wexler, Shechtman and Irani 2007, doi:10.1109/TPAMI.2007.60, section 3.
    """

    def __init__(self, level: Level, corners: Tensor) -> None:
        """
        Args:
            level: the level to fill.
            corners: [N], the corners of all patches with a pixel in the hole.
        """
        self._level, self._number = level, level.numbers(corners)
        self._pixels = level.hole.nonzero()
        middle = level.patch.places(corners, level.hole.shape[1]) + level.patch.middle(corners.device)
        self._doubt = FADING * level.depth()[middle[:, 0], middle[:, 1]]

    def mean(self, found: Tensor, distance: Tensor, shade: Tensor) -> Tensor:
        """[pixels, C], the weighted mean of the votes on each pixel.

        Args:
            found: [N], the corner of each patch's match.
            distance: [N], the mean squared difference between each patch and its match.
            shade: [N, 3], the color shift to add to each match.
        """
        votes = self._cast(found, distance, shade)
        # No matrix product: its last bit may depend on where the memory lies, and the same seed has to give the same.
        return torch.cat([(values * weight.softmax(dim=1)[..., None]).sum(dim=1) for values, weight in votes])

    def weightiest(self, found: Tensor, distance: Tensor, shade: Tensor) -> Tensor:
        """[pixels, C], the vote with the largest weight on each pixel. It is sharp, unlike the mean.

        Arguments are those of `mean`.
        """
        votes = self._cast(found, distance, shade)
        return torch.cat([_pick(values, weight.argmax(dim=1)) for values, weight in votes])

    def _cast(self, found: Tensor, distance: Tensor, shade: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield, for one group of n pixels after another, V votes per pixel.

        Yields:
            the values [n, V, C], and the logarithms of their weights [n, V].
        """
        height, width = self._level.hole.shape
        patch, pixels = self._level.patch, self._level.picture.flatten(0, 1)
        rows, columns = patch.grid(height, width)
        starts, steps = patch.first_pixels(found, width), patch.steps(found.device)
        for group in self._pixels.split(AT_ONCE):
            row, column = (group[:, None] - steps).unbind(dim=-1)
            exists = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            voter = self._number[(row * columns + column).masked_fill_(~exists, 0)]
            values = pixels[starts[voter] + (steps[:, 0] * width + steps[:, 1])]
            values[..., :COLORS] += shade[voter]
            difference = distance[voter].masked_fill_(~exists, 0)
            mean = difference.sum(dim=1, keepdim=True) / exists.sum(dim=1, keepdim=True)
            weight = -self._doubt[voter] - difference / (TOLERANCE * mean + 1e-6)
            yield values, weight.masked_fill_(~exists, -torch.inf)


def _pick(values: Tensor, which: Tensor) -> Tensor:
    """[n, C], one vote of [n, V, C] per pixel, by its index [n]."""
    return values[torch.arange(len(values), device=values.device), which]
