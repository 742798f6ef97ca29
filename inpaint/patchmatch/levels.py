"""A picture and its hole, at half, a quarter ... of its size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..imaging.pyramid import double, halve
from ..masks.operators.distance import distance_to
from .patch import Patch

# The picture is halved until the middle of the hole is no more than this far from what is known, in patches; and as
# long as this many patches fit side by side, and this many sources are left.
DEEP, ACROSS, FEWEST = 1.0, 3, 64
# How much the grain counts beside the colors.
GRAIN = 7.0


@dataclass(frozen=True)
class Level:
    """A picture at some size.

    picture: [H, W, 5], colors and grain; in the hole what they are guessed to be.
    hole: [H, W] bool, what is not known. usable: [H, W] bool, what may be a source.
    """

    picture: Tensor
    hole: Tensor
    usable: Tensor
    patch: Patch

    def coarser(self) -> Level:
        """Half as large. Where anything is unknown, so is the whole."""
        hole, unusable = (
            F.max_pool2d(area[None].float(), 2, ceil_mode=True)[0] > 0 for area in (self.hole, ~self.usable)
        )
        picture = halve(self.picture.movedim(-1, 0)).movedim(0, -1).contiguous()
        return Level(picture, hole, ~unusable, self.patch)

    def sources(self) -> Tensor:
        """[H - h + 1, W - w + 1] bool, the corners of patches that may be used."""
        return ~self.patch.touching(~self.usable)

    def wanted(self) -> Tensor:
        """[N], the corners of patches with a pixel in the hole."""
        return self.patch.touching(self.hole).flatten().nonzero()[:, 0]

    def numbers(self, corners: Tensor) -> Tensor:
        """[rows * columns of the grid] int: at these corners [N] 0 to N - 1."""
        rows, columns = self.patch.grid(*self.hole.shape)
        numbers = torch.zeros(rows * columns, dtype=torch.long, device=corners.device)
        numbers[corners] = torch.arange(len(corners), device=corners.device)
        return numbers

    def depth(self) -> Tensor:
        """[H, W], how far a pixel is from what is known, in pixels."""
        return torch.from_numpy(distance_to((~self.hole).cpu().numpy())).to(self.hole.device)

    def fill(self, values: Tensor) -> None:
        """Take these [pixels in the hole, 5] for what is in it."""
        self.picture[self.hole] = values


def levels_of(colors: Tensor, hole: Tensor, usable: Tensor, patch: int) -> list[Level]:
    """From the finest to the coarsest, all with the largest patch that is whole somewhere on the finest.

    Args:
        colors: [H, W, 3] float32; finite, in the hole too.
        hole, usable: [H, W] bool; some of it is usable.
        patch: side of a patch; smaller ones are taken where no whole one is usable.
    """
    for side in range(patch, 0, -1):
        finest = Level(colors, hole, usable, Patch(*(min(side, length) for length in hole.shape)))
        if finest.sources().any():
            break
    halvings = max(math.ceil(math.log2(max(float(finest.depth().max()), 1) / (DEEP * patch))), 0)
    grain = _grain(colors.movedim(-1, 0), ~hole, halvings).mul_(GRAIN)
    levels = [Level(torch.cat([colors, grain.movedim(0, -1)], dim=-1), hole, usable, finest.patch)]
    for _ in range(halvings):
        coarser = levels[-1].coarser()
        if min(coarser.hole.shape) < ACROSS * patch or coarser.sources().sum() < FEWEST:
            break
        levels.append(coarser)
    return levels


def _grain(colors: Tensor, known: Tensor, halvings: int) -> Tensor:
    """[2, H, W], the mean steps to the right and down around each pixel: what is left of texture when a picture is
    made small.

    Source: Newson, Almansa, Fradet, Gousseau and Perez 2014, doi:10.1137/140954933, section 3.2.
    """
    grain = []
    for dim, behind in ((-1, (0, 1)), (-2, (0, 0, 0, 1))):
        count = known.shape[dim] - 1
        both = known.narrow(dim, 1, count) & known.narrow(dim, 0, count)
        step = colors.diff(dim=dim).abs().mean(dim=0)
        sums = torch.stack([F.pad(part, behind) for part in (step * both, both.float())])
        sizes = []
        # Over pixels of the level above the coarsest: smooth, and still near what it is of.
        for _ in range(halvings - 1):
            sizes.append(sums.shape[-2:])
            sums = halve(sums)
        mean = sums[:1] / sums[1:].clamp(min=torch.finfo(sums.dtype).tiny)
        for size in reversed(sizes):
            mean = double(mean, *size)
        grain.append(mean)
    return torch.cat(grain)
