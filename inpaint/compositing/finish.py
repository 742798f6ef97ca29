"""How a repainted crop is made to fit before it is pasted: put in place, its color corrected, blended."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .blend import blend
from .color import color_report, match_color
from .registration import Drift, register


@dataclass
class Finish:
    """A `stitch.Finishing` that notes what it did to each crop.

    method: of `blends.blend`. color, strength, ring: of `color.match_color`. align: whether drift is undone first.
    drifts, pixels, shifts: what was found, of as many crops as there were.
    """

    method: str
    color: str = "none"
    strength: float = 1.0
    ring: float = 32.0
    align: bool = False
    drifts: list[Drift] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    shifts: list[Tensor] = field(default_factory=list)

    def __call__(self, original: Tensor, repainted: Tensor, weight: Tensor, *, hole: Tensor) -> Tensor:
        # What was repainted and is not pasted is not known either.
        unknown = torch.maximum(weight, hole.to(weight))
        if self.align:
            registered = register(original, repainted, unknown, self.ring)
            repainted = registered.image
            self.drifts += registered.drifts
        matched = match_color(original, repainted, unknown, self.color, self.strength, self.ring)
        if matched.asked:
            self.pixels += matched.pixels
            self.shifts.append(matched.shift)
        return blend(original, matched.image, weight, self.method)

    @property
    def messages(self) -> list[str]:
        """What was done, a line for drift and one for color."""
        messages = []
        if len(self.drifts) == 1:
            messages.append(self.drifts[0].report())
        elif self.drifts:
            undone = [drift for drift in self.drifts if drift.undone]
            most = f", by {max(drift.moved for drift in undone):.2f} px at the most" if undone else ""
            unsure = sum(not drift.sure for drift in self.drifts)
            messages.append(f"Drift undone in {len(undone)} of {len(self.drifts)} crops{most}; not sure in {unsure}.")
        if self.shifts:
            messages.append(color_report(self.pixels, torch.cat(self.shifts)))
        return messages
