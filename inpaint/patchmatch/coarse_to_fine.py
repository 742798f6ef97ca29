"""The fill: from coarse to fine, every patch of it is to be like one that is known.

A pixel is filled where its mask is above 0, however little. Every other pixel stays bit for bit what it was, and so
does alpha everywhere.
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
from ..crops.plan import Context
from ..crops.regions import regions_of
from ..masks.boxes import mask_boxes
from .first_guess import peeled
from .levels import Level, levels_of
from .nearest import NearestPatches
from .space import COLORS
from .votes import Votes

PARTS = 100
SMALLEST_PATCH, LARGEST_PATCH = 3, 15
# The picture is looked at this far around its holes: in longer sides of the box around them, and in pixels at least.
AROUND, LEAST_AROUND = 1.5, 256
# Rounds of search and vote on the finest level, the one above it, and all further ones; and searches to begin with.
ROUNDS = (3, 8, 30)
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

    Each picture is filled on its own. Sources are whole patches that are known: those around a hole, or several near
    each other, within one and a half times the longer side of the box around them, and at least 256 pixels; or, if
    `source` is given, those in it, however far away. Where nowhere a whole patch is known, smaller ones are taken.
    Colors are those of the sources, shifted by up to 6 % of the picture's range in brightness and 3 % in color so
    that light goes on, and never beyond the range of all that may be a source. Values far beyond the picture's usual
    range are cut in the fill. What the hole held, NaN included, plays no part; pixels outside it that are not finite do
    not either. A picture with nothing to go by becomes 0.5.

    It takes about 200 bytes for each pixel that is looked at, and time by the pixels that are filled.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        source: [B, H, W] float; from 0.5 on, texture may be taken from here. None allows all that is known.
        seed: another seed gives another fill; the same gives the same to the bit on the same device.
        patch: side of a patch in pixels, 3 to 15: larger ones keep larger structures, and take longer.
        progress: called many times with parts done and parts in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture, a mask does not fit it, the patch is too small or large, or a picture
            with something to fill has nothing known in its `source`.

    Source: Wexler, Shechtman and Irani 2007, doi:10.1109/TPAMI.2007.60, on PatchMatch; the grain beside the colors
        from Newson et al. 2014, doi:10.1137/140954933; shifted colors from Darabi et al. 2012,
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
    """Fill near holes together and far ones by themselves, for what is looked at costs memory."""
    regions = regions_of(hole, Context(pixels=LEAST_AROUND // 2))
    for number, region in enumerate(regions):

        def part_report(done: int, number: int = number) -> None:
            report((number * PARTS + done) // len(regions))

        box = _around(region.box, usable)
        own, window = region.mask(hole[None], box)[0], box.slices
        _fill(frame[window], own, known[window], usable[window], seed, patch, part_report)


def _allowed(image: Tensor, source: Tensor) -> Tensor:
    if tuple(getattr(source, "shape", ())) != image.shape[:3]:
        raise InpaintError(
            f"source: expected {list(image.shape[:3])} to fit the image, got {list(getattr(source, 'shape', ()))}. "
            "Resize it to the image, and give as many as pictures."
        )
    return source.to(image.device) >= 0.5


def _around(box: Box, usable: Tensor) -> Box:
    """The part of a picture that is looked at to fill a hole in this box; all of it that is usable, if none is near."""
    margin = max(int(AROUND * max(box.width, box.height)), LEAST_AROUND)
    near = box.widened(margin, margin).within(Size(usable.shape[1], usable.shape[0]))
    return near if usable[near.slices].any() else box.join(_box(usable))


def _box(area: Tensor) -> Box:
    """The smallest around an area [H, W] bool, of which some is there."""
    (box,) = mask_boxes(area[None].float())
    assert box is not None
    return box


def _fill(
    frame: Tensor, hole: Tensor, known: Tensor, usable: Tensor, seed: int, patch: int, report: Callable[[int], None]
) -> None:
    """Fill a picture [H, W, C] in place, from what is usable."""
    colors = frame[..., :3].float()
    low, span = _range(colors[known])
    start = ((colors - low) / span).clamp(-1, 2).masked_fill(~known[..., None], 0)
    made = _complete(start, ~known, usable, patch, torch.Generator(frame.device).manual_seed(seed), report)

    darkest, brightest = colors[usable].amin(dim=0), colors[usable].amax(dim=0)
    made = (made[hole] * span + low).clamp(darkest, brightest)
    frame[..., :3][hole] = made.to(frame.dtype)


def _range(values: Tensor) -> tuple[float, float]:
    """The lowest of these [N, 3], and how far they go from there; without the few in a thousand that lie far out."""
    values = values.flatten()
    some = values[:: max(len(values) // 2**18, 1)].double()
    ends = torch.quantile(some, torch.tensor([0.001, 0.999], dtype=some.dtype, device=some.device))
    low, high = (float(end) for end in ends)
    least, most = float(values.min()), float(values.max())
    if most - least <= 2 * (high - low):
        low, high = least, most
    return low, high - low if high > low else 1.0


def _complete(
    colors: Tensor, hole: Tensor, usable: Tensor, patch: int, random: torch.Generator, report: Callable[[int], None]
) -> Tensor:
    """The picture [H, W, 3] with something in the hole."""
    levels = levels_of(colors, hole, usable, patch)
    rounds = [ROUNDS[min(number, len(ROUNDS) - 1)] for number in range(len(levels))]
    work = [len(level.wanted()) for level in levels]
    all_of_it = sum(size * count for size, count in zip(work, rounds, strict=True))
    done = 0
    above: tuple[Level, NearestPatches] | None = None
    for number, level in reversed(list(enumerate(levels))):
        nearest = NearestPatches(level.picture, level.sources(), level.wanted(), level.patch, random)
        votes = Votes(level, nearest.corners)
        searches = 1
        if above is None:
            level.fill(peeled(level.picture, level.hole, level.sources(), level.patch, random)[level.hole])
            searches = FIRST_SEARCHES
        else:
            guess, shade = _enlarged(*above, level, nearest.corners)
            nearest.start_from(guess)
            level.fill(votes.mean(nearest.found, torch.zeros_like(nearest.distance), shade))
        for again in range(rounds[number]):
            nearest.look_at(level.picture)
            for _ in range(searches):
                nearest.improve()
            searches = 1
            last = number == 0 and again == rounds[0] - 1
            elected = votes.weightiest if last else votes.mean
            level.fill(elected(nearest.found, nearest.distance, nearest.shade()))
            done += work[number]
            report(done * PARTS // all_of_it)
        above = level, nearest
    return levels[0].picture[..., :COLORS]


def _enlarged(above: Level, nearest: NearestPatches, level: Level, corners: Tensor) -> tuple[Tensor, Tensor]:
    """For each of these corners [N] of a level what was found in the one above: a guess [N], and its shade [N, 3].

    A patch moves twice as far as the one above with the same centre.
    """
    patch, (height, width), (height_above, width_above) = level.patch, level.hole.shape, above.hole.shape
    middle, here = patch.middle(corners.device), patch.places(corners, width)
    centre_above = (here + middle).div(2, rounding_mode="floor")
    parent = above.numbers(nearest.corners)[patch.at(centre_above - middle, height_above, width_above)]
    move = patch.places(nearest.found, width_above) - patch.places(nearest.corners, width_above)
    return patch.at(here + 2 * move[parent], height, width), nearest.shade()[parent]
