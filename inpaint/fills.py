"""Fills that need no model: plausible colour for the masked area, from the picture itself.

A pixel is filled where its mask is above 0, however little; blending by a soft mask is the composite's work. Every
other pixel stays bit for bit what it was, and so does alpha everywhere.
"""

import torch
from torch import Tensor

from .checks import check_fits
from .harmonic import harmonic


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
    hole = _hole(image, mask)
    filled = image.clone()
    filled[..., :3].masked_fill_(hole[..., None], value)
    return filled


def fill_harmonic(image: Tensor, mask: Tensor) -> Tensor:
    """Fill the masked area with the smoothest surface that meets its surroundings (Laplace's equation).

    The picture's border is free: a hole that touches it takes its values from the other sides. No value leaves the
    range of the known pixels near the hole, and each channel is within 1/255 of that range of the exact solution.
    What the hole held, NaN included, plays no part; pixels outside it that are not finite do not either. A picture
    with nothing to go by becomes 0.5.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    hole = _hole(image, mask)
    filled = image.clone()
    if not hole.any():
        return filled
    rows, columns = _span(hole.any(dim=2)), _span(hole.any(dim=1))
    hole = hole[:, None, rows, columns]
    window = filled[:, rows, columns, :3].movedim(-1, 1)

    colours = window.float()
    known = ~hole & colours.isfinite().all(dim=1, keepdim=True)
    low = torch.where(known, colours, torch.inf).amin(dim=(-2, -1), keepdim=True)
    high = torch.where(known, colours, -torch.inf).amax(dim=(-2, -1), keepdim=True)
    nothing_known = low > high
    low, high = low.masked_fill(nothing_known, 0.5), high.masked_fill(nothing_known, 0.5)
    scale = torch.where(high > low, high - low, 1)

    surface = harmonic((colours - low) / scale, known) * scale + low
    window.copy_(torch.where(hole, surface.clamp(low, high).to(window.dtype), window))
    return filled


def _hole(image: Tensor, mask: Tensor) -> Tensor:
    check_fits(image, mask)
    return mask.to(image.device) > 0


def _span(any_hole: Tensor) -> slice:
    """From one before the first to one after the last place [B, N] with a hole in any frame."""
    places = any_hole.any(dim=0).nonzero()
    return slice(max(int(places[0]) - 1, 0), int(places[-1]) + 2)
