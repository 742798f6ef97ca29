"""For every patch that is wanted, the source most like it: PatchMatch, for all of them at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .patch_space import COLOURS, Patch, PatchSpace

# How far away the neighbours are whose finds are tried, in pixels.
JUMPS = (1, 3)
# A source's mean colour may be shifted by this much, of the picture's range, to be like what is wanted; so light that
# fades across a wall or a sky can go on. Of such a shift, and of how far a source is away in units of the picture, this
# much counts as unlikeness.
SHADE = 0.05
SHADE_COUNTS, AWAY_COUNTS = 0.6, 0.1


class NearestPatches:
    """The nearest-neighbour field, from random guesses on ever better.

    Where a guess runs over the end of a row, it is one more guess: nothing counts but how like it is.

    corners: [N], the wanted patches.
    found: [N], for each the corner of the most similar source so far.
    distance: [N], how unlike they are: a mean square of differences.

    Source: Barnes, Shechtman, Finkelstein and Goldman 2009, doi:10.1145/1531326.1531330; with neighbours at several
        distances, as in jump flooding, for here all patches look around at once.
    """

    def __init__(
        self, picture: Tensor, sources: Tensor, corners: Tensor, patch: Patch, random: torch.Generator
    ) -> None:
        """
        Args:
            picture: [H, W, C] float32, around 0..1.
            sources: [H - h + 1, W - w + 1] bool, the corners of patches that may be found; at least one.
            corners: [N], the patches wanted, none of them a source.
            random: on the picture's device.
        """
        self.corners = corners
        self._rows, self._columns = sources.shape
        self._random = random
        self._sources = sources.flatten().nonzero()[:, 0]
        self._space = PatchSpace(picture, self._sources, patch, random)
        values = patch.height * patch.width * picture.shape[-1]
        self._per_value = 1 / values
        self._per_pixel = AWAY_COUNTS * values**0.5 / max(picture.shape[:2])
        self._free_shade = SHADE * (patch.height * patch.width) ** 0.5
        self._to_shade = (patch.height * patch.width) ** -0.5

        everything = torch.arange(sources.numel(), device=corners.device)
        points = torch.cat([self._space.of_all(picture), self._places(everything).half()], dim=1)
        # Infinitely unlike anything.
        self._points = points.masked_fill_(~sources.flatten()[:, None], torch.inf)
        self._field = everything
        self.found = self._anywhere()
        self.distance = torch.full(corners.shape, torch.inf, device=corners.device)

    def look_at(self, picture: Tensor) -> None:
        """Take what is wanted from the picture as it is now; the sources stay what they were."""
        self._wanted = torch.cat([self._space.of(picture, self.corners), self._places(self.corners)], dim=1)
        self.distance = self._unlike(self.found)

    def start_from(self, guess: Tensor) -> None:
        """Take these [N] for found, as far as they are sources."""
        self.found = torch.where(self._points[guess, 0].isfinite(), guess, self._anywhere())

    def improve(self) -> None:
        """Try what neighbours found, anything at all, and places ever nearer to what was found."""
        for jump in JUMPS:
            for step in (-jump, jump, -jump * self._columns, jump * self._columns):
                # Of a patch that is not wanted, the field holds itself.
                self._field[self.corners] = self.found
                neighbours = self._field[(self.corners + step).clamp_(0, len(self._field) - 1)]
                self._offer(neighbours - step)
        self._offer(self._anywhere())
        reach = max(self._rows, self._columns) / 2
        while reach >= 1:
            away = torch.rand(2, len(self.corners), generator=self._random, device=self.corners.device)
            down, right = away.mul_(2 * reach).sub_(reach).round_().long()
            self._offer(self.found + down * self._columns + right)
            reach /= 2

    def shade(self) -> Tensor:
        """[N, 3], to be added to a source's colours."""
        apart = self._wanted[:, :COLOURS] - self._points[self.found, :COLOURS].float()
        return apart.mul_(self._to_shade).clamp_(-SHADE, SHADE)

    def _offer(self, guess: Tensor) -> None:
        guess = guess.clamp_(0, len(self._points) - 1)
        distance = self._unlike(guess)
        better = distance < self.distance
        self.found = torch.where(better, guess, self.found)
        self.distance = torch.where(better, distance, self.distance)

    def _unlike(self, guess: Tensor) -> Tensor:
        apart = self._points.index_select(0, guess).float().sub_(self._wanted)
        shade = apart[:, :COLOURS]
        shade.copy_(F.softshrink(shade, self._free_shade).add_(shade, alpha=SHADE_COUNTS))
        return torch.linalg.vecdot(apart, apart).mul_(self._per_value)

    def _anywhere(self) -> Tensor:
        shape, device = self.corners.shape, self.corners.device
        return self._sources[torch.randint(len(self._sources), shape, generator=self._random, device=device)]

    def _places(self, corners: Tensor) -> Tensor:
        row = corners.div(self._columns, rounding_mode="floor")
        return torch.stack([row, corners - row * self._columns], dim=1) * self._per_pixel
