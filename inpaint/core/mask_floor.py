"""Backgrounds of masks that are not quite black, and those of limited range (16 to 235 of 255).

Detectors, matting networks, JPEG and videos leave a background of a few of 255. Taken as it is, it makes the whole
picture the hole. The rules touch nothing that people mean: 50 % everywhere, 0.3 behind a subject, a depth map.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .notes import note
from .threads import one_thread

STEP = 1 / 255
# The highest background, in 255ths. Limited range has 16 for black, and 235 for white: 20 from the top.
HIGHEST = 21
# White of limited range in a mask, and of its inverse.
WHITES = (235, 239)
# The share of pixels that a background takes at least, and the share that may be darker.
MOST, FEW = 0.5, 0.001
# How far the mask rises above its background at least.
RISE = 0.25
# Number of pixels that are looked at first.
SAMPLE = 65_536


class Floor(NamedTuple):
    """What a mask has for 0 and for 1."""

    bottom: float
    """The value that becomes 0."""
    top: float
    """The value that becomes 1."""
    problem: str
    """A sentence about it."""
    repair: str
    """A sentence about what is done."""


def without_floor(mask: Tensor, name: str = "mask") -> Tensor:
    """Bring a mask's background to 0, if it has one that is not quite black (`floor_of`); leaves a note of it.

    Args:
        mask: [B, H, W] float in 0..1.
        name: the input's name, for the note.

    Returns:
        Same shape, dtype and device; `mask` itself if nothing is changed.
    """
    floor = floor_of(mask)
    if floor is None:
        return mask
    note(f"{name}: {floor.problem} {floor.repair}")
    return stretched(mask, floor)


def floor_of(mask: Tensor) -> Floor | None:
    """Return what a mask has for 0 and 1, if that is not 0 and 1.

    A value v is the background if at least half of all pixels (of a whole video) lie within 1/255 of it, at most 0.1 %
    lie below, v is at most 21/255, and the largest value is at least 0.25 above. It becomes 0, and the rest is scaled
    to reach 1 as before. The top is raised to 1 only from the white of limited range, at 235 or 239 of 255. A bright
    background of limited range, as inverted masks have it, becomes 1 alike. A constant below 22/255 is empty.

    Args:
        mask: [B, H, W] float in 0..1.
    """
    if not _may_have_floor(mask):
        return None
    counts = torch.bincount((mask * 255).round().flatten().long(), minlength=256).double()
    low, high = (float(end) for end in mask.aminmax())
    if 0 < high < (HIGHEST + 1) * STEP and high - low <= 2 * STEP:
        return Floor(1.0, 2.0, f"Its values are all about {high * 255:.0f} of 255.", "Read as empty.")
    if (bottom := _plateau(mask, counts)) is not None:
        top = _white(mask, counts, bottom)
        problem = f"Its background is {bottom * 255:.0f} of 255 instead of 0" + (
            f", and its white {top * 255:.0f}: limited range." if top < 1 else "."
        )
        return Floor(bottom, top, problem, "Stretched to 0..1." if top < 1 else "Subtracted.")
    if (floor := _plateau(1 - mask, counts.flip(0))) is not None and any(_near(1 - floor, white) for white in WHITES):
        bottom, top = 1 - _white(1 - mask, counts.flip(0), floor), 1 - floor
        problem = f"Its values go from {bottom * 255:.0f} to {top * 255:.0f} of 255: limited range."
        return Floor(bottom, top, problem, "Stretched to 0..1.")
    return None


def stretched(mask: Tensor, floor: Floor) -> Tensor:
    """Return a mask with its own 0 and 1 brought to 0 and 1. What is within 1/255 of them becomes exactly that."""
    scaled = ((mask - floor.bottom) / (floor.top - floor.bottom)).clamp(0, 1)
    scaled = torch.where(mask <= floor.bottom + STEP * 1.001, 0, scaled) if floor.bottom > 0 else scaled
    return torch.where(mask >= floor.top - STEP * 1.001, 1, scaled) if floor.top < 1 else scaled


@one_thread()
def _may_have_floor(mask: Tensor) -> bool:
    """Look at some pixels: most masks are 0 or 1 at most of them."""
    # Pixels far apart take long to read, so they are read once.
    some = mask.flatten()[:: max(1, mask.numel() // SAMPLE)].contiguous()
    least = 0.8 * MOST * len(some)
    dark = (some > 0.5 * STEP) & (some < (HIGHEST + 1.5) * STEP)
    white = (some > (WHITES[0] - 2) * STEP) & (some < (WHITES[1] + 2) * STEP)
    return int(dark.count_nonzero()) > least or int(white.count_nonzero()) > least


def _plateau(mask: Tensor, counts: Tensor) -> float | None:
    """Return the value of the background, or None. counts: number of pixels by 255ths."""
    level = int(counts[: HIGHEST + 2].argmax())
    if level == 0 or counts[level - 1 : level + 2].sum() < MOST * counts.sum():
        return None
    value = float(mask[(mask * 255 - level).abs() <= 1.5].double().mean())
    margin, pixels = STEP * 1.001, mask.numel()
    if (
        value <= HIGHEST * STEP + 1e-3 * STEP
        and float(mask.max()) >= value + RISE
        and int(((mask - value).abs() <= margin).sum()) >= MOST * pixels
        and int((mask < value - margin).sum()) <= FEW * pixels
    ):
        return value
    return None


def _white(mask: Tensor, counts: Tensor, floor: float) -> float:
    """Return the white of limited range if the mask's bright part is a plateau there, else 1."""
    bright = counts[round((floor + RISE) * 255) :].sum()
    for level in WHITES:
        near, above = counts[level - 1 : level + 2].sum(), counts[level + 2 :].sum()
        if near >= MOST * bright and above <= FEW * counts.sum():
            return float(mask[(mask * 255 - level).abs() <= 1.5].double().mean())
    return 1.0


def _near(value: float, level: int) -> bool:
    return abs(value * 255 - level) <= 1
