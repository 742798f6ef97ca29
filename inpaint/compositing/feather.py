"""The plain blend: mixes each pixel by its weight. The other methods end with it after their color correction."""

from __future__ import annotations

import torch
from torch import Tensor

from ..imaging.pyramid import double_rows
from .pair import Pair

REACH = 0


def correction(pair: Pair) -> None:
    """Add nothing to the repainted picture."""


def mix(result: Tensor, pair: Pair, correction: Tensor | None) -> None:
    """Write the blend over a copy of the original.

    Pixels are selected with `where`, not by arithmetic: x + 0 * NaN is NaN, and x * 1.0 may change the bits of x.

    Args:
        result: [h, w, C], the original in the window. Overwritten where the pair's weight is above 0.
        pair: the two pictures.
        correction: [3, h, w] float32, added to the repainted picture; or [3, ceil(h / 2), ceil(w / 2)], which is first
            upsampled by 2; or None.
    """
    height, width = pair.weight.shape
    for rows in pair.bands():
        inside = pair.weight[rows] > 0
        columns = inside.view(torch.uint8).amax(dim=0).nonzero()
        if not len(columns):
            continue
        here = rows, slice(int(columns[0]), int(columns[-1]) + 1)
        weight, inside = pair.weight[here], inside[:, here[1]]
        for channel in range(3):
            place = result[here][..., channel]
            color = pair.repainted[here][..., channel].float()
            if correction is not None:
                added = correction[channel]
                if added.shape == (height, width):
                    added = added[here]
                else:
                    added = double_rows(added, rows.start, rows.stop, width)[:, here[1]]
                color = (color + added).clamp_(pair.low, pair.high)
            mixed = torch.lerp(pair.original[here][..., channel].float(), color, weight).to(result.dtype)
            torch.where(inside, mixed, place, out=place)
