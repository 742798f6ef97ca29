"""Pasting a repainted picture back, with a check that pixels outside the mask stayed bit-identical."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from ..core.checks import check_amount, check_mask
from ..masks.operators.edges import feathered
from .blend import blend
from .pair import all_finite, bands


@dataclass(frozen=True)
class Pasted:
    """A composite, and how it compares with the original."""

    image: Tensor
    """[B, H, W, C], dtype, device and alpha of the original."""
    max_change_outside: float
    """Largest |difference| from the original where the mask is 0. Anything but 0.0 is a bug."""
    unusable: int
    """Number of masked pixels left unchanged because the repainted picture held NaN or infinity there."""


def composite_mask(mask: Tensor, feather: float) -> Tensor:
    """Return the weight of the repainted picture at every pixel.

    Every repainted pixel gets weight 1, even where the mask is soft. The soft edge lies outside the mask, for two
    reasons: inside, it would let the removed object show through under a thin stroke; and the pixels just outside were
    repainted too, because a masked latent cell reaches up to its own width beyond the mask.

    Args:
        mask: [B, H, W] float, 0 = kept, above 0 = repainted.
        feather: width of the soft edge in pixels; 0 returns the mask itself as the weight.

    Returns:
        [B, H, W]: 1 on the mask, exactly 0 from `feather` pixels outside it.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `feather` is not finite.
    """
    if not feather > 0:
        return mask
    check_mask(mask)
    check_amount("pixels", feather, "To shrink a mask, use grow below zero.")
    return with_soft_edge(mask, feather)


def with_soft_edge(mask: Tensor, feather: float) -> Tensor:
    """`composite_mask` without checks, for a `feather` above 0."""
    return feathered((mask > 0).to(mask.dtype), feather, side="outside")


def paste(original: Tensor, repainted: Tensor, mask: Tensor, method: str = "feather") -> Pasted:
    """Paste the repainted picture over the original through the mask.

    Arguments and errors are those of `blend`.

    Returns:
        the composite, and how it compares with the original.
    """
    image = blend(original, repainted, mask, method)
    original, mask = original.expand_as(image), mask.to(original.device).expand(len(image), -1, -1)
    unusable = (mask > 0) & ~all_finite(repainted.to(original.device))
    return Pasted(image, max_change(original, image, mask == 0), unusable=int(unusable.sum()))


def max_change(before: Tensor, after: Tensor, where: Tensor) -> float:
    """Return the largest |difference| of two pictures [B, H, W, C] where `where` [B, H, W] is True."""
    largest = 0.0
    # Band by band, so that no temporary is as large as a video or a large picture.
    for old_frame, new_frame, inside_frame in zip(before, after, where, strict=False):
        for band in bands(*inside_frame.shape):
            old, new = old_frame[band], new_frame[band]
            if torch.equal(old, new):  # most bands; far faster than to tell where they differ
                continue
            differs = reduce(torch.logical_or, old.ne(new).unbind(-1)).logical_and_(inside_frame[band])
            if differs.any():
                old, new = old[differs].float(), new[differs].float()
                change = (new - old).abs().masked_fill(old.isnan() & new.isnan(), 0.0)
                largest = max(largest, float(change.nan_to_num(nan=torch.inf).amax()))
    return largest
