"""A mask from pictures: by color, by alpha, by what differs.

Colors are compared as people see them: by Delta E, the straight distance in CIE L*a*b*. About 2.3 is just noticeable,
10 is another shade of the same color, and no two colors of sRGB are further than 259 apart. All is computed in
float32; a float16 picture has rounded its own colors by up to 0.1 Delta E, a bfloat16 one by up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import as_mask, check_image
from ...core.errors import InpaintError

FARTHEST = 259.0


def from_color(image: Tensor, color: tuple[float, float, float], tolerance: float, softness: float = 0.0) -> Tensor:
    """Where a picture has a color, or one near it.

    Args:
        image: [B, H, W, C] float of sRGB, C = 3 or 4; values outside 0..1 are clamped, alpha is not looked at.
        color: red, green and blue of sRGB in 0..1.
        tolerance: Delta E up to which a pixel is in the mask, 0 to 259; 0 takes the very same color only.
        softness: Delta E over which the mask then falls evenly to 0, 0 to 259; 0 is a hard edge.

    Returns:
        [B, H, W] float32 in 0..1 on the image's device. A pixel with NaN has no color and is 0.

    Raises:
        InpaintError: if `image` is not a picture or a number is outside its range.
    """
    check_image(image)
    if len(color) != 3 or not all(0 <= channel <= 1 for channel in color):
        raise InpaintError(f"color: expected three numbers 0..1, got {color}. Divide numbers up to 255 by 255.")
    return 1 - _beyond(_distance(image, torch.tensor([[[color]]])), tolerance, softness)


def from_alpha(image: Tensor) -> Tensor:
    """Where a picture is transparent: 1 - alpha, as the host's Load Image has it.

    Args:
        image: [B, H, W, 4] float; alpha outside 0..1 is clamped.

    Returns:
        [B, H, W] float32 in 0..1, same device; NaN counts as 0.

    Raises:
        InpaintError: if `image` is not a picture, or has no alpha.
    """
    check_image(image)
    if image.shape[-1] != 4:
        raise InpaintError(
            f"image: expected [B, H, W, 4] with alpha, got {list(image.shape)}. Load Image leaves alpha out of its "
            "IMAGE: use its MASK output, or put alpha back with Join Image with Alpha."
        )
    return as_mask(1 - image[..., 3].float())


def from_difference(image: Tensor, other: Tensor, tolerance: float, softness: float = 0.0) -> Tensor:
    """Where two pictures differ.

    Args:
        image: [B, H, W, C] float of sRGB, C = 3 or 4; values outside 0..1 are clamped, alpha is not looked at.
        other: the same, of the same height and width. One picture, here or there, is compared with each of many.
        tolerance: Delta E up to which two pixels count as the same, 0 to 259.
        softness: Delta E over which the mask then rises evenly to 1, 0 to 259; 0 is a hard edge.

    Returns:
        [B, H, W] float32 in 0..1 on the image's device. Equal pixels are exactly 0. NaN differs from any color (1)
        and not from NaN (0).

    Raises:
        InpaintError: if either is not a picture, they do not fit each other, or a number is outside its range.
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
    """0 up to `tolerance`, from there evenly to 1 at `tolerance + softness`."""
    for name, value in (("tolerance", tolerance), ("softness", softness)):
        if not 0 <= value <= FARTHEST:
            raise InpaintError(
                f"{name}: expected 0 to {FARTHEST:g} Delta E, got {value}. About 2.3 is just noticeable."
            )
    # By a softness of 0 what is above the tolerance becomes infinite, then 1; what is not is not picked.
    return torch.where(distance > tolerance, ((distance - tolerance) / softness).clamp(max=1), 0)


def _distance(image: Tensor, other: Tensor) -> Tensor:
    """Delta E of every pixel: [B, H, W] float32 on the image's device, B the larger of the two batches.

    `other` is as high and wide as `image`, or 1 x 1. NaN is infinitely far from any color and 0 from NaN.

    A frame at a time, because the way to Lab takes nine times a frame's memory; and on the CPU, because a GPU may
    round its products to 10 bits (TF32).
    """
    distance = torch.empty(max(len(image), len(other)), *image.shape[1:3])
    for index, frame in enumerate(distance):
        # The only frame of a batch of one is read once and stays.
        if index < len(image):
            one = _Frame.read(image[index])
        if index < len(other):
            two = _Frame.read(other[index])
        # Lab of equal pixels may differ in the last bit: torch rounds powers by where in the frame a pixel lies.
        same = (one.rgb == two.rgb).all(dim=0) | (one.unknown & two.unknown)
        apart = (one.lab - two.lab).square().sum(dim=0).sqrt()
        frame.copy_(apart.masked_fill(one.unknown | two.unknown, torch.inf).masked_fill(same, 0))
    return distance.to(image.device)


@dataclass(frozen=True)
class _Frame:
    """rgb, lab: [3, H, W] float32 on the CPU. unknown: [H, W], where a channel is NaN."""

    rgb: Tensor
    lab: Tensor
    unknown: Tensor

    @classmethod
    def read(cls, frame: Tensor) -> _Frame:
        """frame: [H, W, C]."""
        rgb = frame[..., :3].cpu().float().movedim(-1, 0).clamp(0, 1).contiguous()
        lab = _lab(rgb)
        return cls(rgb, lab, lab[0].isnan())


def _lab(rgb: Tensor) -> Tensor:
    """sRGB in 0..1 as CIE L*a*b* (D65): [3, H, W] float32, both. NaN in a channel is NaN in all three.

    Measured: within 1e-4 Delta E of skimage.color.rgb2lab in float64, and 50 ms for 1024 x 1024 pixels on two cores.
    OpenCV's RGB2Lab takes 8 ms and is off by up to 0.75: it reads a table.
    """
    # Imported here: it takes a quarter of a second.
    from kornia.color import rgb_to_lab

    return rgb_to_lab(rgb)
