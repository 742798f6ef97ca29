"""The pyramid: a picture and its hole at full size, half, a quarter ..."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..imaging.pyramid import double, halve
from ..masks.operators.distance import distance_to
from .patch import Patch

# The picture is halved until the deepest pixel of the hole is at most this far from a known pixel, in patch sides.
MAX_DEPTH = 1.0
# Halving stops early if fewer patches than this would fit side by side, or fewer sources than this would be left.
MIN_ACROSS, MIN_SOURCES = 3, 64
# Weight of the grain channels relative to the color channels.
GRAIN = 7.0


@dataclass(frozen=True)
class Level:
    """One level of the pyramid."""

    picture: Tensor
    """[H, W, 5] float32, three color and two grain channels; inside the hole the current guess."""
    hole: Tensor
    """[H, W] bool, the unknown pixels."""
    usable: Tensor
    """[H, W] bool, the pixels that sources may contain."""
    patch: Patch
    """The size of a patch."""

    def coarser(self) -> Level:
        """The level at half the size. A pixel is unknown, or not usable, if any of the four that it covers is."""
        hole, unusable = (
            F.max_pool2d(area[None].float(), 2, ceil_mode=True)[0] > 0 for area in (self.hole, ~self.usable)
        )
        picture = halve(self.picture.movedim(-1, 0)).movedim(0, -1).contiguous()
        return Level(picture, hole, ~unusable, self.patch)

    def sources(self) -> Tensor:
        """[H - h + 1, W - w + 1] bool, the corners of patches that contain usable pixels only."""
        return ~self.patch.touching(~self.usable)

    def wanted(self) -> Tensor:
        """[N], the corners of patches with a pixel in the hole."""
        return self.patch.touching(self.hole).flatten().nonzero()[:, 0]

    def numbers(self, corners: Tensor) -> Tensor:
        """[rows * columns of the grid] int64, a table from corner to its index in `corners` [N]; 0 for all others."""
        rows, columns = self.patch.grid(*self.hole.shape)
        numbers = torch.zeros(rows * columns, dtype=torch.long, device=corners.device)
        numbers[corners] = torch.arange(len(corners), device=corners.device)
        return numbers

    def depth(self) -> Tensor:
        """[H, W], the distance from each pixel to the nearest known one, in pixels."""
        return torch.from_numpy(distance_to((~self.hole).cpu().numpy())).to(self.hole.device)

    def fill(self, values: Tensor) -> None:
        """Set the pixels of the hole to values [pixels in the hole, 5]."""
        self.picture[self.hole] = values


def levels_of(colors: Tensor, hole: Tensor, usable: Tensor, patch: int) -> list[Level]:
    """Build the pyramid, from the finest level to the coarsest.

    All levels have the same patch size: the largest one, up to `patch`, for which the finest level has a source.

    Args:
        colors: [H, W, 3] float32; finite, inside the hole too.
        hole, usable: [H, W] bool; at least one pixel is usable.
        patch: the largest side of a patch, in pixels.
    """
    for side in range(patch, 0, -1):
        finest = Level(colors, hole, usable, Patch(*(min(side, length) for length in hole.shape)))
        if finest.sources().any():
            break
    halvings = max(math.ceil(math.log2(max(float(finest.depth().max()), 1) / (MAX_DEPTH * patch))), 0)
    grain = _grain(colors.movedim(-1, 0), ~hole, halvings).mul_(GRAIN)
    levels = [Level(torch.cat([colors, grain.movedim(0, -1)], dim=-1), hole, usable, finest.patch)]
    for _ in range(halvings):
        coarser = levels[-1].coarser()
        if min(coarser.hole.shape) < MIN_ACROSS * patch or coarser.sources().sum() < MIN_SOURCES:
            break
        levels.append(coarser)
    return levels


def _grain(colors: Tensor, known: Tensor, halvings: int) -> Tensor:
    """[2, H, W], the mean absolute differences to the right and downwards around each pixel.

    They tell textures apart on coarse levels, where the texture itself is averaged away.

    Source: Newson, Almansa, Fradet, Gousseau and Perez 2014, doi:10.1137/140954933, section 3.2.
    """
    grain = []
    for dim, behind in ((-1, (0, 1)), (-2, (0, 0, 0, 1))):
        count = known.shape[dim] - 1
        both = known.narrow(dim, 1, count) & known.narrow(dim, 0, count)
        step = colors.diff(dim=dim).abs().mean(dim=0)
        sums = torch.stack([F.pad(part, behind) for part in (step * both, both.float())])
        sizes = []
        # Average over blocks the size of a pixel of the second coarsest level: smooth, and still local.
        for _ in range(halvings - 1):
            sizes.append(sums.shape[-2:])
            sums = halve(sums)
        mean = sums[:1] / sums[1:].clamp(min=torch.finfo(sums.dtype).tiny)
        for size in reversed(sizes):
            mean = double(mean, *size)
        grain.append(mean)
    return torch.cat(grain)
