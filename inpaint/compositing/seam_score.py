"""The seam score: how far the edge of what was pasted stands out from what the picture has there anyway."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_fits
from ..core.geometry import Box
from ..imaging.pyramid import halve
from ..masks.boxes import mask_boxes

# Each line across the edge goes this many pixels to either side.
SIDE = 8
# Fewer lines than this across a soft edge say nothing; more than this across any say nothing new.
FEWEST, MOST = 16, 2**15
# Standard errors that the few steps across a soft edge are given the benefit of.
DOUBT = 2.0
# Delta E that nobody sees; without it a flat picture's own jumps of 0 would make anything infinitely large.
UNSEEN = 0.25
# Up to the first an edge does not stand out, up to the second it does faintly. See benchmarks/blends.md.
HIDDEN, FAINT = 1.2, 1.6


@dataclass(frozen=True)
class Seam:
    """The edge of a mask in a picture.

    jump: how much larger the steps across the edge are than those beside it, where each is taken as what it departs
        from going on as before and after it. About 1 where the edge cannot be told.
    delta_e: the mean color difference of neighbours across the edge (CIE 1976, Lab under D65).
    own_delta_e: the same of neighbours beside the edge, in the same direction.
    lines: how many places of the edge were looked at; 0 where there is none.
    """

    jump: float = 1.0
    delta_e: float = 0.0
    own_delta_e: float = 0.0
    lines: int = 0

    def report(self) -> str:
        """A line."""
        if not self.lines:
            return "No seam to measure: the mask has no edge inside the picture, or the picture nothing beside it."
        verdict = "not to be seen" if self.jump <= HIDDEN else "faint" if self.jump <= FAINT else "visible"
        return (
            f"Seam {verdict}: steps at the mask's edge are {self.jump:.2f} times the picture's own "
            f"(Delta E {self.delta_e:.1f} across it, {self.own_delta_e:.1f} beside it)."
        )


def seam(image: Tensor, mask: Tensor) -> tuple[Seam, ...]:
    """Score the edge along which a picture was pasted into another.

    Every place where the mask passes half of its largest value is looked at along a line across it. What a step there
    is held against are the steps elsewhere on these lines: texture hides a seam, a clear sky does not. Both means are
    of square roots, so that a few strong edges of the picture's own do not outweigh the rest. A soft edge is looked at
    a second time on pixels as large as it is wide, and the worse of the two counts, by what is more than chance.

    Where the mask follows an outline that is in the picture, that outline counts as a seam.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4: the picture after pasting.
        mask: [B, H, W] float, the weight it was pasted by.

    Returns:
        one for each picture. Pixels that are not finite play no part.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    check_fits(image, mask)
    return tuple(_seam(*frame) for frame in zip(image, mask.to(image.device), strict=True))


def worst(seams: Iterable[Seam]) -> Seam:
    """The one that stands out most, of those that were there to be measured."""
    return max(seams, key=lambda each: (each.lines > 0, each.jump))


def _seam(image: Tensor, mask: Tensor) -> Seam:
    (around,) = mask_boxes(mask[None])
    if around is None:
        return Seam()
    part = mask[around.slices]
    full = part.max()
    fine = _steps(image, mask, around, full)
    if fine is None:
        return Seam()
    jump = fine.jump()
    soft = int(((part > 0) & (part < full)).sum()) / fine.lines
    halvings = round(math.log2(max(soft, 1)))
    coarse = _steps(image, mask, around, full, halvings) if halvings else None
    if coarse is not None and coarse.lines >= FEWEST:
        jump = max(jump, coarse.jump(doubt=DOUBT))
    return Seam(jump, float(fine.at_edge.mean()), float(fine.beside.mean()), fine.lines)


def _steps(image: Tensor, mask: Tensor, around: Box, full: Tensor, halvings: int = 0) -> _Steps | None:
    """Steps across the edge of a mask [H, W], where it passes half of its largest value `full`, on pixels 2 ** halvings
    times as large, seen in the window around it."""
    cell = 2**halvings
    # As far as lines go, and on whole cells of the picture.
    room = (SIDE + 2) * cell
    top, left = (max(first - room, 0) // cell * cell for first in (around.y, around.x))
    window = np.s_[top : around.bottom + room, left : around.right + room]
    planes, weight = image[window][..., :3].movedim(-1, 0).float(), mask[window][None].float()
    for _ in range(halvings):
        planes, weight = halve(planes), halve(weight)
    return _Steps.across(planes, weight[0] > full / 2)


@dataclass(frozen=True)
class _Steps:
    """Color steps at an edge and beside it, and how far each departs from the steps before and after it."""

    at_edge: Tensor
    beside: Tensor
    jumps_at_edge: Tensor
    jumps_beside: Tensor

    @classmethod
    def across(cls, planes: Tensor, inside: Tensor) -> _Steps | None:
        """From [3, H, W] and [H, W] bool. None where there is no edge, or nothing beside it."""
        found = [_across_columns(planes, inside), _across_columns(planes.mT, inside.mT)]
        at_edge, beside, jumps_at_edge, jumps_beside = (torch.cat(parts) for parts in zip(*found, strict=True))
        if not len(at_edge) or not len(beside):
            return None
        return cls(at_edge, beside, jumps_at_edge, jumps_beside)

    @property
    def lines(self) -> int:
        return len(self.at_edge)

    def jump(self, doubt: float = 0.0) -> float:
        """How much larger jumps are at the edge; `doubt` standard errors of their mean less."""
        at_edge, beside = self.jumps_at_edge.sqrt(), self.jumps_beside.sqrt().mean()
        mean = at_edge.mean() - (doubt * at_edge.std() / len(at_edge) ** 0.5 if doubt else 0)
        return float((mean.clamp(min=0) ** 2 + UNSEEN) / (beside**2 + UNSEEN))


def _across_columns(planes: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for edges between one column and the next: what `_Steps` holds, each [N]."""
    from kornia.color import rgb_to_lab

    width = inside.shape[1]
    rows, columns = (inside[:, 1:] != inside[:, :-1]).nonzero(as_tuple=True)
    every = max(-(-len(rows) // MOST), 1)
    rows, columns = rows[::every, None], columns[::every, None]
    along = columns + torch.arange(-SIDE, SIDE + 2, device=inside.device)
    there = (along >= 0) & (along < width)
    along = along.clamp(0, width - 1)
    # [3, N, 2 SIDE + 2], the edge in the middle.
    colors = rgb_to_lab(planes[:, rows, along].clamp(0, 1)[None])[0]
    there &= colors.isfinite().all(dim=0)

    steps = colors.diff(dim=2)
    size = steps.norm(dim=0)[:, 1:-1]
    jumps = (steps[..., 1:-1] - (steps[..., :-2] + steps[..., 2:]) / 2).norm(dim=0)
    # A jump is made of four pixels.
    there = there.unfold(1, 4, 1).all(dim=2)
    crossed = inside[rows, along].diff(dim=1).unfold(1, 3, 1).any(dim=2)
    at_edge = there & (torch.arange(there.shape[1], device=there.device) == SIDE - 1)
    beside = there & ~crossed
    return size[at_edge], size[beside], jumps[at_edge], jumps[beside]
