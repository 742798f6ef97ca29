"""The outline of a mask: how soft it is, and how smooth."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...core.checks import check_amount, check_choice, check_mask
from .distance import distance_to
from .per_frame import each_frame
from .values import threshold

# Where the ramp begins, as a share of its width, counted inwards from the outline.
SIDES = {"inside": 0.0, "center": 0.5, "outside": 1.0}


def _gaussian(way: np.ndarray) -> np.ndarray:
    """A Gaussian's running total from -3 to 3 standard deviations, stretched to reach 0 and 1 there."""
    return (torch.erf(torch.from_numpy((6 * way - 3) / math.sqrt(2))).numpy() / math.erf(3 / math.sqrt(2)) + 1) / 2


# How a ramp rises, by how far along it a pixel is: 0 to 1 in, 0 to 1 out, ends exact.
CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "smooth": lambda way: way * way * (3 - 2 * way),
    "linear": lambda way: way,
    "gaussian": _gaussian,
}


def feather(mask: Tensor, pixels: float, side: str = "center", curve: str = "smooth") -> Tensor:
    """Replace the mask's edge by a ramp exactly `pixels` wide, with finite support.

    The edge is the line where the mask crosses 0.5, halfway between pixel centres; what a soft mask was besides that
    line is forgotten. Distance to it is Euclidean and counts only pixels inside the picture, so a mask that runs off
    the picture does not fade there. Beyond the ramp the result is exactly 0 or 1.

    Args:
        mask: [B, H, W] float.
        pixels: width of the ramp in pixels; 0 returns the mask unchanged.
        side: where the ramp lies: "inside" the edge (nothing is added to the area, and every pixel of it stays above
            0), "outside" it (all of the area is 1), or "center", half on either side.
        falloff: how it rises: "smooth" (smoothstep), "linear", or "gaussian" (a straight edge blurred with a sigma of
            a sixth of the width, cut and stretched at 3 sigma).

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], `pixels` is negative or not finite, or `side` or `curve` is not
            one of those.
    """
    check_choice("side", side, SIDES)
    check_choice("curve", curve, CURVES)
    check_amount("pixels", pixels, "To shrink a mask, use grow below zero.")
    if pixels == 0:
        return mask

    def soften(frame: np.ndarray) -> np.ndarray:
        way = _depth(frame >= 0.5, side)
        way /= pixels
        way += SIDES[side]
        ramp = (way > 0) & (way < 1)
        np.clip(way, 0, 1, out=way)
        way[ramp] = CURVES[curve](way[ramp])
        return way

    return each_frame(mask, soften, reach=pixels)


def _depth(area: np.ndarray, side: str) -> np.ndarray:
    """Signed distance in pixels to the outline of `area`, above 0 inside; the other side than asked for may be flat."""
    # A pixel next to the outline has its centre half a pixel from it.
    if side == "inside":
        return distance_to(~area) - np.float32(0.5)
    if side == "outside":
        return np.float32(0.5) - distance_to(area)
    inward = distance_to(~area)
    inward -= distance_to(area)
    inward -= area
    inward += 0.5
    return inward


def blur(mask: Tensor, sigma: float) -> Tensor:
    """Blur with a Gaussian. Beyond the picture's border the mask goes on as it is there, so nothing fades.

    Args:
        mask: [B, H, W] float.
        sigma: standard deviation in pixels; 0 returns the mask unchanged. It reaches 4 sigma far.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `sigma` is negative or not finite.
    """
    import cv2

    check_amount("sigma", sigma, "Use 0 to leave the mask as it is.")
    if sigma == 0:
        return mask
    width = 2 * int(4 * sigma + 0.5) + 1

    def soften(frame: np.ndarray) -> np.ndarray:
        blurred = cv2.GaussianBlur(frame, (width, width), sigma, borderType=cv2.BORDER_REPLICATE)
        return np.clip(blurred, 0, 1, out=blurred)

    return each_frame(mask, soften, reach=4 * sigma + 1)


def smooth_outline(mask: Tensor, pixels: float) -> Tensor:
    """Smooth a jagged outline: bumps and notches up to about `pixels` across go, straight edges stay where they are.

    The area is blurred with a sigma of half of `pixels` and cut at 0.5 again. Corners become round, and strokes
    thinner than about two thirds of `pixels` vanish.

    Args:
        mask: [B, H, W] float; its area is where it reaches 0.5.
        pixels: 0 returns the mask unchanged.

    Returns:
        [B, H, W] of 0 and 1, same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    check_mask(mask)
    check_amount("pixels", pixels, "Use 0 to leave the mask as it is.")
    if pixels == 0:
        return mask
    # Half precision would round what is just below 0.5 up to it.
    area = threshold(mask, 0.5).to(torch.promote_types(mask.dtype, torch.float32))
    return threshold(blur(area, pixels / 2), 0.5).to(mask.dtype)
