"""The size of a patch, where the patches of a picture are, and their values."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Of equally similar sources the nearest is preferred. A distance of the picture's longer side counts as much as a
# root-mean-square difference of this value.
AWAY = 0.15


class Patch(NamedTuple):
    """The size of a patch.

    A patch is identified by its corner: the row-major index of its upper left pixel in the grid of all corners. The
    grid omits pixels that are too near the right and lower border for a whole patch.
    """

    height: int
    """In pixels."""
    width: int
    """In pixels."""

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The number of rows and columns of corners in a picture of this size."""
        return height - self.height + 1, width - self.width + 1

    def touching(self, area: Tensor) -> Tensor:
        """[H - h + 1, W - w + 1] bool: the corners of patches with a pixel in an area, [H, W] bool."""
        return F.max_pool2d(area[None].float(), (self.height, self.width), stride=1)[0] > 0

    def places(self, corners: Tensor, width: int) -> Tensor:
        """[N, 2], row and column of the upper left pixel of each patch, in a picture of this width."""
        columns = width - self.width + 1
        row = corners.div(columns, rounding_mode="floor")
        return torch.stack([row, corners - row * columns], dim=1)

    def at(self, places: Tensor, height: int, width: int) -> Tensor:
        """[N], the corners at rows and columns [N, 2], moved inwards where a patch would overhang the picture."""
        rows, columns = self.grid(height, width)
        return places[:, 0].clamp(0, rows - 1) * columns + places[:, 1].clamp(0, columns - 1)

    def first_pixels(self, corners: Tensor, width: int) -> Tensor:
        """[N], the row-major index of the upper left pixel of each patch, in a picture of this width."""
        return corners + corners.div(width - self.width + 1, rounding_mode="floor") * (self.width - 1)

    def steps(self, device: torch.device) -> Tensor:
        """[h * w, 2], the offset in rows and columns from a patch's upper left pixel to each of its pixels."""
        return torch.cartesian_prod(*(torch.arange(length, device=device) for length in self))

    def middle(self, device: torch.device) -> Tensor:
        """[2], the offset in rows and columns from a patch's upper left pixel to its middle pixel."""
        return torch.tensor([self.height // 2, self.width // 2], device=device)

    def values(self, picture: Tensor, corners: Tensor) -> Tensor:
        """[N, h * w * C], the values of these patches of a picture [H, W, C]."""
        width = picture.shape[1]
        row, column = self.steps(corners.device).unbind(dim=1)
        pixels = self.first_pixels(corners, width)[:, None] + (row * width + column)
        return picture.flatten(0, 1).index_select(0, pixels.flatten()).reshape(len(corners), -1)
