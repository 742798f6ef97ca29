"""Masks of where two pictures differ: pixel by pixel, or above the noise between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import check_image
from ...core.errors import InpaintError
from .lab import LabFrame, beyond, check_delta_e, equal_pixels, settle_unknown
from .noise import SMALLEST_NOISE, of_means, of_pixels, smoothed_distance, textured


def from_difference(image: Tensor, other: Tensor, tolerance: float, softness: float = 0.0) -> Tensor:
    """Mask the pixels in which two pictures differ.

    Args:
        image: [B, H, W, C] float sRGB, C = 3 or 4. Values are clamped to 0..1; alpha is ignored.
        other: the same, with the same height and width. A batch of 1, of either, is repeated.
        tolerance: largest Delta E at which two pixels count as equal, 0 to 259.
        softness: Delta E beyond the tolerance over which the mask rises linearly to 1, 0 to 259; 0 = hard edge.

    Returns:
        [B, H, W] float32 in 0..1 on the image's device. Equal pixels are exactly 0. NaN against a color is 1, NaN
        against NaN is 0.

    Raises:
        InpaintError: if either is no IMAGE, their sizes or batches do not match, or a number is outside its range.
    """
    _check(image, other, tolerance, softness)
    masks = torch.empty(max(len(image), len(other)), *image.shape[1:3])
    for mask, (first, second) in zip(masks, _pairs(image, other), strict=True):
        _, distance = _distance(first, second)
        mask.copy_(beyond(settle_unknown(distance, first, second), tolerance, softness))
    return masks.to(image.device)


@dataclass(frozen=True)
class Difference:
    """Where two pictures differ by more than their noise."""

    mask: Tensor
    """[B, H, W] float32 in 0..1; 1 = differs."""
    tolerances: list[float]
    """The Delta E above which each picture counts as different."""
    tolerance: float
    """The least tolerance, as given."""
    unmeasured: int
    """Number of pictures that differ nearly everywhere, so that their noise is not known."""

    def report(self) -> str:
        """Describe the tolerances in a sentence or two."""
        total, sentences = len(self.tolerances), []
        raised = [tolerance for tolerance in self.tolerances if tolerance > self.tolerance]
        if raised:
            low, high = (f"{end:.1f}" for end in (min(raised), max(raised)))
            amount = low if low == high else f"{low} to {high}"
            pictures = "the pictures" if len(raised) == total else f"{len(raised)} of {total} pictures"
            sentences.append(f"Tolerance {amount} Delta E, from the noise of {pictures}.")
        if self.unmeasured:
            nearly = "Nearly" if total == 1 else f"In {self.unmeasured} of {total} pictures nearly"
            sentences.append(
                f"{nearly} everything differs, so the noise cannot be measured: tolerance {self.tolerance:g} Delta E, "
                "as set."
            )
        return "\n".join(sentences) or f"Tolerance {self.tolerance:g} Delta E, as set: noise is not above it."


def above_noise(image: Tensor, other: Tensor, tolerance: float, softness: float = 0.0) -> Difference:
    """Mask where two pictures differ by more than the noise between them.

    JPEG, a VAE, resizing and blur change a picture slightly everywhere. How much is measured where the pictures have
    texture (`noise.py`), and the tolerance raised to it. Means over 5 x 5 pixels are compared, in which such changes
    cancel out, and the mask's edge is then taken from the pixels. Between pictures without noise, such as two PNGs,
    pixels are compared one by one, so that single ones count and equal ones are exactly 0.

    Args:
        image: [B, H, W, C] float sRGB, C = 3 or 4. Values are clamped to 0..1; alpha is ignored.
        other: the same, with the same height and width. A batch of 1, of either, is repeated.
        tolerance: the least Delta E that counts as a difference, 0 to 259.
        softness: Delta E beyond the tolerance over which the mask rises linearly to 1, 0 to 259; 0 = hard edge.

    Returns:
        The mask on the image's device, with the tolerances it was made with. NaN against a color is 1, NaN against NaN
        is 0.

    Raises:
        InpaintError: if either is no IMAGE, their sizes or batches do not match, or a number is outside its range.
    """
    _check(image, other, tolerance, softness)
    masks = torch.empty(max(len(image), len(other)), *image.shape[1:3])
    tolerances, unmeasured = [], 0
    for mask, (first, second) in zip(masks, _pairs(image, other), strict=True):
        difference, distance = _distance(first, second)
        at = textured(first.lab[0], second.lab[0])
        of_one = of_pixels(distance, at)
        noise: float | None = of_one
        if of_one > SMALLEST_NOISE:
            means, distance = smoothed_distance(difference, distance)
            noise = of_means(means, at)
        tolerances.append(max(tolerance, noise or 0.0))
        unmeasured += noise is None
        mask.copy_(beyond(settle_unknown(distance, first, second), tolerances[-1], softness))
    return Difference(masks.to(image.device), tolerances, tolerance, unmeasured)


def _check(image: Tensor, other: Tensor, tolerance: float, softness: float) -> None:
    check_image(image)
    check_image(other, "other")
    if other.shape[1:3] != image.shape[1:3]:
        (height, width), (other_height, other_width) = image.shape[1:3], other.shape[1:3]
        raise InpaintError(
            f"other: expected {width}x{height} as image, got {other_width}x{other_height}. "
            "Bring one to the size of the other, with Upscale Image or a crop."
        )
    if len(image) != len(other) and 1 not in (len(image), len(other)):
        raise InpaintError(
            f"other: expected 1 picture or {len(image)} (one per image), got {len(other)}. "
            "Give one picture for all, or as many as image has."
        )
    check_delta_e(tolerance=tolerance, softness=softness)


def _pairs(image: Tensor, other: Tensor) -> Iterator[tuple[LabFrame, LabFrame]]:
    """Convert the frames pair by pair. The frame of a batch of 1 is converted once."""
    for index in range(max(len(image), len(other))):
        if index < len(image):
            first = LabFrame.read(image[index])
        if index < len(other):
            second = LabFrame.read(other[index])
        yield first, second


def _distance(first: LabFrame, second: LabFrame) -> tuple[Tensor, Tensor]:
    """Return the difference in Lab, [3, H, W], and its Delta E, [H, W]. Both are exactly 0 where pixels are equal or
    one is NaN."""
    alike = equal_pixels(first, second) | first.unknown | second.unknown
    difference = (first.lab - second.lab).masked_fill(alike, 0)
    return difference, difference.square().sum(dim=0).sqrt()
