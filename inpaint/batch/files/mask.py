"""A mask from any picture."""

from __future__ import annotations

import cv2
import numpy as np

from ...core.errors import InpaintError
from .channels import rgb_of, to_bytes
from .picture import Picture

REMEDY = "Erase what is to be repainted, or name a folder of masks."


def mask_from_file(
    mask: Picture, size: tuple[int, int], before_turning: tuple[int, int]
) -> tuple[np.ndarray, list[str]]:
    """Return a mask of a picture's size, and what was done to it.

    White is repainted, black is kept, gray is between. What is transparent in the mask is kept too. A mask of another
    size is resized if its shape is the picture's to within a pixel; one of only black and white stays so.

    Args:
        mask: the mask as a picture.
        size: the picture's width and height.
        before_turning: the same, as the picture lies in its file.

    Returns:
        [H, W] uint8, 255 = repaint; notes, a sentence each.

    Raises:
        InpaintError: if its shape is another, or its only content is in its transparency.
    """
    rgb = rgb_of(mask)
    levels = rgb[..., 0] if mask.color in ("gray", "bilevel") else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    notes = []
    if mask.alpha is not None and (to_bytes(mask.alpha) < 255).any():
        if not levels.any():
            raise InpaintError(
                "mask: it is black and partly transparent, so what is to be repainted is unclear. Expected white where "
                "the picture is to be repainted."
            )
        levels = (levels.astype(np.uint16) * to_bytes(mask.alpha) // 255).astype(np.uint8)
        notes.append("The mask has transparency: only what is white and opaque in it is repainted.")
    if mask.size != size:
        levels = _resized(levels, mask.size, size, before_turning)
        notes.append(f"The mask was resized from {_text(mask.size)} to the picture's {_text(size)}.")
    if not levels.any():
        notes.append("The mask is black: nothing is to be repainted.")
    elif 0 < (least := levels.min()) < 255:
        notes.append(f"The mask is nowhere black, its least is {least} of 255: no pixel counts as outside of it.")
    return np.ascontiguousarray(levels), notes


def mask_from_alpha(picture: Picture) -> np.ndarray:
    """Return a picture's transparency as its mask, [H, W] uint8, 255 = repaint.

    Raises:
        InpaintError: if nothing in it is transparent.
    """
    if picture.alpha is None:
        raise InpaintError(
            "no mask: the picture has no alpha. Erase what is to be repainted, or name a folder of masks."
        )
    alpha = to_bytes(picture.alpha)
    if (alpha == 255).all():
        raise InpaintError(f"no mask: nothing in the picture's alpha is transparent. {REMEDY}")
    return 255 - alpha


def _resized(
    levels: np.ndarray, given: tuple[int, int], size: tuple[int, int], before_turning: tuple[int, int]
) -> np.ndarray:
    if not _same_shape(given, size):
        turned = before_turning != size and _same_shape(given, before_turning)
        hint = (
            "The mask lies as the picture does in its file, before its EXIF orientation: turn the mask."
            if turned
            else "Make the mask from this picture."
        )
        raise InpaintError(f"mask: expected the picture's size {_text(size)} or shape, got {_text(given)}. {hint}")
    two = ((levels == 0) | (levels == 255)).all()
    smaller = size[0] < given[0]
    levels = cv2.resize(levels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    # A thin stroke survives a smaller size.
    white = 1 if smaller else 128
    return np.where(levels < white, np.uint8(0), np.uint8(255)) if two else levels


def _same_shape(given: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether one size is the other times a number, up to the rounding of a pixel of either."""
    scale = size[0] / given[0]
    return abs(given[1] * scale - size[1]) <= max(1.0, scale)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
