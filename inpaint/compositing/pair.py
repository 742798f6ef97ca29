"""One original and one repainted picture, cropped to the window where they are blended, without NaN or infinity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..core.geometry import Size
from ..core.progress import pulse
from ..masks.boxes import boxes_of
from .outliers import ENOUGH, Ordinary

# Pixels processed at once. A band fits in the CPU's cache, and its temporaries are small beside the result.
BAND = 2**17


@dataclass(frozen=True)
class Pair:
    """The window of two pictures around a mask."""

    window: tuple[slice, slice]
    """Rows and columns of the window."""
    original: Tensor
    """[h, w, 3] float of any dtype, finite."""
    repainted: Tensor
    """[h, w, 3] float of any dtype, finite."""
    weight: Tensor
    """[h, w] float32 in 0..1: weight of the repainted picture; 0 where it was not finite."""
    sound: Tensor | None
    """[h, w] bool: True where both pictures were finite; None if they were finite everywhere."""
    low: float
    """The smallest value of both pictures, at most 0."""
    high: float
    """The largest value of both pictures, at least 1."""

    @classmethod
    def around(cls, original: Tensor, repainted: Tensor, mask: Tensor, reach: int) -> Pair | None:
        """Crop the window around one frame's mask.

        Args:
            original: [H, W, C] float.
            repainted: [H, W, C'] float, on any device.
            mask: [H, W] float, on any device.
            reach: margin of the window around the mask on each side, in pixels.

        Returns:
            the pair on the original's device; None if the mask is empty.
        """
        (box,) = boxes_of(mask[None])
        if box is None:
            return None
        window = box.widened(reach, reach).within(Size(mask.shape[1], mask.shape[0])).slices
        rows, device = window[0], original.device
        kept, painted = original[rows, :, :3], repainted[rows, :, :3].to(device)
        weight, sound = mask[window].to(device, torch.float32), None
        # If the range is finite, so is every value: most pictures end here. Whole rows are the fastest to scan.
        ends = _ends(kept, painted)
        if not ends.isfinite().all():
            kept_sound, painted_sound = all_finite(kept)[:, window[1]], all_finite(painted)[:, window[1]]
            sound = kept_sound & painted_sound
            weight = torch.where(painted_sound, torch.where(kept_sound, weight, (weight > 0).float()), 0)
            kept, painted = (picture.nan_to_num(0, 0, 0) for picture in (kept, painted))
            ends = _ends(kept, painted)
        low, high = min(float(ends.min()), 0.0), max(float(ends.max()), 1.0)
        return cls(window, kept[:, window[1]], painted[:, window[1]], weight, sound, low, high)

    @cached_property
    def ordinary(self) -> Ordinary | None:
        """How the two pictures differ at most kept pixels; None if the mask leaves none."""
        # Of a grid of places: a median needs no more.
        step = max(round((self.weight.numel() / ENOUGH) ** 0.5), 1)
        kept = self.weight[::step, ::step] == 0
        if self.sound is not None:
            kept &= self.sound[::step, ::step]
        rows, columns = (step * places for places in kept.nonzero(as_tuple=True))
        if not len(rows):
            return None
        seen, had = (picture[rows, columns].float() for picture in (self.original, self.repainted))
        return Ordinary.of(seen - had)

    @property
    def alike(self) -> bool:
        """Whether the two pictures show the same around the mask, but for an ordinary difference."""
        return self.ordinary is None or self.ordinary.alike

    def trust(self, rows: slice, difference: Tensor) -> Tensor:
        """Return how much the difference of the two pictures is to be believed, [rows, w] float32.

        It is the weight of the original: only kept pixels should be equal in both. It is 0 where either picture was
        not finite, and where they differ otherwise than most kept pixels do: there the model painted something that
        reaches over the mask's edge, and its difference must not be carried into the mask.

        Args:
            rows: rows of the window.
            difference: [3, rows, w], from `difference`.
        """
        kept = 1 - self.weight[rows]
        if self.ordinary is not None:
            kept.mul_(self.ordinary.holds(difference))
        return kept if self.sound is None else kept.mul_(self.sound[rows])

    def bands(self) -> Iterator[slice]:
        """Yield the rows to process at once."""
        return bands(*self.weight.shape)

    def difference(self, rows: slice) -> Tensor:
        """Return original - repainted, [3, rows, w] float32."""
        planes = self.weight.new_empty(3, *self.weight[rows].shape)
        for channel, plane in enumerate(planes):
            torch.sub(self.original[rows, :, channel].float(), self.repainted[rows, :, channel].float(), out=plane)
        return planes


def bands(height: int, width: int) -> Iterator[slice]:
    """Yield the rows to process at once, top to bottom. Each band begins at an even row. Notices a cancellation."""
    rows = 2 * max(BAND // (2 * width), 1)
    for first in range(0, height, rows):
        pulse()
        yield slice(first, min(first + rows, height))


def all_finite(image: Tensor) -> Tensor:
    """Return which pixels of [..., 3 or 4] have three finite colors, [...] bool."""
    red, green, blue = (image[..., channel].isfinite() for channel in range(3))
    return red.logical_and_(green).logical_and_(blue)


def _ends(*pictures: Tensor) -> Tensor:
    """Return the smallest and the largest value of every band, [N] float32.

    `aminmax` copies a non-contiguous view: by band, that copy stays small.
    """
    return torch.stack(
        [end.float() for picture in pictures for rows in bands(*picture.shape[:2]) for end in picture[rows].aminmax()]
    )
