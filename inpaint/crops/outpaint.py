"""Making room around a picture for a model to paint in."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.checks import check_amount, check_choice, check_image, match
from ..core.errors import InpaintError
from ..core.geometry import Box, Sides, Size
from ..fills import fill_harmonic
from ..imaging.padding import BORDERS, cut_image, cut_mask
from ..masks import threshold
from ..masks.inpaint_masks import inpaint_masks

# What the new area holds until it is painted.
FILLS = (*BORDERS, "color", "harmonic")
UNITS = ("pixels", "percent")
GREY = (0.5, 0.5, 0.5)


class Padded(NamedTuple):
    """A picture with room around it.

    image: [N, H, W, C], dtype and device of the picture; what was there is bit for bit as it was.
    denoise: [N, H, W], soft, for sampling: 1 in the new area, falling to 0 inside the picture.
    conditioning: [N, H, W] of 0 and 1, what the model is told to paint.
    """

    image: Tensor
    denoise: Tensor
    conditioning: Tensor


def pad_for_outpaint(
    image: Tensor,
    sides: Sides,
    mask: Tensor | None = None,
    feather: float = 40.0,
    fill: str = "edge",
    color: tuple[float, float, float] = GREY,
) -> Padded:
    """Add room on the sides of a picture, and mask it.

    Args:
        image: [B, H, W, C] float, C = 3 or 4. The new area is opaque.
        sides: pixels to add, 0 or more; see the functions below.
        mask: anything `checks.as_mask` reads: what is to be repainted of the picture itself, besides.
        feather: how far into the picture the denoise mask reaches from the new area, in pixels, so that old and new
            grow together. Half-way lies the edge of the conditioning mask.
        fill: what to put into the new area: "edge", the picture's border pixels; "reflect", the picture mirrored;
            "color"; "harmonic", the smoothest surface that goes on from the picture's border.
        color: red, green and blue.

    Returns:
        the picture, and its masks.

    Raises:
        InpaintError: if an input is not what it should be, or numbers of pictures and masks differ.
    """
    check_choice("fill", fill, FILLS)
    check_amount("feather", feather, "Use 0 for a hard edge.")
    if min(sides) < 0:
        raise InpaintError(f"sides: expected 0 or more pixels each, got {tuple(sides)}. To cut a picture, crop it.")
    check_image(image)
    if mask is None:
        mask = image.new_zeros(1, *image.shape[1:3], dtype=torch.float32)
    image, mask = match(image, mask)
    height, width = image.shape[1:3]
    box = Box.between(-sides.left, -sides.top, width + sides.right, height + sides.bottom)

    masks = inpaint_masks(1 - cut_mask(torch.ones_like(mask[:1]), box), grow=0, feather=feather, composite_feather=0)
    repainted = cut_mask(mask, box)
    return Padded(
        _filled(image, box, fill, color),
        torch.maximum(masks.denoise, repainted),
        torch.maximum(masks.conditioning, threshold(repainted, 0.5)),
    )


def sides_of(picture: Size, left: float, top: float, right: float, bottom: float, unit: str = "pixels") -> Sides:
    """Sides in pixels.

    Args:
        picture: its size.
        left, top, right, bottom: in `unit`.
        unit: "pixels", or "percent" of the picture's width on the left and the right, of its height above and below.

    Raises:
        InpaintError: if one is negative or not finite, or `unit` is unknown.
    """
    check_choice("unit", unit, UNITS)
    for name, amount in zip(Sides._fields, (left, top, right, bottom), strict=True):
        check_amount(name, amount, "To cut a picture, crop it.")
    across, down = (1.0, 1.0) if unit == "pixels" else (picture.width / 100, picture.height / 100)
    return Sides(round(left * across), round(top * down), round(right * across), round(bottom * down))


def sides_to_size(picture: Size, size: Size, x: float = 0.5, y: float = 0.5) -> Sides:
    """What to add to reach a size.

    Args:
        picture: its size.
        size: to reach.
        x, y: where the picture lies in it: 0 at the left or the top, 1 at the right or the bottom.

    Raises:
        InpaintError: if the picture is larger than that, or `x` or `y` is not within 0..1.
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
    """What to add to reach an aspect, such as 16 by 9, on two sides at the most; otherwise as `sides_to_size`.

    Raises:
        InpaintError: if a side of the aspect is below 1, or `x` or `y` is not within 0..1.
    """
    if aspect.width < 1 or aspect.height < 1:
        raise InpaintError(f"aspect: expected 1 or more by 1 or more, got {aspect.width} by {aspect.height}.")
    return sides_to_size(picture, picture.with_aspect(aspect), x, y)


def _filled(image: Tensor, box: Box, fill: str, color: tuple[float, float, float]) -> Tensor:
    height, width = image.shape[1:3]
    if box.size == Size(width, height):
        return image
    padded = cut_image(image, box, "reflect" if fill == "reflect" else "edge")
    new = padded.new_ones(1, box.height, box.width)
    new[:, -box.y : height - box.y, -box.x : width - box.x] = 0
    if fill == "harmonic":
        padded = fill_harmonic(padded, new.expand(len(padded), -1, -1))
    elif fill == "color":
        opaque = padded.new_tensor([*color, 1.0])[: image.shape[3]]
        padded = torch.where(new[..., None] > 0, opaque, padded)
    padded[..., 3:].masked_fill_(new[..., None] > 0, 1)
    return padded
