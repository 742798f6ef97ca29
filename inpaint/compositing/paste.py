"""Pasting a repainted picture back, and the proof that what is outside the mask stayed what it was, bit for bit."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from ..masks import feather as feather_edge
from .blend import blend
from .pair import all_finite, bands


@dataclass(frozen=True)
class Pasted:
    """A composite and the proof of it.

    image: [B, H, W, C], dtype, device and alpha of the original.
    max_change_outside: largest |difference| to the original where the mask is 0; 0.0, or the paste is wrong.
    unusable: pixels in the mask that stayed as they were since the repainted picture held NaN or infinity there.
    """

    image: Tensor
    max_change_outside: float
    unusable: int


def composite_mask(mask: Tensor, feather: float) -> Tensor:
    """How much of the repainted picture to take at every pixel.

    Whatever was repainted at all, however softly, is pasted in full; the soft edge lies around it. An edge inside would
    let what a thin stroke removed shine through again, and what lies just outside the mask was repainted with it: a
    masked latent cell reaches up to its own width beyond the mask.

    Args:
        mask: [B, H, W] float, 0 = kept, above 0 = repainted.
        feather: width of the soft edge in pixels; 0 takes the mask's own values for the blend.

    Returns:
        [B, H, W]: 1 on the mask, exactly 0 from `feather` pixels outside it.
    """
    return feather_edge((mask > 0).to(mask.dtype), feather, side="outside") if feather > 0 else mask


def paste(original: Tensor, repainted: Tensor, mask: Tensor, method: str = "feather") -> Pasted:
    """Paste the repainted picture over the original where the mask says so.

    Takes what `blend` takes, and raises what it raises.

    Returns:
        the composite, and what was found when it was compared with the original.
    """
    image = blend(original, repainted, mask, method)
    original, mask = original.expand_as(image), mask.to(original.device).expand(len(image), -1, -1)
    unusable = (mask > 0) & ~all_finite(repainted.to(original.device))
    return Pasted(image, max_change(original, image, mask == 0), unusable=int(unusable.sum()))


def max_change(before: Tensor, after: Tensor, where: Tensor) -> float:
    """The largest |difference| of two pictures [B, H, W, C] where `where` [B, H, W] is True."""
    largest = 0.0
    # Band by band: nothing of a film's or a large picture's size is held besides.
    rows = list(bands(*where.shape[1:]))
    for number, band in itertools.product(range(len(where)), rows):
        was, now, there = before[number, band], after[number, band], where[number, band]
        apart = reduce(torch.logical_or, was.ne(now).unbind(-1)).logical_and_(there)
        if apart.any():
            was, now = was[apart].float(), now[apart].float()
            change = (now - was).abs().masked_fill(was.isnan() & now.isnan(), 0.0)
            largest = max(largest, float(change.nan_to_num(nan=torch.inf).amax()))
    return largest
