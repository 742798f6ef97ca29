"""Padding of pictures, so that a model can paint beyond their borders."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.checks import check_amount, check_choice, check_image, match
from ..core.errors import InpaintError
from ..core.geometry import Box, Sides, Size
from ..fills import fill_harmonic
from ..imaging.padding import BORDERS, cut, cut_mask
from ..masks.inpaint_masks import three_masks
from ..masks.operators.values import thresholded

# Content of the new area before it is painted.
FILLS = (*BORDERS, "color", "harmonic")
UNITS = ("pixels", "percent")
GREY = (0.5, 0.5, 0.5)


class Padded(NamedTuple):
    """Padded pictures and their masks."""

    image: Tensor
    """[N, H, W, C], dtype and device of the picture. The picture's own pixels stay bit-identical."""
    denoise: Tensor
    """[N, H, W] in 0..1, soft, for sampling: 1 in the new area, falling to 0 inside the picture."""
    conditioning: Tensor
    """[N, H, W] of 0 and 1, the mask that the model gets as input."""


def pad_for_outpaint(
    image: Tensor,
    sides: Sides,
    mask: Tensor | None = None,
    feather: float = 40.0,
    fill: str = "edge",
    color: tuple[float, float, float] = GREY,
) -> Padded:
    """Pad a picture on its sides, and mask the new area.

    Args:
        image: [B, H, W, C] float, C = 3 or 4. The new area is opaque.
        sides: pixels to add on each side, 0 or more; see `sides_of`, `sides_to_size` and `sides_to_aspect`.
        mask: further pixels of the picture to repaint, in any form that `checks.as_mask` reads.
        feather: how far the denoise mask reaches into the picture, in pixels, so that new and old content blend. The
            edge of the conditioning mask lies half-way.
        fill: content of the new area. "edge" repeats the border pixels, "reflect" mirrors the picture, "color" is
            uniform, "harmonic" is the smoothest surface that continues the border pixels.
        color: red, green and blue in 0..1, for the fill "color".

    Returns:
        the padded picture and its masks.

    Raises:
        InpaintError: if an input or a setting is invalid, or image and mask differ in batch length and neither is 1.
    """
    check_choice("fill", fill, FILLS)
    check_amount("feather", feather, "Use 0 for a hard edge.")
    if min(sides) < 0:
        raise InpaintError(f"sides: expected 0 or more pixels each, got {tuple(sides)}. To cut a picture, crop it.")
    if mask is None:
        check_image(image)
        mask = image.new_zeros(1, *image.shape[1:3], dtype=torch.float32).expand(len(image), -1, -1)
    else:
        image, mask = match(image, mask)
    height, width = image.shape[1:3]
    box = Box.between(-sides.left, -sides.top, width + sides.right, height + sides.bottom)

    masks = three_masks(1 - cut_mask(torch.ones_like(mask[:1]), box), grow=0, feather=feather, composite_feather=0)
    repainted = cut_mask(mask, box)
    return Padded(
        _filled(image, box, fill, color),
        torch.maximum(masks.denoise, repainted),
        torch.maximum(masks.conditioning, thresholded(repainted, 0.5)),
    )


def sides_of(picture: Size, left: float, top: float, right: float, bottom: float, unit: str = "pixels") -> Sides:
    """Convert sides to pixels.

    Args:
        picture: size of the picture.
        left, top, right, bottom: amount to add, in `unit`.
        unit: "pixels", or "percent": of the picture's width for left and right, of its height for top and bottom.

    Raises:
        InpaintError: if an amount is negative or not finite, or `unit` is unknown.
    """
    check_choice("unit", unit, UNITS)
    for name, amount in zip(Sides._fields, (left, top, right, bottom), strict=True):
        check_amount(name, amount, "To cut a picture, crop it.")
    across, down = (1.0, 1.0) if unit == "pixels" else (picture.width / 100, picture.height / 100)
    return Sides(round(left * across), round(top * down), round(right * across), round(bottom * down))


def sides_to_size(picture: Size, size: Size, x: float = 0.5, y: float = 0.5) -> Sides:
    """Compute the sides that pad a picture to a size.

    Args:
        picture: size of the picture.
        size: the padded size.
        x, y: position of the picture in the padded one: 0 = left or top, 1 = right or bottom.

    Raises:
        InpaintError: if the picture is larger than `size`, or `x` or `y` is outside 0..1.
    """
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise InpaintError(f"place: expected 0 to 1, got {x}, {y}. 0.5 is the middle.")
    right, bottom = size.width - picture.width, size.height - picture.height
    if right < 0 or bottom < 0:
        raise InpaintError(
            f"size: expected at least the picture's {picture}, got {size}. Outpainting only adds: crop or reduce the "
            "picture first."
        )
    left, top = math.floor(right * x + 0.5), math.floor(bottom * y + 0.5)
    return Sides(left, top, right - left, bottom - top)


def sides_to_aspect(picture: Size, aspect: Size, x: float = 0.5, y: float = 0.5) -> Sides:
    """Compute the sides that pad a picture to an aspect, such as 16 by 9. Only one axis is padded.

    Args:
        picture: size of the picture.
        aspect: width and height in any unit.
        x, y: as in `sides_to_size`.

    Raises:
        InpaintError: if a side of the aspect is below 1, or `x` or `y` is outside 0..1.
    """
    if aspect.width < 1 or aspect.height < 1:
        raise InpaintError(
            f"aspect: expected 1 or more by 1 or more, got {aspect.width} by {aspect.height}. Use 16 by 9 for a wide "
            "picture."
        )
    return sides_to_size(picture, picture.with_aspect(aspect), x, y)


def _filled(image: Tensor, box: Box, fill: str, color: tuple[float, float, float]) -> Tensor:
    height, width = image.shape[1:3]
    if box.size == Size(width, height):
        return image
    padded = cut(image, box, "reflect" if fill == "reflect" else "edge")
    new = padded.new_ones(1, box.height, box.width)
    new[:, -box.y : height - box.y, -box.x : width - box.x] = 0
    if fill == "harmonic":
        padded = fill_harmonic(padded, new.expand(len(padded), -1, -1))
    elif fill == "color":
        opaque = padded.new_tensor([*color, 1.0])[: image.shape[3]]
        padded = torch.where(new[..., None] > 0, opaque, padded)
    padded[..., 3:].masked_fill_(new[..., None] > 0, 1)
    return padded
