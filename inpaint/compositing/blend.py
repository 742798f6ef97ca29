"""The entry to every blend method: checks inputs, matches batches and processes only the window around the mask."""

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
    """One way to blend."""

    correction: Correction
    """Computes what is added to the repainted picture before mixing; None for nothing."""
    reach: int
    """How far beyond the mask the method reads pixels, in pixels."""


_METHODS = {
    "feather": _Method(feather.correction, feather.REACH),
    "multiband": _Method(multiband.correction, multiband.REACH),
    "poisson": _Method(poisson.correction, poisson.REACH),
}
METHODS = tuple(_METHODS)
# How far beyond the mask each method reads pixels, in pixels.
REACH = {name: method.reach for name, method in _METHODS.items()}


def blend(original: Tensor, repainted: Tensor, mask: Tensor, method: str = "feather") -> Tensor:
    """Blend the repainted picture over the original through the mask.

    Every method mixes each pixel linearly by the mask. The methods differ in the correction that they first add to the
    repainted picture to make it meet the original at the mask's edge:

    - "feather": none.
    - "multiband": the difference along the edge, in frequency bands. The lower the band, the further in it reaches.
    - "poisson": the difference along the edge, spread inside by Laplace's equation.

    If the two pictures agree around the mask, the correction is 0 and all three give the same result. Kept pixels where
    they differ quite otherwise than at most others do not count: something painted there reaches over the mask's edge.
    Where the two pictures show different things all around, nothing is corrected. Corrected values are clamped to 0..1,
    or to the range of the two pictures if that is wider.

    Args:
        original: [B, H, W, C] float, C = 3 or 4. B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float. Only its colors are used, never its alpha. B may be 1 for many originals.
        mask: [B, H, W] float, 0 = keep, 1 = repaint, a linear mix in between. B may be 1.
        method: one of METHODS.

    Returns:
        [B, H, W, C], dtype, device and alpha of the original; computed in float32. Pixels are bit-identical to the
        original where the mask is 0 or the repainted picture is not finite. NaN and infinity do not spread. Where the
        original is not finite inside the mask, the repainted picture has full weight.

    Raises:
        InpaintError: if an input is not a picture or not a mask, sizes or batch lengths do not match, or the method is
            unknown.
    """
    check_choice("method", method, METHODS)
    batch = check_pair(original, repainted, mask)
    original, repainted = original.expand(batch, -1, -1, -1), repainted.expand(batch, -1, -1, -1)
    return blended(original, repainted, mask.expand(batch, -1, -1), method).image


@dataclass(frozen=True)
class Blended:
    """Blended pictures."""

    image: Tensor
    """[B, H, W, C], dtype, device and alpha of the original."""
    uncorrected: int
    """Number of pictures that were mixed without the method's correction: the two show different things all around."""


def blended(original: Tensor, repainted: Tensor, mask: Tensor, method: str) -> Blended:
    """`blend` without checks, for batches of equal length."""
    result, uncorrected = allocate_like(original).copy_(original), 0
    chosen = _METHODS[method]
    for index in range(len(original)):
        pair = Pair.around(original[index], repainted[index], mask[index], chosen.reach)
        if pair is None:
            continue
        correction = None
        if chosen.reach and not pair.alike:
            uncorrected += 1
        else:
            correction = chosen.correction(pair)
        feather.mix(result[index][pair.window], pair, correction)
    return Blended(result, uncorrected)


def check_pair(original: Tensor, repainted: Tensor, mask: Tensor) -> int:
    """Check that two pictures and a mask have the same size, and batches of equal length or of 1.

    Returns:
        the common batch length.

    Raises:
        InpaintError: if they do not.
    """
    check_image(original, "image")
    check_image(repainted, "repainted picture")
    check_mask(mask)
    if repainted.shape[1:3] != original.shape[1:3] or mask.shape[1:] != original.shape[1:3]:
        raise InpaintError(
            f"composite: expected equal sizes, got image {_size(original)}, repainted picture {_size(repainted)}, "
            f"mask {mask.shape[2]}x{mask.shape[1]}. Connect the original picture at the size at which it was repainted."
        )
    batch = max(len(original), len(repainted), len(mask))
    if any(len(part) not in (1, batch) for part in (original, repainted, mask)):
        raise InpaintError(
            f"composite: expected batches of equal length, or of 1, got {len(original)} images, {len(repainted)} "
            f"repainted pictures and {len(mask)} masks. Connect batches that match, or one for all."
        )
    return batch


def _size(image: Tensor) -> str:
    return f"{image.shape[2]}x{image.shape[1]}"
