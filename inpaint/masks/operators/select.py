"""Masks from one picture: by color or alpha."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.checks import as_mask, check_image, check_point
from ...core.errors import InpaintError
from .lab import LabFrame, beyond, check_delta_e, equal_pixels

# From this chroma on, lightness has the weight that is asked for. Grays have none by which they could be told apart.
COLORFUL = 20.0


def from_color(
    image: Tensor,
    color: tuple[float, float, float] | Tensor,
    tolerance: float,
    softness: float = 0.0,
    lightness: float = 0.5,
) -> Tensor:
    """Mask the pixels of a color, and of colors near it.

    Shade changes the lightness of a surface more than its hue, so that lightness counts less. The distance is
    sqrt((lightness * dL)^2 + da^2 + db^2) in CIE Lab. For colors of a chroma below 20 the weight rises to 1 at gray: of
    black, gray and white, lightness is all there is.

    Args:
        image: [B, H, W, C] float sRGB, C = 3 or 4. Values are clamped to 0..1; alpha is ignored.
        color: sRGB red, green and blue in 0..1; or [B, 3], a color for each picture, such as from `colors_at`.
        tolerance: largest Delta E at which a pixel is fully masked, 0 to 259; 0 masks only the exact color.
        softness: Delta E beyond the tolerance over which the mask falls linearly to 0, 0 to 259; 0 = hard edge.
        lightness: weight of lightness, 0..1; 1 is Delta E (CIE76).

    Returns:
        [B, H, W] float32 in 0..1 on the image's device. A pixel with NaN is 0, as is all of a picture whose color is
        NaN.

    Raises:
        InpaintError: if `image` is no IMAGE, or a number is outside its range.

    Source: lightness against chroma 2:1 as in CMC(2:1) (Clarke, McDonald & Rigg 1984) and in CIE94 with the textile
    factor k_L = 2 (CIE 116-1995), here with S_L = S_C = S_H = 1.
    """
    check_image(image)
    colors = _read_colors(image, color)
    check_delta_e(tolerance=tolerance, softness=softness)
    if not 0 <= lightness <= 1:
        raise InpaintError(f"lightness: expected 0 to 1, got {lightness}. 1 weighs it like hue and chroma.")
    masks = torch.empty(image.shape[:3])
    for mask, frame, rgb in zip(masks, image, colors, strict=True):
        pixels, wanted = LabFrame.read(frame), LabFrame.read(rgb[None, None])
        mask.copy_(1 - beyond(_distance(pixels, wanted, lightness), tolerance, softness))
    return masks.to(image.device)


def colors_at(image: Tensor, x: int, y: int) -> Tensor:
    """Read the color of one pixel of each picture.

    Args:
        image: [B, H, W, C] float sRGB, C = 3 or 4.
        x, y: column and row in pixels; (0, 0) is the upper left one.

    Returns:
        [B, 3] sRGB, dtype and device of the image, clamped to 0..1. NaN stays NaN.

    Raises:
        InpaintError: if `image` is no IMAGE, or the point is outside of it.
    """
    check_image(image)
    check_point(x, y, *image.shape[1:3])
    return image[:, y, x, :3].clamp(0, 1)


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


def _read_colors(image: Tensor, color: tuple[float, float, float] | Tensor) -> Tensor:
    """Return a color for each picture, [B, 3]."""
    if isinstance(color, Tensor):
        if color.shape != (len(image), 3):
            raise InpaintError(
                f"color: expected [{len(image)}, 3], one for each picture, got {list(color.shape)}. "
                "Take them from colors_at."
            )
        return color
    if len(color) != 3 or not all(0 <= channel <= 1 for channel in color):
        raise InpaintError(f"color: expected three numbers 0..1, got {color}. Divide numbers up to 255 by 255.")
    return torch.tensor([color]).expand(len(image), 3)


def _distance(pixels: LabFrame, wanted: LabFrame, lightness: float) -> Tensor:
    """Return the weighted Delta E of each pixel to a color, [H, W]; infinite where one is NaN.

    Args:
        wanted: the color, as a frame of one pixel.
        lightness: weight of lightness for colorful colors, 0..1.
    """
    chroma = float(wanted.lab[1:].square().sum().sqrt())
    colorful = min(chroma / COLORFUL, 1.0)
    weights = torch.tensor([1 - (1 - lightness) * colorful, 1.0, 1.0]).view(3, 1, 1)
    distance = ((pixels.lab - wanted.lab) * weights).square().sum(dim=0).sqrt()
    distance = distance.masked_fill(equal_pixels(pixels, wanted), 0)
    return distance.masked_fill(pixels.unknown | wanted.unknown, torch.inf)
