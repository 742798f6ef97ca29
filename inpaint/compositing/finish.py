"""Finishing of a repainted crop before it is pasted: registration, color correction and blend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ..core.checks import check_choice
from .blend import METHODS, REACH, blended
from .color import check_color_settings, color_report, matched

# Smallest displacement in pixels that a report calls one.
SEEN = 0.005


class Motion(Protocol):
    """How one crop lay on its original."""

    @property
    def sure(self) -> bool:
        """Whether the estimate is reliable."""

    @property
    def undone(self) -> bool:
        """Whether the crop was changed."""

    @property
    def displacement(self) -> float:
        """Largest displacement in pixels."""

    def report(self) -> str:
        """Return sentences for the user."""


class Aligned(Protocol):
    """Crops laid on their originals."""

    @property
    def image(self) -> Tensor:
        """[B, H, W, C], same dtype and device as the repainted crops."""

    @property
    def drifts(self) -> Sequence[Motion]:
        """One for each crop."""


class Aligning(Protocol):
    """Lays repainted crops on their originals by what both show: `registration.registered`, or another."""

    def __call__(self, original: Tensor, repainted: Tensor, unknown: Tensor, /) -> Aligned:
        """Lay crops [B, H, W, C] on originals of their size; nothing is known where `unknown` [B, H, W] is above 0."""


@dataclass
class Finish:
    """A `stitch.Finishing` that records what it did to each crop. Its settings are checked when it is made.

    Raises:
        InpaintError: if a setting is out of range.
    """

    method: str
    """Blend method, one of `blend.METHODS`."""
    color: str = "none"
    """Color correction, one of `color.METHODS`."""
    strength: float = 1.0
    """Strength of the color correction, 0..1."""
    ring: float = 32.0
    """Width of the known ring that drift and color are measured on, in pixels."""
    align: Aligning | None = None
    """How to undo drift first; None leaves it."""
    drifts: list[Motion] = field(default_factory=list)
    """The measured drift of each crop so far; empty if `align` is None."""
    pixels: list[int] = field(default_factory=list)
    """The number of known pixels in each color fit so far."""
    shifts: list[Tensor] = field(default_factory=list)
    """The color shift [B, 3] of each call so far."""
    colors: list[str] = field(default_factory=list)
    """The color correction used for each crop so far."""
    uncorrected: int = 0
    """Number of crops so far that were mixed by feather alone."""
    blends: int = 0
    """Number of crops so far."""

    def __post_init__(self) -> None:
        check_color_settings(self.color, self.strength, self.ring)
        check_choice("method", self.method, METHODS)

    @property
    def reach(self) -> int | None:
        """How far around the mask pixels are read, in pixels; None for all, since a drift moves the whole crop."""
        return max(math.ceil(self.ring), REACH[self.method]) if self.align is None else None

    def __call__(self, original: Tensor, repainted: Tensor, weight: Tensor, *, hole: Tensor) -> Tensor:
        # Pixels that were repainted but are not pasted are not known either.
        unknown = torch.maximum(weight, hole.to(weight))
        if self.align is not None:
            aligned = self.align(original, repainted, unknown)
            repainted = aligned.image
            self.drifts += aligned.drifts
        colored = matched(original, repainted, unknown, self.color, self.strength, self.ring)
        if colored.asked != "none":
            self.pixels += colored.pixels
            self.colors += colored.methods
            self.shifts.append(colored.shift)
        result = blended(original, colored.image, weight, self.method)
        self.uncorrected += result.uncorrected
        self.blends += len(repainted)
        return result.image

    @property
    def messages(self) -> list[str]:
        """What was done: a line each for drift and color if asked for, and one if a blend was not possible."""
        messages = []
        if len(self.drifts) == 1:
            messages.append(self.drifts[0].report())
        elif self.drifts:
            undone = [drift for drift in self.drifts if drift.undone]
            moved = [drift for drift in undone if drift.displacement >= SEEN]
            most = f", by at most {max(drift.displacement for drift in moved):.2f} px" if moved else ""
            unsure = sum(not drift.sure for drift in self.drifts)
            light = (
                f" Only the change of light undone in {len(undone) - len(moved)}." if len(undone) > len(moved) else ""
            )
            messages.append(
                f"Drift undone in {len(moved)} of {len(self.drifts)} crops{most}; estimate unreliable in {unsure}."
                + light
            )
        if self.shifts:
            messages.append(color_report(self.color, self.colors, self.pixels, torch.cat(self.shifts)))
        if self.uncorrected:
            where = f"in {self.uncorrected} of {self.blends} crops: there" if self.blends > 1 else "alone:"
            messages.append(
                f"Blended by feather {where} the crop shows something else than the picture all around the mask."
            )
        return messages
