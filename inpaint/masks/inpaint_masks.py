"""The three masks of an inpaint, from one: what is sampled, what the model is told, what is pasted back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InpaintError
from .operators import feather as soften
from .operators import grow as widen
from .operators import threshold


@dataclass(frozen=True)
class InpaintMasks:
    """Three masks [B, H, W], one inside the other's reach.

    denoise: soft, for sampling.
    conditioning: 0 and 1, for models with inpainting inputs; its edge is the middle of the denoise mask's.
    composite: soft, for pasting back; 1 on the mask itself and 0 where the denoise mask is.
    composite_feather: width of its soft edge, pixels; narrower than asked for where there is no room for it.
    """

    denoise: Tensor
    conditioning: Tensor
    composite: Tensor
    composite_feather: float


def inpaint_masks(mask: Tensor, grow: float, feather: float, composite_feather: float) -> InpaintMasks:
    """Derive the masks of an inpaint from the mask of the object.

    Going outwards from the object, `grow` pixels are repainted in full, so that nothing of its rim is left; then the
    denoise mask falls to 0 over `feather` pixels, so that the new content grows into the old. What is pasted back ends
    where the sampling ended, and its own soft edge lies within: nothing is pasted that was not repainted, and the
    object itself always is.

    Args:
        mask: [B, H, W] float; the object is where it reaches 0.5.
        grow: pixels, 0 or more.
        feather: width of the denoise mask's soft edge, pixels; 0 makes it hard.
        composite_feather: width of the composite mask's soft edge, pixels; at most `grow` + `feather` is used.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or a number is negative or not finite.

    Source: krita-ai-diffusion's recipe (grow 4 + feather/2 before feathering; the composite shrunk by half its feather
    before that), which this equals on straight edges.
    """
    for name, value in (("grow", grow), ("feather", feather), ("composite_feather", composite_feather)):
        if not 0 <= value < math.inf:
            raise InpaintError(f"{name}: expected 0 or more pixels, got {value}. To shrink a mask, use Clean Mask.")
    area = threshold(mask, 0.5)
    denoise = soften(widen(area, grow), feather, side="outside")
    composite_feather = min(composite_feather, grow + feather)
    composite = soften((denoise > 0).to(mask.dtype), composite_feather, side="inside")
    return InpaintMasks(
        denoise=denoise,
        # Within what is repainted: below a pixel of feather the grid could put its edge beyond.
        conditioning=torch.where(denoise > 0, widen(area, grow + feather / 2), 0),
        # On the pixel grid the soft edge can reach a fraction of a pixel into the object.
        composite=torch.maximum(composite, area),
        composite_feather=composite_feather,
    )
