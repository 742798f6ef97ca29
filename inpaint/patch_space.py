"""Patches as points of few dimensions, so that near points are patches that look alike."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Beside its mean colour a patch is told by this many numbers. What they leave out is fine grain: patches of one texture
# do not share it, and a hole that is not sharp yet could only match it in what is blurred.
AXES = 16
# Patches that the axes are found from, and values that are worked on at once.
SAMPLE, AT_ONCE = 4096, 2**22
COLOURS = 3


class Patch(NamedTuple):
    """The size of a patch in pixels.

    A patch is named by its corner: the number of its upper left pixel, counted along the rows of a grid that leaves out
    those too near the right and lower border for a whole patch.
    """

    height: int
    width: int

    def grid(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of corners in a picture of this height and width."""
        return shape[0] - self.height + 1, shape[1] - self.width + 1

    def touching(self, area: Tensor) -> Tensor:
        """[H - h + 1, W - w + 1] bool: the patches with a pixel in an area [H, W] bool."""
        return F.max_pool2d(area[None].float(), (self.height, self.width), stride=1)[0] > 0

    def pixels(self, corners: Tensor, width: int) -> Tensor:
        """The numbers of the upper left pixels, counted along the rows of a picture of this width."""
        columns = width - self.width + 1
        return corners + corners.div(columns, rounding_mode="floor") * (self.width - 1)

    def steps(self, width: int, device: torch.device) -> Tensor:
        """[h * w] from a patch's upper left pixel to all of its pixels."""
        down, right = torch.arange(self.height, device=device), torch.arange(self.width, device=device)
        return (down[:, None] * width + right).flatten()


class PatchSpace:
    """Mean colours first, then how a patch departs from them along the main axes of a picture's own patches.

    Distances are as between the patches themselves, apart from what the axes leave out.
    """

    def __init__(self, picture: Tensor, corners: Tensor, patch: Patch, random: torch.Generator) -> None:
        """
        Args:
            picture: [H, W, C] float32; the first three channels are colours, of which the mean is told apart.
            corners: [N], patches to be told from each other.
            random: on the picture's device.
        """
        self.patch = patch
        some = corners[torch.randint(len(corners), (SAMPLE,), generator=random, device=corners.device)]
        values = self._patches(picture, some)
        count, channels = patch.height * patch.width, picture.shape[-1]
        means = torch.zeros(count, channels, COLOURS, device=picture.device)
        means[:, torch.arange(COLOURS), torch.arange(COLOURS)] = count**-0.5
        means = means.flatten(0, 1)
        # On the processor, for not every device has it; there is little of it.
        covariance = torch.cov((values - values @ means @ means.T).T).reshape(len(means), -1).double().cpu()
        axes = torch.linalg.eigh(covariance).eigenvectors[:, -AXES:].to(means)
        self._matrix = torch.cat([means, axes - means @ (means.T @ axes)], dim=1)

    def of(self, picture: Tensor, corners: Tensor) -> Tensor:
        """[N, K] of these patches."""
        at_once = max(AT_ONCE // len(self._matrix), 1)
        return torch.cat([self._patches(picture, some) @ self._matrix for some in corners.split(at_once)])

    def of_all(self, picture: Tensor) -> Tensor:
        """[corners, K] of all patches, in half precision: they are many."""
        height, width = self.patch
        kernel = self._matrix.T.reshape(-1, height, width, picture.shape[-1]).movedim(-1, 1)
        rows, columns = self.patch.grid(picture.shape[:2])
        points = torch.empty(rows, columns, len(kernel), dtype=torch.float16, device=picture.device)
        for some in torch.arange(rows).split(max(AT_ONCE // (columns * len(kernel)), 1)):
            top, bottom = int(some[0]), int(some[-1]) + 1
            band = picture[top : bottom + height - 1].movedim(-1, 0)[None]
            points[top:bottom] = F.conv2d(band, kernel)[0].movedim(0, -1)
        return points.flatten(0, 1)

    def _patches(self, picture: Tensor, corners: Tensor) -> Tensor:
        """[N, h * w * C]."""
        width = picture.shape[1]
        pixels = self.patch.pixels(corners, width)[:, None] + self.patch.steps(width, corners.device)
        return picture.flatten(0, 1).index_select(0, pixels.flatten()).reshape(len(corners), -1)
