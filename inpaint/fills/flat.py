"""One color for the whole hole."""

from __future__ import annotations

from torch import Tensor

from .surroundings import hole_in


def fill_neutral(image: Tensor, mask: Tensor, value: float = 0.5) -> Tensor:
    """Fill the masked area with one grey.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        value: the grey, in the image's range.

    Returns:
        [B, H, W, C], same dtype and device.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    return fill_color(image, mask, (value, value, value))


def fill_color(image: Tensor, mask: Tensor, color: tuple[float, float, float]) -> Tensor:
    """Fill the masked area with one color.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        color: red, green and blue, in the image's range.

    Returns:
        [B, H, W, C], same dtype and device.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    hole = hole_in(image, mask)
    filled = image.clone()
    for channel, value in enumerate(color):
        filled[..., channel].masked_fill_(hole, value)
    return filled
