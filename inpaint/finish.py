"""How a repainted crop is made to fit before it is pasted: put in place, its colour corrected, blended."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from .blends import blend
from .colour import match_colour
from .registration import register


@dataclass
class Finish:
    """A `stitch.Blend` that notes what it did, a line for each crop and part of the work.

    method: of `blends.blend`. colour, strength, ring: of `colour.match_colour`. align: whether drift is undone first.
    """

    method: str
    colour: str = "none"
    strength: float = 1.0
    ring: float = 32.0
    align: bool = False
    told: list[str] = field(default_factory=list)

    def __call__(self, original: Tensor, repainted: Tensor, weight: Tensor) -> Tensor:
        if self.align:
            registered = register(original, repainted, weight, self.ring)
            repainted = registered.image
            self.told += [drift.report() for drift in registered.drifts]
        matched = match_colour(original, repainted, weight, self.colour, self.strength, self.ring)
        if matched.asked:
            self.told.append(matched.report())
        return blend(original, matched.image, weight, self.method)
