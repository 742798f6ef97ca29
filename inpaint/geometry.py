"""Sizes in whole pixels, and padding that never moves the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .checks import check_image, check_mask
from .errors import InpaintError


def ceil_to_multiple(value: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `value`."""
    return -(-value // multiple) * multiple


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def to_multiple(self, multiple: int) -> Size:
        """The smallest size that covers this one and is a multiple of `multiple` both ways."""
        return Size(ceil_to_multiple(self.width, multiple), ceil_to_multiple(self.height, multiple))


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: its first column and row, width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


def pad_image(image: Tensor, size: Size) -> Tensor:
    """Extend a picture to `size` by repeating its last column and row, so that no pixel changes place.

    Args:
        image: [B, H, W, C] float.
        size: the new size; not smaller than the picture.

    Returns:
        [B, size.height, size.width, C], same dtype and device; the image itself where nothing is added.

    Raises:
        InpaintError: if `image` is not a picture, or `size` is smaller than it.
    """
    check_image(image)
    right, bottom = _margins(image.shape[2], image.shape[1], size)
    if right:
        image = torch.cat([image, image[:, :, -1:].expand(-1, -1, right, -1)], dim=2)
    if bottom:
        image = torch.cat([image, image[:, -1:].expand(-1, bottom, -1, -1)], dim=1)
    return image


def pad_mask(mask: Tensor, size: Size) -> Tensor:
    """Extend a mask to `size` at the right and the bottom with 0: what is added is never repainted.

    Args:
        mask: [B, H, W] float.
        size: the new size; not smaller than the mask.

    Returns:
        [B, size.height, size.width], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `size` is smaller than it.
    """
    check_mask(mask)
    right, bottom = _margins(mask.shape[2], mask.shape[1], size)
    return torch.nn.functional.pad(mask, (0, right, 0, bottom))


def _margins(width: int, height: int, size: Size) -> tuple[int, int]:
    if size.width < width or size.height < height:
        raise InpaintError(
            f"size: expected at least {width} x {height} (width x height), got {size.width} x {size.height}. "
            "Padding only adds pixels."
        )
    return size.width - width, size.height - height
