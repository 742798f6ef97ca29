"""Holes filled from their surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ... import fills
from ...compositing import paste
from ...patchmatch import fill_patchmatch
from ...tasks.table import TASKS
from .choice import ModelChoice
from .cleaning import cleaned
from .paint import Paint, Painted, Picture, one_by_one

METHODS: Mapping[str, Callable[[Tensor, Tensor, Mapping[str, Any]], Tensor]] = {
    "patchmatch": lambda image, mask, how: fill_patchmatch(image, mask, seed=how["seed"], patch=how["patch_size"]),
    "harmonic": lambda image, mask, how: fills.fill_harmonic(image, mask),
    "edge": lambda image, mask, how: fills.fill_edge(image, mask),
    "blur": lambda image, mask, how: fills.fill_blur(image, mask),
    "noise": lambda image, mask, how: fills.fill_noise(image, mask, how["seed"]),
    "telea": lambda image, mask, how: fills.fill_telea(image, mask, how["radius"]),
    "navier-stokes": lambda image, mask, how: fills.fill_navier_stokes(image, mask, how["radius"]),
}


def opened(model: ModelChoice) -> Paint:
    """Return what fills. It has no model."""
    return one_by_one(_filled)


def _filled(picture: Picture) -> Painted:
    how = picture.values
    task = how["task"]
    mask, notes = cleaned(picture.image, picture.mask, task, how["grow"])
    method = TASKS[task].fill if how["method"] == "auto" else how["method"]
    filled = METHODS[method](picture.image, mask, how)
    pasted = paste(picture.image, filled, mask)
    return Painted(pasted.image, (*notes, f"Filled by {method}."))
