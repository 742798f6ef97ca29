"""The paste mask after soft inpainting, computed as A1111 does: from how much each latent cell changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.checks import as_bhw, check_amount, match_mask
from ..core.errors import InpaintError
from ..core.geometry import ceil_to_multiple
from ..masks import pool

RADIUS = 2  # radius of the neighbourhood, in latent cells
SPREAD = 1.5  # distance at which a neighbour's weight falls to 1/e, in latent cells


@dataclass(frozen=True)
class Difference:
    """A1111's paste settings, with its names and defaults.

    Raises:
        InpaintError: if a setting is out of range.
    """

    mask_influence: float = 0.0
    """0..1: how much the mask shifts the threshold. 0 uses the change alone; 1 pastes every fully masked cell."""
    difference_threshold: float = 0.5
    """Above 0: the change of a latent cell, in the model's scale, at which old and new are mixed half and half."""
    difference_contrast: float = 2.0
    """Above 0: how sharp the transition is."""

    def __post_init__(self) -> None:
        if not 0 <= self.mask_influence <= 1:
            raise InpaintError(
                f"mask_influence: expected 0 to 1, got {self.mask_influence}. Use 0 to go by the change alone."
            )
        for name, default in (("difference_threshold", 0.5), ("difference_contrast", 2)):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InpaintError(f"{name}: expected more than 0, got {value}. A1111 uses {default}.")


def paste_mask(before: Tensor, after: Tensor, mask: Tensor, ratio: int, preservation: float, by: Difference) -> Tensor:
    """Return the paste mask of a picture.

    Args:
        before: [B or 1, C, h, w] float, latents before sampling, in the model's scale.
        after: [B or 1, C, h, w] float, latents after sampling, in the model's scale.
        mask: any mask that `checks.as_mask` takes: the noise mask. It keeps its size if it is that of a picture which,
            padded to whole latent cells, has the latents' size. Any other is stretched to the latents' size in pixels.
        ratio: pixels per latent cell, along each side.
        preservation: the preservation strength used in sampling, 0 or more.
        by: the settings.

    Returns:
        [B, H, W] in 0..1, dtype and device of `mask`; exactly 0 where the mask is 0. B is the largest batch.

    Raises:
        InpaintError: if the latents differ in size or channels, `mask` is no mask, batch lengths are neither equal nor
            1, or `preservation` is negative or not finite.
    """
    check_amount("preservation_strength", preservation, "Use the value that Soft Inpaint has.")
    batch = max(len(before), len(after))
    if before.shape[1:] != after.shape[1:] or {len(before), len(after)} - {1, batch}:
        raise InpaintError(
            "before, after: expected two picture latents [B, C, h, w] of the same size, got "
            f"{list(before.shape)} and {list(after.shape)}. Connect the sampler's input and its output."
        )
    height, width = before.shape[2] * ratio, before.shape[3] * ratio
    given = as_bhw(mask)
    batch = len(given) if batch == 1 else batch
    rows, columns = given.shape[1:]
    if (ceil_to_multiple(rows, ratio), ceil_to_multiple(columns, ratio)) != (height, width):
        rows, columns = height, width
    mask = match_mask(given, rows, columns, batch)
    padded = F.pad(mask, (0, width - columns, 0, height - rows))
    cells = pasted(before, after, pool(padded, before.shape)[:, 0].to(before.device), preservation, by)
    return on_pixels(cells, mask, ratio)


def pasted(before: Tensor, after: Tensor, mask: Tensor, preservation: float, by: Difference) -> Tensor:
    """Return the paste weight of every latent cell.

    Args:
        before: [B or 1, C, h, w] float, latents before sampling, in the model's scale.
        after: [B or 1, C, h, w] float, latents after sampling, in the model's scale.
        mask: [B or 1, h, w] float in 0..1, the noise mask.
        preservation: the preservation strength used in sampling.
        by: the settings.

    Returns:
        [B, h, w] float32 in 0..1.

    Source: A1111's soft inpainting: 1 - smootherstep(1 / (1 + (change / threshold) ^ contrast)). The change is first
    filtered by two ranked means over each cell's neighbourhood: over quantiles 0.9 to 1, then 0.25 to 0.75.
    """
    change = (after.float() - before.float()).norm(dim=1)
    change = ranked_mean(ranked_mean(change, 0.9, 1.0), 0.25, 0.75)
    share = 1 - mask.float() ** (preservation / 2)
    share = 0.5 * (1 - by.mask_influence) + share * by.mask_influence
    half = by.difference_threshold * (share / (1.00001 - share)).clamp(min=1e-6)
    kept = 1 / (1 + (change.double() / half) ** by.difference_contrast)
    return (1 - kept**3 * (kept * (6 * kept - 15) + 10)).to(torch.float32)


def ranked_mean(values: Tensor, low: float, high: float) -> Tensor:
    """Average, around each cell, the values between two weighted quantiles of its neighbourhood.

    Nearer cells have more weight. The quantile range spans at least the weight of the centre cell.

    Args:
        values: [B, h, w] float.
        low, high: quantiles, 0..1.

    Returns:
        [B, h, w]. Cells beyond the border have no weight.
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


def on_pixels(cells: Tensor, mask: Tensor, ratio: int) -> Tensor:
    """Upsample a mask of latent cells to the picture's size; exactly 0 where the picture's mask is 0.

    Args:
        cells: [B, h, w] in 0..1, aligned with the picture's top left corner. They may extend beyond its right and
            bottom borders.
        mask: [B or 1, H, W] float, the picture's mask.
        ratio: pixels per cell, along each side.

    Returns:
        [B, H, W] in 0..1, dtype and device of `mask`.
    """
    height, width = mask.shape[1:]
    large = F.interpolate(cells[:, None], scale_factor=ratio, mode="bicubic")[:, 0, :height, :width].clamp(0, 1)
    return torch.where(mask > 0, large.to(mask), 0)


def _weights(side: int) -> Tensor:
    """Return a Gaussian [side, side], 1 in the middle, lowered so that it reaches 0 one cell beyond RADIUS."""
    from_middle = torch.arange(side) - side // 2
    squares = from_middle[:, None] ** 2 + from_middle**2
    least = math.exp(-((RADIUS + 1) ** 2) / SPREAD**2)
    return ((torch.exp(-squares / SPREAD**2) - least) / (1 - least)).clamp(min=0)
