"""Patches as points of few dimensions, so that near points are patches that look alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .patch import Patch

# Beside its mean color a patch is told by this many numbers. What they leave out is fine grain: patches of one texture
# do not share it, and a hole that is not sharp yet could match it only in what is blurred.
AXES = 16
# Patches that the axes are found from, and values that are worked on at once.
SAMPLE, AT_ONCE = 4096, 2**20
# Axes of color, each of length 1: dark to light, green to red, blue to yellow.
OPPONENT = F.normalize(torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]))
COLORS = len(OPPONENT)


class PatchSpace:
    """The mean color comes first, then how a patch departs from it along the main axes of a picture's own patches.

    Squares of distances are the sums of squared differences of the patches, apart from what the axes leave out.
    """

    def __init__(self, picture: Tensor, corners: Tensor, patch: Patch, random: torch.Generator) -> None:
        """
        Args:
            picture: [H, W, C] float32; the first three channels are colors, of which the mean is told apart.
            corners: [N], patches to be told from each other.
            random: on the picture's device.
        """
        self.patch = patch
        some = corners[torch.randint(len(corners), (SAMPLE,), generator=random, device=corners.device)]
        values = patch.values(picture, some)
        count = patch.height * patch.width
        means = torch.zeros(count, picture.shape[-1], COLORS, device=picture.device)
        means[:, :COLORS] = OPPONENT.T.to(means) / count**0.5
        means = means.flatten(0, 1)
        # On the processor, for not every device has it; there is little of it.
        covariance = torch.cov((values - values @ means @ means.T).T).reshape(len(means), -1).double().cpu()
        axes = torch.linalg.eigh(covariance).eigenvectors[:, -AXES:].to(means)
        self._matrix = torch.cat([means, axes - means @ (means.T @ axes)], dim=1)

    @property
    def size(self) -> int:
        """K, how many numbers a point has."""
        return self._matrix.shape[1]

    def of(self, picture: Tensor, corners: Tensor) -> Tensor:
        """[N, K] of these patches."""
        at_once = max(AT_ONCE // len(self._matrix), 1)
        return torch.cat([self.patch.values(picture, some) @ self._matrix for some in corners.split(at_once)])

    def of_all(self, picture: Tensor, points: Tensor) -> None:
        """Write those of all patches to points [H - h + 1, W - w + 1, K]."""
        height, width = self.patch
        kernel = self._matrix.T.reshape(-1, height, width, picture.shape[-1]).movedim(-1, 1)
        at_once = max(AT_ONCE // points[0].numel(), 1)
        for top in range(0, len(points), at_once):
            band = picture[top : top + at_once + height - 1].movedim(-1, 0)[None]
            points[top : top + at_once] = F.conv2d(band, kernel)[0].movedim(0, -1)
