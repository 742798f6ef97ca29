"""The PatchMatch fill, from coarse to fine: every patch over the hole becomes similar to a known patch.

A pixel is filled if its mask value is above 0, however small. All other pixels, and alpha everywhere, stay
bit-identical.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.checks import check_fits
from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..core.progress import Progress
from ..core.threads import one_thread
from ..crops.crop_plan import Context
from ..crops.regions import regions_of
from ..masks.boxes import mask_boxes
from .first_guess import peeled
from .levels import Level, levels_of
from .nearest import NearestPatches
from .space import COLORS
from .votes import Votes

# Progress is reported in so many parts per picture.
PARTS = 100
SMALLEST_PATCH, LARGEST_PATCH = 3, 15
# Sources are searched within this margin around the box of the holes: a multiple of its longer side, and at least so
# many pixels.
MARGIN, MIN_MARGIN = 1.5, 256
# Rounds of search and vote on the finest level, on the next coarser one, and on each of the rest.
ROUNDS = (3, 8, 30)
# Searches in the very first round, which starts from random matches.
FIRST_SEARCHES = 6


@torch.no_grad()
@one_thread()
def fill_patchmatch(
    image: Tensor,
    mask: Tensor,
    source: Tensor | None = None,
    seed: int = 0,
    patch: int = 7,
    progress: Progress | None = None,
) -> Tensor:
    """Fill the masked area with texture and structure from elsewhere in the picture.

    Each picture is filled on its own. Sources are patches that consist of known pixels only. They are searched around
    the box of a hole, or of several near holes: within 1.5 times the box's longer side, and at least 256 pixels. If
    `source` is given, they are searched in all of it, however far away. If no patch of full size is known, smaller ones
    are used.

    Colors are those of the sources. They may be shifted by up to 6 % of the picture's range in brightness and 3 % in
    color, so that a light gradient continues into the hole. They stay within the range of the possible sources.
    Outliers far beyond the picture's usual range are clamped in the fill. The old content of the hole is ignored, and
    so are non-finite pixels outside it. A picture without known pixels is filled with 0.5.

    Memory is about 200 bytes per pixel of the searched area. Time grows with the number of filled pixels.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        source: [B, H, W] float; texture may be taken where it is 0.5 or more. None allows all known pixels.
        seed: random seed; the same seed gives a bit-identical fill on the same device.
        patch: side of a patch in pixels, 3 to 15; larger patches keep larger structures and take longer.
        progress: called many times with parts done and parts in total; an exception that it raises stops the fill.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture, a mask does not fit it, the patch is too small or large, or a picture
            with a hole has no known pixel in its `source`.

    Source: Wexler, Shechtman and Irani 2007, doi:10.1109/TPAMI.2007.60, with PatchMatch as the search; grain channels
        beside the colors from Newson et al. 2014, doi:10.1137/140954933; shifted colors from Darabi et al. 2012,
        doi:10.1145/2185520.2185578.
    """
    check_fits(image, mask)
    if not SMALLEST_PATCH <= patch <= LARGEST_PATCH:
        raise InpaintError(
            f"patch: expected {SMALLEST_PATCH} to {LARGEST_PATCH} pixels, got {patch}. 7 suits most pictures."
        )
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

        if not hole.any():
            pass
        elif not usable.any():
            frame[..., :3].masked_fill_(hole[..., None], 0.5)
        elif source is not None:
            window = _box(usable | hole).slices
            _fill(frame[window], hole[window], known[window], usable[window], seed, patch, report)
        else:
            _fill_apart(frame, hole, known, usable, seed, patch, report)
        report(PARTS)
    return filled


def _fill_apart(
    frame: Tensor, hole: Tensor, known: Tensor, usable: Tensor, seed: int, patch: int, report: Callable[[int], None]
) -> None:
    """Fill groups of near holes one after the other: a window around each takes less memory than one around all."""
    regions = regions_of(hole, Context(pixels=MIN_MARGIN // 2))
    for number, region in enumerate(regions):

        def part_report(done: int, number: int = number) -> None:
            report((number * PARTS + done) // len(regions))

        box = _around(region.box, usable)
        own, window = region.mask(hole[None], box)[0], box.slices
        _fill(frame[window], own, known[window], usable[window], seed, patch, part_report)


def _allowed(image: Tensor, source: Tensor) -> Tensor:
    """[B, H, W] bool: where texture may be taken from."""
    if tuple(getattr(source, "shape", ())) != image.shape[:3]:
        raise InpaintError(
            f"source: expected {list(image.shape[:3])} to fit the image, got {list(getattr(source, 'shape', ()))}. "
            "Resize it to the image, and give one mask per picture."
        )
    return source.to(image.device) >= 0.5


def _around(box: Box, usable: Tensor) -> Box:
    """The window to search for sources for a hole in this box. It includes all usable pixels if none is near."""
    margin = max(int(MARGIN * max(box.width, box.height)), MIN_MARGIN)
    near = box.widened(margin, margin).within(Size(usable.shape[1], usable.shape[0]))
    return near if usable[near.slices].any() else box.join(_box(usable))


def _box(area: Tensor) -> Box:
    """The smallest box around an area, [H, W] bool, that is not empty."""
    (box,) = mask_boxes(area[None].float())
    assert box is not None
    return box


def _fill(
    frame: Tensor, hole: Tensor, known: Tensor, usable: Tensor, seed: int, patch: int, report: Callable[[int], None]
) -> None:
    """Fill one picture, [H, W, C], in place with texture from its usable pixels."""
    colors = frame[..., :3].float()
    low, span = _range(colors[known])
    start = ((colors - low) / span).clamp(-1, 2).masked_fill(~known[..., None], 0)
    filled = _complete(start, ~known, usable, patch, torch.Generator(frame.device).manual_seed(seed), report)

    darkest, brightest = colors[usable].amin(dim=0), colors[usable].amax(dim=0)
    values = (filled[hole] * span + low).clamp(darkest, brightest)
    frame[..., :3][hole] = values.to(frame.dtype)


def _range(values: Tensor) -> tuple[float, float]:
    """The lowest of the values [N, 3] and their span. The outermost 0.1 % at either end are left out if they lie far
    from the rest."""
    values = values.flatten()
    sample = values[:: max(len(values) // 2**18, 1)].double()
    ends = torch.quantile(sample, torch.tensor([0.001, 0.999], dtype=sample.dtype, device=sample.device))
    low, high = (float(end) for end in ends)
    lowest, highest = float(values.min()), float(values.max())
    if highest - lowest <= 2 * (high - low):
        low, high = lowest, highest
    return low, high - low if high > low else 1.0


def _complete(
    colors: Tensor, hole: Tensor, usable: Tensor, patch: int, random: torch.Generator, report: Callable[[int], None]
) -> Tensor:
    """The picture, [H, W, 3], with its hole filled."""
    levels = levels_of(colors, hole, usable, patch)
    rounds = [ROUNDS[min(number, len(ROUNDS) - 1)] for number in range(len(levels))]
    work = [len(level.wanted()) for level in levels]
    total = sum(size * count for size, count in zip(work, rounds, strict=True))
    done = 0
    coarser: tuple[Level, NearestPatches] | None = None
    for number, level in reversed(list(enumerate(levels))):
        nearest = NearestPatches(level.picture, level.sources(), level.wanted(), level.patch, random)
        votes = Votes(level, nearest.corners)
        searches = 1
        if coarser is None:
            level.fill(peeled(level.picture, level.hole, level.sources(), level.patch, random)[level.hole])
            searches = FIRST_SEARCHES
        else:
            guess, shade = _enlarged(*coarser, level, nearest.corners)
            nearest.start_from(guess)
            level.fill(votes.mean(nearest.found, torch.zeros_like(nearest.distance), shade))
        for repeat in range(rounds[number]):
            nearest.look_at(level.picture)
            for _ in range(searches):
                nearest.improve()
            searches = 1
            last = number == 0 and repeat == rounds[0] - 1
            vote = votes.weightiest if last else votes.mean
            level.fill(vote(nearest.found, nearest.distance, nearest.shade()))
            done += work[number]
            report(done * PARTS // total)
        coarser = level, nearest
    return levels[0].picture[..., :COLORS]


def _enlarged(coarser: Level, nearest: NearestPatches, level: Level, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Carry the matches of the next coarser level over to the patches at these corners [N] of a level.

    The offset from a patch to its match is twice that of the coarser patch with the same centre.

    Returns:
        the corners of the guessed matches [N], and their shades [N, 3].
    """
    patch, (height, width), (coarse_height, coarse_width) = level.patch, level.hole.shape, coarser.hole.shape
    middle, here = patch.middle(corners.device), patch.places(corners, width)
    coarse_centre = (here + middle).div(2, rounding_mode="floor")
    parent = coarser.numbers(nearest.corners)[patch.at(coarse_centre - middle, coarse_height, coarse_width)]
    offset = patch.places(nearest.found, coarse_width) - patch.places(nearest.corners, coarse_width)
    return patch.at(here + 2 * offset[parent], height, width), nearest.shade()[parent]
