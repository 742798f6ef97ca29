"""Pictures and masks made larger, without a pixel changing its place."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_choice, check_image, check_mask
from ..core.errors import InpaintError
from ..core.geometry import Box, Size

BORDERS = ("reflect", "edge")


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


def cut_image(image: Tensor, box: Box, border: str = "reflect") -> Tensor:
    """The part of a picture in a box, which may overhang it.

    Args:
        image: [B, H, W, C] float.
        box: in pixels of the picture.
        border: what the overhang is made of: "reflect", the picture mirrored at its border pixels, again and again
            where it is small; or "edge", the border pixels repeated.

    Returns:
        [B, box.height, box.width, C], same dtype and device; a view where nothing overhangs.

    Raises:
        InpaintError: if `image` is not a picture, or `border` is unknown.
    """
    check_image(image)
    check_choice("border", border, BORDERS)
    height, width = image.shape[1:3]
    if box.within(Size(width, height)) == box:
        return image[(slice(None), *box.slices)]
    rows = fold(np.arange(box.y, box.bottom), height, border)
    columns = fold(np.arange(box.x, box.right), width, border)
    # Rows of the columns that are looked at, no more.
    part = image[:, :, columns.min() : columns.max() + 1]
    part = part.index_select(1, torch.from_numpy(rows).to(image.device))
    return part.index_select(2, torch.from_numpy(columns - columns.min()).to(image.device))


def cut_mask(mask: Tensor, box: Box) -> Tensor:
    """The part of a mask in a box, and 0 where that overhangs it: what is added is never repainted.

    Args:
        mask: [B, H, W] float.
        box: in pixels of the mask; some of it on the mask.

    Returns:
        [B, box.height, box.width], same dtype and device; a view where nothing overhangs.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    size = Size(mask.shape[2], mask.shape[1])
    inside = box.within(size)
    rows, columns = inside.slices
    part = mask[:, rows, columns]
    if inside == box:
        return part
    left, top, right, bottom = box.overhang(size)
    return torch.nn.functional.pad(part, (left, right, top, bottom))


def fold(places: np.ndarray, count: int, border: str) -> np.ndarray:
    """Where to look for pixels that may lie beyond a row of `count`.

    Args:
        places: whole numbers of any sign.
        count: pixels in the row.
        border: as in `cut_image`.

    Returns:
        each place, or the one in 0..count - 1 that stands for it.
    """
    if border == "reflect" and count > 1:
        period = 2 * (count - 1)
        places = np.abs((places + count - 1) % period - (count - 1))
    return np.clip(places, 0, count - 1)


def _margins(width: int, height: int, size: Size) -> tuple[int, int]:
    if size.width < width or size.height < height:
        raise InpaintError(
            f"size: expected at least {width} x {height} (width x height), got {size.width} x {size.height}. "
            "Padding only adds pixels."
        )
    return size.width - width, size.height - height
