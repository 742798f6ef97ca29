"""Masks from pictures: by color, alpha or difference.

Colors are compared by Delta E (CIE76), the Euclidean distance in CIE L*a*b*, which follows human perception. About 2.3
is just noticeable, 10 is another shade of the same color, and no two sRGB colors are more than 259 apart. All is
computed in float32. Rounding in a float16 picture shifts its colors by up to 0.1 Delta E, in a bfloat16 one by up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import as_mask, check_image
from ...core.errors import InpaintError

FARTHEST = 259.0


def from_color(image: Tensor, color: tuple[float, float, float], tolerance: float, softness: float = 0.0) -> Tensor:
    """Mask the pixels of a color, and of colors near it.

    Args:
        image: [B, H, W, C] float sRGB, C = 3 or 4. Values are clamped to 0..1; alpha is ignored.
        color: sRGB red, green and blue in 0..1.
        tolerance: largest Delta E at which a pixel is fully masked, 0 to 259; 0 masks only the exact color.
        softness: Delta E beyond the tolerance over which the mask falls linearly to 0, 0 to 259; 0 = hard edge.

    Returns:
        [B, H, W] float32 in 0..1 on the image's device. A pixel with NaN is 0.

    Raises:
        InpaintError: if `image` is no IMAGE, or a number is outside its range.
    """
    check_image(image)
    if len(color) != 3 or not all(0 <= channel <= 1 for channel in color):
        raise InpaintError(f"color: expected three numbers 0..1, got {color}. Divide numbers up to 255 by 255.")
    return 1 - _beyond(_distance(image, torch.tensor([[[color]]])), tolerance, softness)


def from_alpha(image: Tensor) -> Tensor:
    """Mask the transparent area: 1 - alpha, as the host's Load Image does.

    Args:
        image: [B, H, W, 4] float; alpha is clamped to 0..1.

    Returns:
        [B, H, W] float32 in 0..1, same device. A pixel whose alpha is NaN is 0.

    Raises:
        InpaintError: if `image` is no IMAGE, or has no alpha.
    """
    check_image(image)
    if image.shape[-1] != 4:
        raise InpaintError(
            f"image: expected [B, H, W, 4] with alpha, got {list(image.shape)}. Load Image leaves alpha out of its "
            "IMAGE: use its MASK output, or put alpha back with Join Image with Alpha."
        )
    return as_mask(1 - image[..., 3].float())


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
    return _beyond(_distance(image, other), tolerance, softness)


def _beyond(distance: Tensor, tolerance: float, softness: float) -> Tensor:
    """Map distances to a ramp: 0 up to `tolerance`, then linearly to 1 at `tolerance + softness`."""
    for name, value in (("tolerance", tolerance), ("softness", softness)):
        if not 0 <= value <= FARTHEST:
            raise InpaintError(
                f"{name}: expected 0 to {FARTHEST:g} Delta E, got {value}. About 2.3 is just noticeable."
            )
    # With a softness of 0, the division gives infinity above the tolerance, which is clamped to 1.
    return torch.where(distance > tolerance, ((distance - tolerance) / softness).clamp(max=1), 0)


def _distance(image: Tensor, other: Tensor) -> Tensor:
    """Compute the Delta E of each pixel, [B, H, W] float32 on the image's device, B the larger of the two batches.

    `other` has the size of `image`, or is 1 x 1. The distance of NaN to a color is infinite, and to NaN 0.

    Frames are converted one at a time, because the conversion to Lab takes nine times a frame's memory. It runs on the
    CPU, because a GPU may round its products to 10 bits (TF32).
    """
    distance = torch.empty(max(len(image), len(other)), *image.shape[1:3])
    for index, frame in enumerate(distance):
        # The frame of a batch of 1 is converted once and reused.
        if index < len(image):
            first = _Frame.read(image[index])
        if index < len(other):
            second = _Frame.read(other[index])
        # The Lab values of equal pixels may differ in the last bit, because torch's rounding of powers depends on the
        # position in the frame.
        same = (first.rgb == second.rgb).all(dim=0) | (first.unknown & second.unknown)
        delta_e = (first.lab - second.lab).square().sum(dim=0).sqrt()
        frame.copy_(delta_e.masked_fill(first.unknown | second.unknown, torch.inf).masked_fill(same, 0))
    return distance.to(image.device)


@dataclass(frozen=True)
class _Frame:
    """A frame in sRGB and Lab, on the CPU."""

    rgb: Tensor
    """[3, H, W] float32 sRGB in 0..1."""
    lab: Tensor
    """[3, H, W] float32 CIE L*a*b*."""
    unknown: Tensor
    """[H, W] bool; pixels with a channel that is NaN."""

    @classmethod
    def read(cls, frame: Tensor) -> _Frame:
        """Convert a frame [H, W, C] of sRGB."""
        rgb = frame[..., :3].cpu().float().movedim(-1, 0).clamp(0, 1).contiguous()
        lab = _lab(rgb)
        return cls(rgb, lab, lab[0].isnan())


def _lab(rgb: Tensor) -> Tensor:
    """Convert sRGB in 0..1 to CIE L*a*b* (D65), both [3, H, W] float32. NaN in one channel gives NaN in all three.

    Measured: within 1e-4 Delta E of skimage.color.rgb2lab in float64, and 50 ms for 1024 x 1024 pixels on two cores.
    OpenCV's RGB2Lab takes 8 ms but is off by up to 0.75, because it uses a table.
    """
    # Imported here, because the import takes a quarter of a second.
    from kornia.color import rgb_to_lab

    return rgb_to_lab(rgb)
