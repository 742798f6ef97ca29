"""The seam score: how much the edge of a paste stands out from the picture's own texture there."""

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
from ..masks.boxes import boxes_of

# Length of each line across the edge, in pixels to either side.
SIDE = 8
# Fewer lines across a soft edge are not enough for a score. More lines across any edge are subsampled to this number.
FEWEST, MOST = 16, 2**15
# Standard errors subtracted from the score of a soft edge, because it has few lines.
DOUBT = 2.0
# An invisible Delta E, added to both sides of the ratio: in a flat picture the jumps beside the edge are 0.
UNSEEN = 0.25
# Largest score of an edge that is not visible, and of one that is faint. See benchmarks/blends.md.
HIDDEN, FAINT = 1.2, 1.6


@dataclass(frozen=True)
class Seam:
    """The score of a mask's edge in a picture."""

    jump: float = 1.0
    """Ratio of the jumps across the edge to those beside it; about 1 if the edge is invisible.

    A jump is the color step between two neighbours, minus the mean of the steps before and after it.
    """
    delta_e: float = 0.0
    """Mean color difference of neighbours across the edge (CIE 1976, Lab under D65)."""
    own_delta_e: float = 0.0
    """Mean color difference of neighbours beside the edge, in the same direction."""
    lines: int = 0
    """Number of lines across the edge that were measured; 0 if there is no edge."""

    def report(self) -> str:
        """Return one line for the user."""
        if not self.lines:
            return "No seam to measure: the mask has no edge inside the picture, or no usable pixels lie beside it."
        verdict = "not visible" if self.jump <= HIDDEN else "faint" if self.jump <= FAINT else "visible"
        return (
            f"Seam {verdict}: steps at the mask's edge are {self.jump:.2f} times the picture's own "
            f"(Delta E {self.delta_e:.1f} across it, {self.own_delta_e:.1f} beside it)."
        )


def seam(image: Tensor, mask: Tensor) -> tuple[Seam, ...]:
    """Score the edge along which a picture was pasted into another.

    The edge is where the mask crosses half of its largest value. Each place of it is measured along a line across it.
    The jump at the edge is compared with the jumps elsewhere on the lines: texture hides a seam, a clear sky does not.
    Both means are means of square roots, so that a few strong edges of the picture itself do not dominate. A soft edge
    is measured a second time on pixels as large as it is wide, less DOUBT standard errors; the higher score counts.

    If the mask follows an outline of the picture, that outline counts as a seam.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4: the picture after pasting.
        mask: [B, H, W] float, the weight it was pasted with.

    Returns:
        one score for each picture. Pixels that are not finite are ignored.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    check_fits(image, mask)
    return tuple(_seam(*frame) for frame in zip(image, mask.to(image.device), strict=True))


def worst(seams: Iterable[Seam]) -> Seam:
    """Return the most visible of the seams; one that was not measured counts as the least visible."""
    return max(seams, key=lambda each: (each.lines > 0, each.jump))


def _seam(image: Tensor, mask: Tensor) -> Seam:
    (around,) = boxes_of(mask[None])
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
    """Measure the steps across a mask's edge, on pixels 2 ** halvings times as large.

    Args:
        image: [H, W, C] float.
        mask: [H, W] float.
        around: the smallest box around the mask; only it and a margin are read.
        full: the mask's largest value; the edge is where the mask crosses half of it.
        halvings: how often the pictures are halved.

    Returns:
        None if there is no edge, or no usable pixels beside it.
    """
    cell = 2**halvings
    # The window holds the whole lines, and begins at a multiple of the cell.
    margin = (SIDE + 2) * cell
    top, left = (max(first - margin, 0) // cell * cell for first in (around.y, around.x))
    window = np.s_[top : around.bottom + margin, left : around.right + margin]
    planes, weight = image[window][..., :3].movedim(-1, 0).float(), mask[window][None].float()
    for _ in range(halvings):
        planes, weight = halve(planes), halve(weight)
    return _Steps.across(planes, weight[0] > full / 2)


@dataclass(frozen=True)
class _Steps:
    """Color steps (Delta E) at an edge and beside it, and their jumps, as defined in `Seam`."""

    at_edge: Tensor
    """[N] steps across the edge."""
    beside: Tensor
    """[M] steps beside the edge."""
    jumps_at_edge: Tensor
    """[N] jumps across the edge."""
    jumps_beside: Tensor
    """[M] jumps beside the edge."""

    @classmethod
    def across(cls, planes: Tensor, inside: Tensor) -> _Steps | None:
        """Measure planes [3, H, W] at the edges of `inside` [H, W] bool. None without usable steps there or beside."""
        found = [_across_columns(planes, inside), _across_columns(planes.mT, inside.mT)]
        at_edge, beside, jumps_at_edge, jumps_beside = (torch.cat(parts) for parts in zip(*found, strict=True))
        if not len(at_edge) or not len(beside):
            return None
        return cls(at_edge, beside, jumps_at_edge, jumps_beside)

    @property
    def lines(self) -> int:
        return len(self.at_edge)

    def jump(self, doubt: float = 0.0) -> float:
        """Return the ratio of the jumps at the edge to those beside it, less `doubt` standard errors of the first."""
        at_edge, beside = self.jumps_at_edge.sqrt(), self.jumps_beside.sqrt().mean()
        mean = at_edge.mean() - (doubt * at_edge.std() / len(at_edge) ** 0.5 if doubt else 0)
        return float((mean.clamp(min=0) ** 2 + UNSEEN) / (beside**2 + UNSEEN))


def _across_columns(planes: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Measure edges between one column and the next. Returns the four fields of `_Steps`."""
    from kornia.color import rgb_to_lab

    width = inside.shape[1]
    rows, columns = (inside[:, 1:] != inside[:, :-1]).nonzero(as_tuple=True)
    every = max(-(-len(rows) // MOST), 1)
    rows, columns = rows[::every, None], columns[::every, None]
    along = columns + torch.arange(-SIDE, SIDE + 2, device=inside.device)
    usable = (along >= 0) & (along < width)
    along = along.clamp(0, width - 1)
    # [3, N, 2 SIDE + 2], the edge in the middle.
    colors = rgb_to_lab(planes[:, rows, along].clamp(0, 1)[None])[0]
    usable &= colors.isfinite().all(dim=0)

    steps = colors.diff(dim=2)
    size = steps.norm(dim=0)[:, 1:-1]
    jumps = (steps[..., 1:-1] - (steps[..., :-2] + steps[..., 2:]) / 2).norm(dim=0)
    # A jump is computed from four pixels; all of them must be usable.
    usable = usable.unfold(1, 4, 1).all(dim=2)
    crossed = inside[rows, along].diff(dim=1).unfold(1, 3, 1).any(dim=2)
    at_edge = usable & (torch.arange(usable.shape[1], device=usable.device) == SIDE - 1)
    beside = usable & ~crossed
    return size[at_edge], size[beside], jumps[at_edge], jumps[beside]
