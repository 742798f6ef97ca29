"""PatchMatch: the most similar source for every wanted patch, searched for all patches at once."""

from __future__ import annotations

import torch
from torch import Tensor

from .patch import AWAY, Patch
from .space import COLORS, OPPONENT, PatchSpace

# Propagation: the matches of neighbours at these distances, in pixels, are tried.
JUMPS = (1, 3)
# The largest shift of a source's mean color along each opponent axis, as a share of the picture's range. The shift lets
# a light gradient across a wall or a sky continue into the hole.
SHADE = (0.1, 0.03, 0.03)
# Weight of a mean color difference up to SHADE. The part beyond SHADE weighs this plus 1.
SHADE_COUNTS = 0.8


class NearestPatches:
    """The nearest-neighbour field. It starts with random matches, and every search improves it.

    A corner is a single index, so a guess may wrap over the end of a row. That does no harm: it is one more guess, and
    only similarity decides.

    Attributes:
        corners: [N], the wanted patches.
        found: [N], the corner of the most similar source found so far, for each wanted patch.
        distance: [N], the mean squared difference between each wanted patch and its match.

    Source: Barnes, Shechtman, Finkelstein and Goldman 2009, doi:10.1145/1531326.1531330; with neighbours at several
        distances, as in jump flooding, because all patches are updated in parallel.
    """

    def __init__(
        self, picture: Tensor, sources: Tensor, corners: Tensor, patch: Patch, random: torch.Generator
    ) -> None:
        """
        Args:
            picture: [H, W, C] float32, around 0..1; the first three channels are colors.
            sources: [H - h + 1, W - w + 1] bool, the corners of patches that may be found; at least one.
            corners: [N], the wanted patches; none of them is a source.
            patch: the size of a patch.
            random: generator on the picture's device.
        """
        self.corners = corners
        self._rows, self._columns = sources.shape
        self._width, self._patch, self._random = picture.shape[1], patch, random
        self._sources = sources.flatten().nonzero()[:, 0]
        self._space = PatchSpace(picture, self._sources, patch, random)
        self._values = patch.height * patch.width * picture.shape[-1]
        self._per_pixel = AWAY * self._values**0.5 / max(picture.shape[:2])
        # Length in the space of a difference of 1 in mean color.
        self._unit = (patch.height * patch.width) ** 0.5
        self._free = torch.tensor(SHADE, device=corners.device) * self._unit

        # Half precision, to save memory: there is a point for every corner.
        points = torch.empty(*sources.shape, self._space.size + 2, dtype=torch.float16, device=corners.device)
        self._space.of_all(picture, points[..., :-2])
        points[..., -2] = torch.arange(self._rows, device=corners.device)[:, None] * self._per_pixel
        points[..., -1] = torch.arange(self._columns, device=corners.device) * self._per_pixel
        # A patch that is not a source gets an infinite distance to everything.
        self._points = points.masked_fill_(~sources[..., None], torch.inf).flatten(0, 1)
        self._field = torch.arange(len(self._points), device=corners.device)
        self.found = self._anywhere()
        self.distance = torch.full(corners.shape, torch.inf, device=corners.device)

    def start_from(self, guess: Tensor) -> None:
        """Set the matches to these corners [N]. Where one is not a source, take a random source."""
        self.found = torch.where(self._points[guess, 0].isfinite(), guess, self._anywhere())

    def look_at(self, picture: Tensor) -> None:
        """Read the wanted patches from the current picture, and update the distances. The sources stay unchanged."""
        self._wanted = torch.cat([self._space.of(picture, self.corners), self._away(self.corners)], dim=1)
        self.distance = self.unlike(self.found)

    def improve(self) -> None:
        """Search once: try the matches of neighbours, a random source, and random places ever nearer to the match."""
        for jump in JUMPS:
            for step in (-jump, jump, -jump * self._columns, jump * self._columns):
                # The field maps a patch that is not wanted to itself. The guess is then the wanted patch's own corner,
                # which is rejected because it is not a source.
                self._field[self.corners] = self.found
                self._try(self._field[(self.corners + step).clamp_(0, len(self._field) - 1)] - step)
        self._try(self._anywhere())
        reach = max(self._rows, self._columns) / 2
        while reach >= 1:
            offset = torch.rand(2, len(self.corners), generator=self._random, device=self.corners.device)
            down, right = offset.mul_(2 * reach).sub_(reach).round_().long()
            self._try(self.found + down * self._columns + right)
            reach /= 2

    def shade(self) -> Tensor:
        """[N, 3], the color shift to add to each match."""
        difference = self._wanted[:, :COLORS] - self._points[self.found, :COLORS].float()
        return difference.clamp(-self._free, self._free) @ (OPPONENT.to(difference) / self._unit)

    def unlike(self, guess: Tensor) -> Tensor:
        """[N], the distances from the wanted patches to these corners [N]; infinite for one that is not a source."""
        difference = self._points.index_select(0, guess).float().sub_(self._wanted)
        color = difference[:, :COLORS]
        beyond = color - color.clamp(-self._free, self._free)
        color.mul_(SHADE_COUNTS).add_(beyond)
        return torch.linalg.vecdot(difference, difference).div_(self._values)

    def _try(self, guess: Tensor) -> None:
        """Replace each match whose guess, a corner [N], is more similar."""
        guess = guess.clamp_(0, len(self._points) - 1)
        distance = self.unlike(guess)
        better = distance < self.distance
        self.found = torch.where(better, guess, self.found)
        self.distance = torch.where(better, distance, self.distance)

    def _anywhere(self) -> Tensor:
        """[N], random sources."""
        shape, device = self.corners.shape, self.corners.device
        return self._sources[torch.randint(len(self._sources), shape, generator=self._random, device=device)]

    def _away(self, corners: Tensor) -> Tensor:
        """[N, 2], row and column of each corner, scaled so that distance in the picture adds to the difference."""
        return self._patch.places(corners, self._width) * self._per_pixel
