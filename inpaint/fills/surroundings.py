"""The way from a picture with a hole to what is known around it, and back: the same for every fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compositing.pair import all_finite
from ..core.alloc import copy_of
from ..core.checks import check_fits
from ..core.progress import Progress

# Pixels that are filled together.
AT_ONCE = 2**21


@dataclass(frozen=True)
class Surroundings:
    """The part of some frames that a fill looks at.

    colors: [B, 3, h, w] float32, 0 where not known.
    known: [B, 1, h, w] bool: not to be filled, and finite.
    low, high: [B, 3, 1, 1], the range of what is known; 0.5 where nothing is.
    first: the number of the first frame.
    """

    colors: Tensor
    known: Tensor
    low: Tensor
    high: Tensor
    first: int

    @classmethod
    def of(cls, colors: Tensor, known: Tensor, first: int) -> Surroundings:
        low = torch.where(known, colors, torch.inf).amin(dim=(-2, -1), keepdim=True)
        high = torch.where(known, colors, -torch.inf).amax(dim=(-2, -1), keepdim=True)
        nothing = low > high
        return cls(
            torch.where(known, colors, 0), known, low.masked_fill(nothing, 0.5), high.masked_fill(nothing, 0.5), first
        )

    @property
    def range(self) -> Tensor:
        return torch.where(self.high > self.low, self.high - self.low, 1)

    def in_unit_range(self, make: Callable[[Tensor], Tensor]) -> Tensor:
        """What `make` makes of the colors, which it is given, and gives back, in 0..1."""
        unit = torch.where(self.known, (self.colors - self.low) / self.range, 0)
        return make(unit) * self.range + self.low


def hole_in(image: Tensor, mask: Tensor) -> Tensor:
    """[B, H, W] bool: what is to be filled.

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
    together: bool = False,
    progress: Progress | None = None,
) -> Tensor:
    """Fill holes by what `make` makes of what is around them.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        make: gives [B, 3, h, w] from surroundings of that size. It is looked at in the hole alone, and cut to the
            range of what is known. It is called only where there is a hole.
        reach: how far from the hole it looks, in pixels; 1 or more.
        together: give it many frames at once, rather than one after the other.
        progress: called with pictures done and pictures in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    hole = hole_in(image, mask)
    filled = copy_of(image)
    # No more than take a few hundred megabytes.
    step = max(AT_ONCE // hole[0].numel(), 1) if together else 1
    for first in range(0, len(image), step):
        frames = slice(first, first + step)
        if hole[frames].any():
            _fill(filled[frames], hole[frames], make, reach, first)
        if progress is not None:
            progress(min(first + step, len(image)), len(image))
    return filled


def _fill(filled: Tensor, hole: Tensor, make: Callable[[Surroundings], Tensor], reach: int, first: int) -> None:
    known = torch.stack([all_finite(frame) for frame in filled]).logical_and_(~hole)
    rows, columns = (_span(~known, dim, reach) for dim in (1, 2))
    hole, known = hole[:, None, rows, columns], known[:, None, rows, columns]
    place = filled[:, rows, columns, :3].movedim(-1, 1)
    around = Surroundings.of(place.float(), known, first)
    surface = make(around).clamp(around.low, around.high).to(place.dtype)
    place.copy_(torch.where(hole, surface, place))


def _span(unknown: Tensor, dim: int, reach: int) -> slice:
    """Rows (dim 1) or columns (2) of [B, H, W] no further than `reach` from an unknown pixel of any frame."""
    places = unknown.any(dim=0).any(dim=2 - dim).nonzero()
    return slice(max(int(places[0]) - reach, 0), int(places[-1]) + 1 + reach)
