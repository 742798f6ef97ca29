"""One original with one repainted picture, cut to where they are blended and made safe to calculate with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.geometry import Size
from ..masks.boxes import mask_boxes

# Pixels worked on at once: what they take stays in a processor's cache, and little memory is needed beside the result.
BAND = 2**17


@dataclass(frozen=True)
class Pair:
    """The window of two pictures around a mask.

    window: its rows and columns.
    original, repainted: [h, w, 3] float of whatever dtype, finite.
    weight: [h, w] float32, how much of the repainted picture to take; 0 where it was not finite.
    sound: [h, w] bool, False where either was not finite; None where all were.
    low, high: the range of both pictures, at least 0..1.
    """

    window: tuple[slice, slice]
    original: Tensor
    repainted: Tensor
    weight: Tensor
    sound: Tensor | None
    low: float
    high: float

    @classmethod
    def around(cls, original: Tensor, repainted: Tensor, mask: Tensor, reach: int) -> Pair | None:
        """Cut the window around one frame's mask.

        Args:
            original: [H, W, C] float.
            repainted: [H, W, C'] float, on any device.
            mask: [H, W] float, on any device.
            reach: how much wider the window is than the mask, in pixels.

        Returns:
            the pair on the original's device; None where the mask is empty.
        """
        (box,) = mask_boxes(mask[None])
        if box is None:
            return None
        window = box.widened(reach, reach).within(Size(mask.shape[1], mask.shape[0])).slices
        rows, device = window[0], original.device
        kept, painted = original[rows, :, :3], repainted[rows, :, :3].to(device)
        weight, sound = mask[window].to(device, torch.float32), None
        # A range is finite only where every value is, as in most pictures. Whole rows are gone through the fastest.
        ends = _ends(kept, painted)
        if not ends.isfinite().all():
            kept_sound, painted_sound = all_finite(kept)[:, window[1]], all_finite(painted)[:, window[1]]
            sound = kept_sound & painted_sound
            weight = torch.where(painted_sound, torch.where(kept_sound, weight, (weight > 0).float()), 0)
            kept, painted = (picture.nan_to_num(0, 0, 0) for picture in (kept, painted))
            ends = _ends(kept, painted)
        low, high = min(float(ends.min()), 0.0), max(float(ends.max()), 1.0)
        return cls(window, kept[:, window[1]], painted[:, window[1]], weight, sound, low, high)

    def trust(self, rows: slice) -> Tensor:
        """[rows, w] float32: how much of the original is kept, and so how far the two pictures' difference is to be
        believed; 0 where either was not finite."""
        kept = 1 - self.weight[rows]
        return kept if self.sound is None else kept.mul_(self.sound[rows])

    def bands(self) -> Iterator[slice]:
        """Rows to work on at once."""
        return bands(*self.weight.shape)

    def difference(self, rows: slice, channel: int) -> Tensor:
        """[rows, w] float32: what leads from the repainted picture to the original."""
        return self.original[rows, :, channel].float() - self.repainted[rows, :, channel].float()


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows to work on at once, top to bottom. Each band begins at an even one."""
    rows = 2 * max(BAND // (2 * width), 1)
    return (slice(first, min(first + rows, height)) for first in range(0, height, rows))


def all_finite(image: Tensor) -> Tensor:
    """[...] bool from [..., 3 or 4]: pixels whose colors are numbers."""
    red, green, blue = (image[..., channel].isfinite() for channel in range(3))
    return red.logical_and_(green).logical_and_(blue)


def _ends(*pictures: Tensor) -> Tensor:
    """The smallest and the largest values of their bands. What is a view of something larger is copied for that."""
    return torch.stack(
        [end.float() for picture in pictures for rows in bands(*picture.shape[:2]) for end in picture[rows].aminmax()]
    )
