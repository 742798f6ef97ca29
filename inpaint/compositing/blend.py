"""The door to every way of blending: inputs checked, batches matched, and only the window around the mask worked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..core.checks import check_choice, check_image, check_mask
from ..core.errors import InpaintError
from ..masks.operators.per_frame import allocate_like
from . import feather, multiband, poisson
from .pair import Pair

Correction = Callable[[Pair], "Tensor | None"]


@dataclass(frozen=True)
class _Method:
    """correction: what is added to the repainted picture before it is mixed in. reach: how far around the mask it
    looks, in pixels."""

    correction: Correction
    reach: int


_METHODS = {
    "feather": _Method(feather.correction, feather.REACH),
    "multiband": _Method(multiband.correction, multiband.REACH),
    "poisson": _Method(poisson.correction, poisson.REACH),
}
METHODS = tuple(_METHODS)


def blend(original: Tensor, repainted: Tensor, mask: Tensor, method: str = "feather") -> Tensor:
    """Blend the repainted picture over the original where the mask says so.

    Whatever the method, each pixel is mixed by its weight in the mask. The methods differ in what they first add to
    the repainted picture to make it meet the original: nothing (feather), the difference along the mask's edge in
    bands that reach the further in the lower they are (multiband), or that difference spread by Laplace's equation
    (poisson). Where the two pictures agree around the mask, nothing is added, and all three give the same. Added
    values stay within 0..1, or within the range of the two pictures where that is wider.

    Args:
        original: [B, H, W, C] float, C = 3 or 4; B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float; its colors are used, never its alpha. B may be 1 for many originals.
        mask: [B, H, W] float, 0 = keep, 1 = repaint, between the two a linear mix; B may be 1.
        method: one of METHODS.

    Returns:
        [B, H, W, C], dtype, device and alpha of the original. Pixels where the mask is 0 are bit-identical to it, and
        so are those where the repainted picture is not finite: neither NaN nor infinity spreads. Where the original
        is not finite under the mask, the repainted picture is taken in full. Computed in float32.

    Raises:
        InpaintError: if these are no pictures or no mask, sizes or batches do not fit, or the method is unknown.
    """
    check_choice("method", method, METHODS)
    batch = check_pair(original, repainted, mask)
    original = original.expand(batch, -1, -1, -1)
    result = allocate_like(original).copy_(original)
    repainted, mask = repainted.expand(batch, -1, -1, -1), mask.expand(batch, -1, -1)
    chosen = _METHODS[method]
    for index in range(batch):
        pair = Pair.around(original[index], repainted[index], mask[index], chosen.reach)
        if pair is not None:
            feather.mix(result[index][pair.window], pair, chosen.correction(pair))
    return result


def check_pair(original: Tensor, repainted: Tensor, mask: Tensor) -> int:
    """Accept two pictures and a mask of one size, of as many each or of one for all.

    Returns:
        how many there are.

    Raises:
        InpaintError: if they are anything else.
    """
    check_image(original, "image")
    check_image(repainted, "repainted picture")
    check_mask(mask)
    if repainted.shape[1:3] != original.shape[1:3] or mask.shape[1:] != original.shape[1:3]:
        raise InpaintError(
            f"composite: expected one size, got image {_size(original)}, repainted picture {_size(repainted)}, "
            f"mask {mask.shape[2]}x{mask.shape[1]}. Give the picture that was repainted, at the size it had then."
        )
    batch = max(len(original), len(repainted), len(mask))
    if any(len(part) not in (1, batch) for part in (original, repainted, mask)):
        raise InpaintError(
            f"composite: expected batches of one length, or of 1, got {len(original)} images, {len(repainted)} "
            f"repainted pictures and {len(mask)} masks. Connect as many as there are, or one for all."
        )
    return batch


def _size(image: Tensor) -> str:
    return f"{image.shape[2]}x{image.shape[1]}"
