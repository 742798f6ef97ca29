"""Padding of pictures and masks, and cutting of boxes that may reach beyond their borders."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_choice, check_image
from ..core.errors import InpaintError
from ..core.geometry import Box, Size

BORDERS = ("reflect", "edge")


def pad_image(image: Tensor, size: Size) -> Tensor:
    """Pad a picture to `size` at the right and the bottom by repeating its last column and row.

    Args:
        image: [B, H, W, C] float.
        size: the new size; not smaller than the picture.

    Returns:
        [B, size.height, size.width, C], same dtype and device. Returns `image` itself if nothing is added.

    Raises:
        InpaintError: if `image` is no IMAGE, or `size` is smaller than it.
    """
    check_image(image)
    right, bottom = _margins(image.shape[2], image.shape[1], size)
    if right:
        image = torch.cat([image, image[:, :, -1:].expand(-1, -1, right, -1)], dim=2)
    if bottom:
        image = torch.cat([image, image[:, -1:].expand(-1, bottom, -1, -1)], dim=1)
    return image


def pad_mask(mask: Tensor, size: Size) -> Tensor:
    """Pad a mask to `size` at the right and the bottom with 0, so that padding is never repainted.

    Args:
        mask: [B, H, W] float.
        size: the new size; not smaller than the mask.

    Returns:
        [B, size.height, size.width], same dtype and device.

    Raises:
        InpaintError: if `size` is smaller than `mask`.
    """
    right, bottom = _margins(mask.shape[2], mask.shape[1], size)
    return torch.nn.functional.pad(mask, (0, right, 0, bottom))


def cut_image(image: Tensor, box: Box, border: str = "reflect") -> Tensor:
    """Cut a box from a picture. The box may reach beyond the picture's borders.

    Args:
        image: [B, H, W, C] float.
        box: in pixels of the picture; it overlaps the picture.
        border: what fills the part beyond: "reflect" mirrors the picture at its border pixels, repeatedly if it is
            small; "edge" repeats the border pixels.

    Returns:
        [B, box.height, box.width, C], same dtype and device; a view if the box lies inside the picture.

    Raises:
        InpaintError: if `image` is no IMAGE, or `border` is unknown.
    """
    check_image(image)
    check_choice("border", border, BORDERS)
    return cut(image, box, border)


def cut(image: Tensor, box: Box, border: str) -> Tensor:
    """`cut_image` without checks."""
    height, width = image.shape[1:3]
    if box.within(Size(width, height)) == box:
        return image[(slice(None), *box.slices)]
    rows = fold(np.arange(box.y, box.bottom), height, border)
    columns = fold(np.arange(box.x, box.right), width, border)
    # Gather rows only from the columns that are needed.
    part = image[:, :, columns.min() : columns.max() + 1]
    part = part.index_select(1, torch.from_numpy(rows).to(image.device))
    return part.index_select(2, torch.from_numpy(columns - columns.min()).to(image.device))


def cut_mask(mask: Tensor, box: Box) -> Tensor:
    """Cut a box from a mask. Beyond the mask's borders the result is 0, so that padding is never repainted.

    Args:
        mask: [B, H, W] float.
        box: in pixels of the mask; it overlaps the mask.

    Returns:
        [B, box.height, box.width], same dtype and device; a view if the box lies inside the mask.
    """
    size = Size(mask.shape[2], mask.shape[1])
    inside = box.within(size)
    rows, columns = inside.slices
    part = mask[:, rows, columns]
    if inside == box:
        return part
    left, top, right, bottom = box.overhang(size)
    return torch.nn.functional.pad(part, (left, right, top, bottom))


def fold(places: np.ndarray, count: int, border: str) -> np.ndarray:
    """Map indices beyond a row to indices inside it.

    Args:
        places: integer indices of any sign.
        count: pixels in the row.
        border: "reflect" or "edge", as in `cut_image`.

    Returns:
        Indices in 0..count - 1, same shape. Indices inside the row stay as they are.
    """
    if border == "reflect" and count > 1:
        period = 2 * (count - 1)
        places = np.abs((places + count - 1) % period - (count - 1))
    return np.clip(places, 0, count - 1)


def _margins(width: int, height: int, size: Size) -> tuple[int, int]:
    """Return the pixels to add at the right and the bottom."""
    if size.width < width or size.height < height:
        raise InpaintError(
            f"size: expected at least {width} x {height} (width x height), got {size.width} x {size.height}. "
            "Padding only adds pixels."
        )
    return size.width - width, size.height - height
