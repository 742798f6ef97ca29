"""A fill made of pieces of the picture itself: from coarse to fine, every patch of it is to be like one that is known.

A pixel is filled where its mask is above 0, however little. Every other pixel stays bit for bit what it was, and so
does alpha everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_fits
from .errors import InpaintError
from .harmonic import harmonic
from .masks.distance import distance_to
from .nearest_patches import NearestPatches
from .patch_space import COLOURS, Patch
from .pyramid import double, halve

Progress = Callable[[int, int], None]
PARTS = 100
# The picture is looked at this far around a hole: in its longer sides, and in pixels at least.
AROUND, LEAST_AROUND = 1.5, 256
# A coarser level is made while the hole's middle is more than this far from what is known, in patches, and as long as
# this many patches fit side by side, and this many sources are left.
DEEP, ACROSS, FEWEST = 0.5, 3, 64
# Rounds of search and vote on the finest level, the one above it, and all further ones.
ROUNDS = (3, 6, 12)
FIRST_SEARCHES = 6
# How much of the fill is to be how grained, for a patch of which only a part is known: weight of the mean steps to the
# right and down beside the colours.
GRAIN = 7.0
# A vote from a pixel further away from what is known counts this much less, and one from patches as unlike as those
# that vote are on average, in units of that average.
FADING = math.log(1.1)
TOLERANCE = 0.7
AT_ONCE = 2**14


@torch.no_grad()
def fill_patchmatch(
    image: Tensor,
    mask: Tensor,
    source: Tensor | None = None,
    seed: int = 0,
    patch: int = 7,
    progress: Progress | None = None,
) -> Tensor:
    """Fill the masked area with texture and structure from elsewhere in the picture.

    Each picture is filled on its own. Sources are whole patches that are known: those around the holes within one and a
    half times the longer side of the box around them all, and at least 256 pixels; or, if `source` is given, those in
    it, however far away. Where nowhere a whole patch is known, smaller ones are taken. Colours are those of the
    sources, shifted by up to 5 % of the picture's range so that light goes on, and never beyond the sources' range.
    What the hole held, NaN included, plays no part; pixels outside it that are not finite do not either. A picture with
    nothing to go by becomes 0.5.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        source: [B, H, W] float; from 0.5 on, texture may be taken from here. None allows all that is known.
        seed: another seed gives another fill; the same gives the same to the bit on the same device.
        patch: side of a patch in pixels, 3 or more: larger ones keep larger structures, and take longer.
        progress: called many times with parts done and parts in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture, a mask does not fit it, the patch is too small, or a picture with
            something to fill has nothing known in its `source`.

    Source: Wexler, Shechtman and Irani 2007, doi:10.1109/TPAMI.2007.60, on PatchMatch; the grain beside the colours
        from Newson et al. 2014, doi:10.1137/140954933; shifted colours from Darabi et al. 2012,
        doi:10.1145/2185520.2185578.
    """
    check_fits(image, mask)
    if patch < 3:
        raise InpaintError(f"patch: expected 3 pixels or more, got {patch}. 7 suits most pictures.")
    holes = mask.to(image.device) > 0
    allowed = torch.ones_like(holes) if source is None else _allowed(image, source)
    filled = image.clone()
    for number, (frame, hole) in enumerate(zip(filled, holes, strict=True)):
        known = ~hole & frame[..., :3].isfinite().all(dim=-1)
        usable = known & allowed[number]
        if source is not None and hole.any() and not usable.any():
            raise InpaintError(
                f"source: expected known pixels to take texture from, got none in picture {number + 1} of "
                f"{len(image)}. Mark an area outside of the mask."
            )

        def report(done: int, number: int = number) -> None:
            if progress is not None:
                progress(number * PARTS + done, len(image) * PARTS)

        if hole.any() and usable.any():
            window = _window(hole) if source is None else _box(usable | hole, 0, hole.shape)
            _fill(frame[window], hole[window], known[window], usable[window], seed, patch, report)
        else:
            frame[..., :3].masked_fill_(hole[..., None], 0.5)
        report(PARTS)
    return filled


def _allowed(image: Tensor, source: Tensor) -> Tensor:
    if tuple(getattr(source, "shape", ())) != image.shape[:3]:
        raise InpaintError(
            f"source: expected {list(image.shape[:3])} to fit the image, got {list(getattr(source, 'shape', ()))}. "
            "Resize it to the image, and give as many as pictures."
        )
    return source.to(image.device) >= 0.5


def _window(hole: Tensor) -> tuple[slice, slice]:
    rows, columns = _box(hole, 0, hole.shape)
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    return _box(hole, max(int(AROUND * longest), LEAST_AROUND), hole.shape)


def _box(area: Tensor, margin: int, shape: torch.Size) -> tuple[slice, slice]:
    """Rows and columns around an area [H, W]."""
    places = [area.any(dim=1 - dim).nonzero() for dim in (0, 1)]
    rows, columns = (
        slice(max(int(place[0]) - margin, 0), min(int(place[-1]) + 1 + margin, length))
        for place, length in zip(places, shape, strict=True)
    )
    return rows, columns


def _fill(
    frame: Tensor, hole: Tensor, known: Tensor, usable: Tensor, seed: int, patch: int, report: Callable[[int], None]
) -> None:
    """Fill a picture [H, W, C] in place, from what is usable."""
    colours = frame[..., :3].float()
    low, high = (end(colours[known]) for end in (torch.min, torch.max))
    span = high - low if high > low else torch.ones_like(low)
    start = ((colours - low) / span).masked_fill(~known[..., None], 0)
    made = _complete(start, ~known, usable, patch, torch.Generator(frame.device).manual_seed(seed), report)

    darkest, brightest = colours[usable].amin(dim=0), colours[usable].amax(dim=0)
    made = (made[hole] * span + low).clamp(darkest, brightest)
    frame[..., :3][hole] = made.to(frame.dtype)


@dataclass(frozen=True)
class _Level:
    """A picture at some size. picture: [H, W, C], in the hole what it is guessed to be. hole, usable: [H, W] bool."""

    picture: Tensor
    hole: Tensor
    usable: Tensor
    patch: Patch

    def coarser(self) -> _Level:
        """Half as large. Where anything is unknown, so is the whole."""
        hole, unusable = (
            F.max_pool2d(area[None].float(), 2, ceil_mode=True)[0] > 0 for area in (self.hole, ~self.usable)
        )
        picture = halve(self.picture.movedim(-1, 0)).movedim(0, -1).contiguous()
        return _Level(picture, hole, ~unusable, self.patch)

    def sources(self) -> Tensor:
        """[H - h + 1, W - w + 1] bool, the corners of patches that may be used."""
        return ~self.patch.touching(~self.usable)

    def wanted(self) -> Tensor:
        """[N], the corners of patches with a pixel in the hole."""
        return self.patch.touching(self.hole).flatten().nonzero()[:, 0]

    def fill(self, values: Tensor) -> None:
        """Take these [pixels in the hole, C] for what is in it."""
        self.picture[self.hole] = values


def _complete(
    picture: Tensor, hole: Tensor, usable: Tensor, patch: int, random: torch.Generator, report: Callable[[int], None]
) -> Tensor:
    """The picture [H, W, 3] with something in the hole."""
    levels = _levels(picture, hole, usable, patch)
    rounds = [ROUNDS[min(number, len(ROUNDS) - 1)] for number in range(len(levels))]
    work = [len(level.wanted()) * count for level, count in zip(levels, rounds, strict=True)]
    done = 0.0
    above: tuple[_Level, NearestPatches] | None = None
    for number, level in reversed(list(enumerate(levels))):
        nearest = NearestPatches(level.picture, level.sources(), level.wanted(), level.patch, random)
        votes = _Votes(level, nearest.corners)
        if above is None:
            surface = harmonic(level.picture.movedim(-1, 0)[None], ~level.hole[None, None])
            level.fill(surface[0].movedim(0, -1)[level.hole])
        else:
            guess, shade = _enlarged(*above, level, nearest.corners)
            nearest.start_from(guess)
            level.fill(votes.mean(nearest.found, torch.zeros_like(nearest.distance), shade))
        for again in range(rounds[number]):
            nearest.look_at(level.picture)
            for _ in range(1 if above or again else FIRST_SEARCHES):
                nearest.improve()
            last = number == 0 and again == rounds[0] - 1
            elect = votes.likeliest if last else votes.mean
            level.fill(elect(nearest.found, nearest.distance, nearest.shade()))
            done += work[number] / rounds[number] / sum(work)
            report(int(done * PARTS))
        above = level, nearest
    return levels[0].picture[..., :COLOURS]


def _levels(picture: Tensor, hole: Tensor, usable: Tensor, patch: int) -> list[_Level]:
    """From the finest to the coarsest."""
    deepest = float(distance_to((~hole).cpu().numpy()).max())
    halvings = max(math.ceil(math.log2(max(deepest, 1) / (DEEP * patch))), 0)
    grained = torch.cat([picture, GRAIN * _grain(picture, ~hole, halvings)], dim=-1)
    # The largest patch that is whole somewhere.
    for side in range(patch, 0, -1):
        levels = [_Level(grained, hole, usable, Patch(min(side, hole.shape[0]), min(side, hole.shape[1])))]
        if levels[0].sources().any():
            break
    for _ in range(halvings):
        coarser = levels[-1].coarser()
        if min(coarser.hole.shape) < ACROSS * patch or coarser.sources().sum() < FEWEST:
            break
        levels.append(coarser)
    return levels


def _grain(picture: Tensor, known: Tensor, halvings: int) -> Tensor:
    """[H, W, 2], the mean steps to the right and down, over areas a little smaller than the coarsest level's pixels."""
    values, grain = picture.movedim(-1, 0), []
    for dim in (-1, -2):
        both = known.narrow(dim, 1, known.shape[dim] - 1) & known.narrow(dim, 0, known.shape[dim] - 1)
        step = values.diff(dim=dim).abs().mean(dim=0)
        behind = (0, 1) if dim == -1 else (0, 0, 0, 1)
        sums = torch.stack([F.pad(part, behind) for part in (step * both, both.float())])
        sizes = []
        for _ in range(halvings - 1):
            sizes.append(sums.shape[-2:])
            sums = halve(sums)
        mean = sums[:1] / sums[1:].clamp(min=1e-6)
        for size in reversed(sizes):
            mean = double(mean, *size)
        grain.append(mean[0])
    return torch.stack(grain, dim=-1)


def _enlarged(above: _Level, nearest: NearestPatches, level: _Level, corners: Tensor) -> tuple[Tensor, Tensor]:
    """For each of these corners [N] of a level what was found in the one above: a guess [N], and its shade [N, 3].

    A patch moves twice as far as the one above with the same centre.
    """
    patch, rows = level.patch, level.patch.grid(level.hole.shape)
    rows_above = patch.grid(above.hole.shape)
    moves = torch.zeros(rows_above[0] * rows_above[1], 2, dtype=torch.long, device=corners.device)
    moves[nearest.corners] = _places(nearest.found, rows_above) - _places(nearest.corners, rows_above)
    shades = torch.zeros(len(moves), COLOURS, device=corners.device)
    shades[nearest.corners] = nearest.shade()

    middle = corners.new_tensor(patch) // 2
    here = _places(corners, rows)
    parents = _within(here.add(middle).div(2, rounding_mode="floor") - middle, rows_above)
    parents = parents[:, 0] * rows_above[1] + parents[:, 1]
    guess = _within(here + 2 * moves[parents], rows)
    return guess[:, 0] * rows[1] + guess[:, 1], shades[parents]


def _places(corners: Tensor, grid: tuple[int, int]) -> Tensor:
    """[N, 2], row and column."""
    row = corners.div(grid[1], rounding_mode="floor")
    return torch.stack([row, corners - row * grid[1]], dim=1)


def _within(places: Tensor, grid: tuple[int, int]) -> Tensor:
    return torch.stack([places[:, dim].clamp(0, grid[dim] - 1) for dim in (0, 1)], dim=1)


class _Votes:
    """What the patches that cover a pixel of the hole would have it be, each by what was found to be like it."""

    def __init__(self, level: _Level, corners: Tensor) -> None:
        patch, hole = level.patch, level.hole
        self._level, self._grid = level, patch.grid(hole.shape)
        self._pixels = hole.nonzero()
        self._number = torch.zeros(self._grid[0] * self._grid[1], dtype=torch.long, device=hole.device)
        self._number[corners] = torch.arange(len(corners), device=hole.device)
        depth = torch.from_numpy(distance_to((~hole).cpu().numpy())).to(hole.device)
        middle = _places(corners, self._grid) + corners.new_tensor(patch) // 2
        self._doubt = FADING * depth[middle[:, 0], middle[:, 1]]
        within = torch.arange(patch.height * patch.width, device=hole.device)
        self._steps = _places(within, patch)

    def mean(self, found: Tensor, distance: Tensor, shade: Tensor) -> Tensor:
        """[pixels, C], the mean of all votes, each by how likely it is. found, distance: [N]; shade: [N, 3]."""
        votes = self._cast(found, distance, shade)
        return torch.cat([torch.einsum("nvc,nv->nc", values, weight.softmax(dim=1)) for values, weight in votes])

    def likeliest(self, found: Tensor, distance: Tensor, shade: Tensor) -> Tensor:
        """[pixels, C], one vote for each: sharp, where the mean is not."""
        votes = self._cast(found, distance, shade)
        return torch.cat([values[torch.arange(len(values)), weight.argmax(dim=1)] for values, weight in votes])

    def _cast(self, found: Tensor, distance: Tensor, shade: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Of some pixels after others: what is voted for [n, V, C], and the logarithm of the votes' weights [n, V]."""
        width = self._level.hole.shape[1]
        pixels = self._level.picture.flatten(0, 1)
        starts = self._level.patch.pixels(found, width)
        steps = self._level.patch.steps(width, found.device)
        rows, columns = self._grid
        for some in self._pixels.split(AT_ONCE):
            row, column = (some[:, None] - self._steps).unbind(dim=-1)
            there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            voter = self._number[(row * columns + column).masked_fill_(~there, 0)]
            values = pixels[starts[voter] + steps]
            values[..., :COLOURS] += shade[voter]
            unlike = distance[voter].masked_fill_(~there, 0)
            usual = unlike.sum(dim=1, keepdim=True) / there.sum(dim=1, keepdim=True)
            weight = -self._doubt[voter] - unlike / (TOLERANCE * usual + 1e-6)
            yield values, weight.masked_fill_(~there, -torch.inf)
