"""Patches as points of few dimensions: similar patches are near each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .patch import Patch

# A patch is described by its mean color and its coordinates along this many principal axes. The axes leave out fine
# grain. Patches of one texture differ in it, and a fill that is not sharp yet could match it only with blurred patches.
AXES = 16
# Patches that the axes are computed from, and values that are processed at once.
SAMPLE, AT_ONCE = 4096, 2**20
# Opponent color axes, each of length 1: dark to light, green to red, blue to yellow.
OPPONENT = F.normalize(torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]))
COLORS = len(OPPONENT)


class PatchSpace:
    """A linear projection of patches to points.

    The first coordinates are the mean color. The others are the rest of the patch along the principal axes of the
    picture's own patches. The squared distance of two points is the sum of squared differences of their patches, except
    for what the axes leave out.
    """

    def __init__(self, picture: Tensor, corners: Tensor, patch: Patch, random: torch.Generator) -> None:
        """
        Args:
            picture: [H, W, C] float32; the first three channels are colors, whose means are separate coordinates.
            corners: [N], the patches to compute the axes from; a sample of them is used.
            patch: the size of a patch.
            random: generator on the picture's device.
        """
        self.patch = patch
        sample = corners[torch.randint(len(corners), (SAMPLE,), generator=random, device=corners.device)]
        values = patch.values(picture, sample)
        count = patch.height * patch.width
        means = torch.zeros(count, picture.shape[-1], COLORS, device=picture.device)
        means[:, :COLORS] = OPPONENT.T.to(means) / count**0.5
        means = means.flatten(0, 1)
        # On the CPU, because not every device has `eigh`. The matrix is small.
        covariance = torch.cov((values - values @ means @ means.T).T).reshape(len(means), -1).double().cpu()
        axes = torch.linalg.eigh(covariance).eigenvectors[:, -AXES:].to(means)
        self._matrix = torch.cat([means, axes - means @ (means.T @ axes)], dim=1)

    @property
    def size(self) -> int:
        """K, the number of coordinates of a point."""
        return self._matrix.shape[1]

    def of(self, picture: Tensor, corners: Tensor) -> Tensor:
        """[N, K], the points of these patches."""
        at_once = max(AT_ONCE // len(self._matrix), 1)
        return torch.cat([self.patch.values(picture, part) @ self._matrix for part in corners.split(at_once)])

    def of_all(self, picture: Tensor, points: Tensor) -> None:
        """Write the points of all patches to `points`, [H - h + 1, W - w + 1, K]."""
        height, width = self.patch
        kernel = self._matrix.T.reshape(-1, height, width, picture.shape[-1]).movedim(-1, 1)
        at_once = max(AT_ONCE // points[0].numel(), 1)
        for top in range(0, len(points), at_once):
            band = picture[top : top + at_once + height - 1].movedim(-1, 0)[None]
            points[top : top + at_once] = F.conv2d(band, kernel)[0].movedim(0, -1)
