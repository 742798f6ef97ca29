"""For every patch that is wanted, the source most like it: PatchMatch, for all of them at once."""

from __future__ import annotations

import torch
from torch import Tensor

from .patch import AWAY, Patch
from .space import COLORS, OPPONENT, PatchSpace

# How far away the neighbours are whose finds are tried, in pixels.
JUMPS = (1, 3)
# A source's mean color may be shifted along the opponent axes by this much, of the picture's range, to be like what is
# wanted: so light that fades across a wall or a sky goes on. Until there such a difference counts a little less.
SHADE = (0.1, 0.03, 0.03)
SHADE_COUNTS = 0.8


class NearestPatches:
    """The nearest-neighbour field, from random guesses on ever better.

    Where a guess runs over the end of a row, it is one more guess: nothing counts but how like it is.

    corners: [N], the wanted patches.
    found: [N], for each the corner of the most similar source so far.
    distance: [N], how unlike they are: a mean square of differences.

    Source: Barnes, Shechtman, Finkelstein and Goldman 2009, doi:10.1145/1531326.1531330; with neighbours at several
        distances, as in jump flooding, for here all patches look around at the same time.
    """

    def __init__(
        self, picture: Tensor, sources: Tensor, corners: Tensor, patch: Patch, random: torch.Generator
    ) -> None:
        """
        Args:
            picture: [H, W, C] float32, around 0..1; the first three channels are colors.
            sources: [H - h + 1, W - w + 1] bool, the corners of patches that may be found; at least one.
            corners: [N], the patches wanted, none of them a source.
            patch: their size.
            random: on the picture's device.
        """
        self.corners = corners
        self._rows, self._columns = sources.shape
        self._width, self._patch, self._random = picture.shape[1], patch, random
        self._sources = sources.flatten().nonzero()[:, 0]
        self._space = PatchSpace(picture, self._sources, patch, random)
        self._values = patch.height * patch.width * picture.shape[-1]
        self._per_pixel = AWAY * self._values**0.5 / max(picture.shape[:2])
        # What a difference of 1 in mean color is in the space.
        self._unit = (patch.height * patch.width) ** 0.5
        self._free = torch.tensor(SHADE, device=corners.device) * self._unit

        # In half precision: they are many.
        points = torch.empty(*sources.shape, self._space.size + 2, dtype=torch.float16, device=corners.device)
        self._space.of_all(picture, points[..., :-2])
        points[..., -2] = torch.arange(self._rows, device=corners.device)[:, None] * self._per_pixel
        points[..., -1] = torch.arange(self._columns, device=corners.device) * self._per_pixel
        # What is no source is infinitely unlike anything.
        self._points = points.masked_fill_(~sources[..., None], torch.inf).flatten(0, 1)
        self._field = torch.arange(len(self._points), device=corners.device)
        self.found = self._anywhere()
        self.distance = torch.full(corners.shape, torch.inf, device=corners.device)

    def start_from(self, guess: Tensor) -> None:
        """Take these corners [N] for found, where they are sources."""
        self.found = torch.where(self._points[guess, 0].isfinite(), guess, self._anywhere())

    def look_at(self, picture: Tensor) -> None:
        """Take what is wanted from the picture as it is now; the sources stay what they were."""
        self._wanted = torch.cat([self._space.of(picture, self.corners), self._away(self.corners)], dim=1)
        self.distance = self.unlike(self.found)

    def improve(self) -> None:
        """Try what neighbours found, anything at all, and places ever nearer to what was found."""
        for jump in JUMPS:
            for step in (-jump, jump, -jump * self._columns, jump * self._columns):
                # Of a patch that is not wanted the field holds itself, which is then tried too.
                self._field[self.corners] = self.found
                self._try(self._field[(self.corners + step).clamp_(0, len(self._field) - 1)] - step)
        self._try(self._anywhere())
        reach = max(self._rows, self._columns) / 2
        while reach >= 1:
            away = torch.rand(2, len(self.corners), generator=self._random, device=self.corners.device)
            down, right = away.mul_(2 * reach).sub_(reach).round_().long()
            self._try(self.found + down * self._columns + right)
            reach /= 2

    def shade(self) -> Tensor:
        """[N, 3], to be added to the colors of what was found."""
        apart = self._wanted[:, :COLORS] - self._points[self.found, :COLORS].float()
        return apart.clamp(-self._free, self._free) @ (OPPONENT.to(apart) / self._unit)

    def unlike(self, guess: Tensor) -> Tensor:
        """[N], the distances of these corners [N]; infinite where one is no source."""
        apart = self._points.index_select(0, guess).float().sub_(self._wanted)
        color = apart[:, :COLORS]
        beyond = color - color.clamp(-self._free, self._free)
        color.mul_(SHADE_COUNTS).add_(beyond)
        return torch.linalg.vecdot(apart, apart).div_(self._values)

    def _try(self, guess: Tensor) -> None:
        guess = guess.clamp_(0, len(self._points) - 1)
        distance = self.unlike(guess)
        better = distance < self.distance
        self.found = torch.where(better, guess, self.found)
        self.distance = torch.where(better, distance, self.distance)

    def _anywhere(self) -> Tensor:
        """[N], sources by chance."""
        shape, device = self.corners.shape, self.corners.device
        return self._sources[torch.randint(len(self._sources), shape, generator=self._random, device=device)]

    def _away(self, corners: Tensor) -> Tensor:
        """[N, 2], places such that being far away is being unlike."""
        return self._patch.places(corners, self._width) * self._per_pixel
