"""What all fills share: cut a window around the holes, call the fill, and write its result into the holes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compositing.pair import all_finite
from ..core.alloc import copy_of
from ..core.checks import check_fits
from ..core.progress import Progress

# Frames are filled together up to this many pixels in total, which takes a few hundred megabytes.
AT_ONCE = 2**21


@dataclass(frozen=True)
class Surroundings:
    """The window around the holes of some frames."""

    colors: Tensor
    """[B, 3, h, w] float32; 0 at unknown pixels."""
    known: Tensor
    """[B, 1, h, w] bool: outside the hole and finite."""
    low: Tensor
    """[B, 3, 1, 1], the smallest known value of each channel; 0.5 if nothing is known."""
    high: Tensor
    """[B, 3, 1, 1], the largest known value of each channel; 0.5 if nothing is known."""
    first: int
    """Index of the first frame in the batch."""

    @classmethod
    def of(cls, colors: Tensor, known: Tensor, first: int) -> Surroundings:
        """Set unknown colors to 0 and find the range of the known ones."""
        low = torch.where(known, colors, torch.inf).amin(dim=(-2, -1), keepdim=True)
        high = torch.where(known, colors, -torch.inf).amax(dim=(-2, -1), keepdim=True)
        nothing = low > high
        return cls(
            torch.where(known, colors, 0), known, low.masked_fill(nothing, 0.5), high.masked_fill(nothing, 0.5), first
        )

    @property
    def range(self) -> Tensor:
        """[B, 3, 1, 1], `high - low`; 1 for a channel of one value, so that it can be a divisor."""
        return torch.where(self.high > self.low, self.high - self.low, 1)

    def in_unit_range(self, make: Callable[[Tensor], Tensor]) -> Tensor:
        """Call `make` with the colors scaled to 0..1, and scale its result back."""
        unit = torch.where(self.known, (self.colors - self.low) / self.range, 0)
        return make(unit) * self.range + self.low


def hole_in(image: Tensor, mask: Tensor) -> Tensor:
    """[B, H, W] bool on the image's device: the pixels to fill.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    check_fits(image, mask)
    return mask.to(image.device) > 0


def fill_from_surroundings(
    image: Tensor,
    mask: Tensor,
    make: Callable[[Surroundings], Tensor],
    reach: int,
    batched: bool = False,
    progress: Progress | None = None,
) -> Tensor:
    """Fill holes with the output of `make`, which receives their known surroundings.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        make: returns [B, 3, h, w], the size of the surroundings. Only values inside the hole are used, clamped to the
            range of the known pixels. Frames without a hole are skipped.
        reach: width in pixels of the surroundings around the hole; 1 or more.
        together: pass many frames to one call of `make` instead of one frame per call.
        progress: called with pictures done and pictures in total; an exception that it raises stops the fill.

    Returns:
        [B, H, W, C], same dtype and device.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    hole = hole_in(image, mask)
    filled = copy_of(image)
    step = max(AT_ONCE // hole[0].numel(), 1) if batched else 1
    for first in range(0, len(image), step):
        frames = slice(first, first + step)
        if hole[frames].any():
            _fill(filled[frames], hole[frames], make, reach, first)
        if progress is not None:
            progress(min(first + step, len(image)), len(image))
    return filled


def _fill(filled: Tensor, hole: Tensor, make: Callable[[Surroundings], Tensor], reach: int, first: int) -> None:
    """Fill frames [B, H, W, C] in place."""
    known = torch.stack([all_finite(frame) for frame in filled]).logical_and_(~hole)
    rows, columns = (_span(~known, dim, reach) for dim in (1, 2))
    hole, known = hole[:, None, rows, columns], known[:, None, rows, columns]
    window = filled[:, rows, columns, :3].movedim(-1, 1)
    around = Surroundings.of(window.float(), known, first)
    surface = make(around).clamp(around.low, around.high).to(window.dtype)
    window.copy_(torch.where(hole, surface, window))


def _span(unknown: Tensor, dim: int, reach: int) -> slice:
    """Rows (dim 1) or columns (dim 2) of [B, H, W] within `reach` of an unknown pixel of any frame."""
    places = unknown.any(dim=0).any(dim=2 - dim).nonzero()
    return slice(max(int(places[0]) - reach, 0), int(places[-1]) + 1 + reach)
