"""The three masks of an inpaint, derived from one: for sampling, for the model's input, for pasting back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.checks import check_mask
from ..core.errors import InpaintError
from ..core.threads import one_thread
from .operators.edges import feathered
from .operators.grow import grown
from .operators.values import thresholded


@dataclass(frozen=True)
class InpaintMasks:
    """The three masks of an inpaint. Conditioning and composite are above 0 only where denoise is."""

    denoise: Tensor
    """[B, H, W], soft; for sampling."""
    conditioning: Tensor
    """[B, H, W], 0 or 1; for models with inpainting inputs. Its edge is the middle of the denoise mask's edge."""
    composite: Tensor
    """[B, H, W], soft; for pasting back. It is 1 on the object, and 0 where the denoise mask is 0."""
    composite_feather: float
    """Width of the composite mask's soft edge in pixels; narrower than requested if `grow` + `feather` is less."""


def inpaint_masks(mask: Tensor, grow: float, feather: float, composite_feather: float) -> InpaintMasks:
    """Derive the three masks of an inpaint from the mask of the object.

    Outwards from the object, `grow` pixels are repainted in full, so that nothing of its rim is left. Then the denoise
    mask falls to 0 over `feather` pixels, so that new content blends into the old. The composite mask ends where the
    denoise mask ends, and its soft edge lies inside. So only repainted pixels are pasted, and the object always is.

    Args:
        mask: [B, H, W] float; 0.5 and above is the object.
        grow: pixels, 0 or more.
        feather: width of the denoise mask's soft edge in pixels; 0 = hard.
        composite_feather: width of the composite mask's soft edge in pixels; clamped to `grow` + `feather`.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or a number is negative or not finite.

    Source: krita-ai-diffusion (grow 4 + feather/2, then feather; shrink the composite by half its feather, then
        feather). The results are equal on straight edges.
    """
    for name, value in (("grow", grow), ("feather", feather), ("composite_feather", composite_feather)):
        if not 0 <= value < math.inf:
            raise InpaintError(f"{name}: expected 0 or more pixels, got {value}. To shrink a mask, use Clean Mask.")
    check_mask(mask)
    return three_masks(mask, grow, feather, composite_feather)


@one_thread()
def three_masks(mask: Tensor, grow: float, feather: float, composite_feather: float) -> InpaintMasks:
    """`inpaint_masks` without checks."""
    area = thresholded(mask, 0.5)
    denoise = feathered(grown(area, grow), feather, side="outside")
    composite_feather = min(composite_feather, grow + feather)
    composite = feathered((denoise > 0).to(mask.dtype), composite_feather, side="inside")
    return InpaintMasks(
        denoise=denoise,
        # With a feather under one pixel, rounding to the grid could put the edge outside the denoise mask.
        conditioning=torch.where(denoise > 0, grown(area, grow + feather / 2), 0),
        # On the pixel grid the soft edge can reach a fraction of a pixel into the object.
        composite=torch.maximum(composite, area),
        composite_feather=composite_feather,
    )
