"""What to paste back after soft inpainting as A1111 decides it: by how much every place really changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InpaintError

RADIUS = 2  # cells that are looked at around each, on either side
SPREAD = 1.5  # cells in which their weight falls to 1/e


@dataclass(frozen=True)
class Difference:
    """A1111's settings of pasting back, by its own names and with its defaults.

    mask_influence: how much the mask lowers or raises the threshold. 0 goes by the difference alone, 1 takes all that
        is fully masked.
    difference_threshold: the change of a latent cell, in the model's scale, at which old and new are half and half.
    difference_contrast: how sharp the transition is.

    Raises:
        InpaintError: if one of them is out of its range.
    """

    mask_influence: float = 0.0
    difference_threshold: float = 0.5
    difference_contrast: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.mask_influence <= 1:
            raise InpaintError(f"mask_influence: expected 0 to 1, got {self.mask_influence}.")
        for name in ("difference_threshold", "difference_contrast"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InpaintError(f"{name}: expected more than 0, got {value}.")


def pasted(before: Tensor, after: Tensor, mask: Tensor, preservation: float, by: Difference) -> Tensor:
    """How much of what was sampled is to be pasted, for every latent cell.

    Args:
        before, after: [B, C, h, w] float, latents in the model's scale; B may be 1 for one of them.
        mask: [B or 1, h, w] float in 0..1, the noise mask.
        preservation: the preservation strength that it was sampled with.
        by: the settings.

    Returns:
        [B, h, w] in 0..1.

    Source: A1111's soft inpainting: 1 - smootherstep(1 / (1 + (change / threshold) ^ contrast)), the changes being
    taken from around each cell, first near the largest, then from the middle half.
    """
    change = (after.float() - before.float()).norm(dim=1)
    change = ranked_mean(ranked_mean(change, 0.9, 1.0), 0.25, 0.75)
    share = 1 - mask.float() ** (preservation / 2)
    share = 0.5 * (1 - by.mask_influence) + share * by.mask_influence
    half = by.difference_threshold * (share / (1.00001 - share)).clamp(min=1e-6)
    kept = 1 / (1 + (change.double() / half) ** by.difference_contrast)
    return (1 - kept**3 * (kept * (6 * kept - 15) + 10)).to(torch.float32)


def ranked_mean(values: Tensor, low: float, high: float) -> Tensor:
    """The mean of those values around each place that lie between two quantiles, near ones counting for more.

    The range is at least as wide as the weight of the place itself.

    Args:
        values: [B, h, w] float.
        low, high: quantiles, 0..1.

    Returns:
        [B, h, w]. Beyond the border there is nothing.
    """
    side = 2 * RADIUS + 1
    weights = _weights(side).to(values)[None, None]

    def around(planes: Tensor) -> Tensor:
        return F.unfold(planes[:, None], side, padding=RADIUS)

    weight = around(torch.ones_like(values[:1])) * weights.reshape(1, -1, 1)
    ranked, order = around(values).sort(dim=1)
    weight = weight.expand_as(ranked).gather(1, order)
    ends = weight.cumsum(dim=1)
    whole = ends[:, -1:]
    width = (whole * (high - low)).clamp(min=1)
    first = (whole * (low + high) / 2 - width / 2).clamp(min=0)
    first = torch.minimum(first, whole - width)
    counted = (torch.minimum(ends, first + width) - torch.maximum(ends - weight, first)).clamp(min=0)
    return ((ranked * counted).sum(dim=1) / counted.sum(dim=1)).reshape(values.shape)


def on_pixels(cells: Tensor, mask: Tensor) -> Tensor:
    """A mask of latent cells at the size of the picture, and exactly 0 where the picture's mask is.

    Args:
        cells: [B, h, w] in 0..1. They begin at the picture's upper left corner, and may reach beyond its others.
        mask: [B or 1, H, W] float.
    """
    height, width = mask.shape[1:]
    ratio = -(-height // cells.shape[1])
    large = F.interpolate(cells[:, None], scale_factor=ratio, mode="bicubic")[:, 0, :height, :width].clamp(0, 1)
    return torch.where(mask > 0, large.to(mask), 0)


def _weights(side: int) -> Tensor:
    """[side, side], 1 in the middle; the ends are tapered so that they would reach 0 a cell further out."""
    from_middle = torch.arange(side) - side // 2
    squares = from_middle[:, None] ** 2 + from_middle**2
    least = math.exp(-((RADIUS + 1) ** 2) / SPREAD**2)
    return ((torch.exp(-squares / SPREAD**2) - least) / (1 - least)).clamp(min=0)
