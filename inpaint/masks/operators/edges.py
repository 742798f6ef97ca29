"""Softening and smoothing the outline of a mask."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...core.checks import check_amount, check_choice, check_mask
from .distance import distance_to
from .per_frame import each_frame
from .values import thresholded

# Where the outline lies along the ramp: 0 = the ramp's outer end, 1 = its inner end.
SIDES = {"inside": 0.0, "center": 0.5, "outside": 1.0}


def _gaussian(position: np.ndarray) -> np.ndarray:
    """The Gaussian cumulative distribution from -3 to 3 sigma, rescaled to be 0 and 1 at the ends."""
    return (torch.erf(torch.from_numpy((6 * position - 3) / math.sqrt(2))).numpy() / math.erf(3 / math.sqrt(2)) + 1) / 2


# The ramp's value by position along it. Position and value run from exactly 0 to exactly 1.
CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "smooth": lambda position: position * position * (3 - 2 * position),
    "linear": lambda position: position,
    "gaussian": _gaussian,
}


def feather(mask: Tensor, pixels: float, side: str = "center", curve: str = "smooth") -> Tensor:
    """Replace the mask's edge by a ramp exactly `pixels` wide, with finite support.

    The edge is the line where the mask crosses 0.5, halfway between pixel centres. Nothing else of a soft mask is
    used. The distance to the edge is Euclidean and counts only pixels inside the picture, so a mask that runs off the
    picture does not fade there. Beyond the ramp the result is exactly 0 or 1.

    Args:
        mask: [B, H, W] float.
        pixels: width of the ramp in pixels; 0 returns the mask unchanged.
        side: where the ramp lies: "inside" the edge (the area does not grow, and all its pixels stay above 0),
            "outside" it (the whole area is 1), or "center", half on each side.
        curve: how the ramp rises: "smooth" (smoothstep), "linear", or "gaussian" (a straight edge blurred with a sigma
            of a sixth of the width, truncated at 3 sigma and rescaled).

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], `pixels` is negative or not finite, or `side` or `curve` is unknown.
    """
    check_choice("side", side, SIDES)
    check_choice("curve", curve, CURVES)
    check_amount("pixels", pixels, "To shrink a mask, use grow below zero.")
    check_mask(mask)
    return feathered(mask, pixels, side, curve)


def feathered(mask: Tensor, pixels: float, side: str = "center", curve: str = "smooth") -> Tensor:
    """`feather` without checks."""
    if pixels == 0:
        return mask

    # The outline is half a pixel from the centres beside it. Farther than this from it the mask is 0 or 1.
    limit = pixels * max(SIDES[side], 1 - SIDES[side]) + 0.5

    def soften(frame: np.ndarray) -> np.ndarray:
        position = _depth(frame >= 0.5, side, limit)
        position /= pixels
        position += SIDES[side]
        ramp = (position > 0) & (position < 1)
        np.clip(position, 0, 1, out=position)
        position[ramp] = CURVES[curve](position[ramp])
        return position

    return each_frame(mask, soften, reach=pixels, overlap=limit)


def _depth(area: np.ndarray, side: str, limit: float) -> np.ndarray:
    """Compute the signed distance in pixels to the outline of `area`, above 0 inside.

    For "inside" and "outside", it is exact on that side only and constant on the other. Beyond `limit` pixels it may be
    farther from 0 than it should.
    """
    # The centre of a pixel next to the outline is half a pixel away from it.
    if side == "inside":
        return distance_to(~area, limit) - np.float32(0.5)
    if side == "outside":
        return np.float32(0.5) - distance_to(area, limit)
    inward = distance_to(~area, limit)
    inward -= distance_to(area, limit)
    inward -= area
    inward += 0.5
    return inward


def blur(mask: Tensor, sigma: float) -> Tensor:
    """Blur a mask with a Gaussian. The border values are repeated beyond the picture, so the mask does not fade there.

    Args:
        mask: [B, H, W] float.
        sigma: standard deviation in pixels; 0 returns the mask unchanged. The kernel is truncated at 4 sigma.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `sigma` is negative or not finite.
    """
    check_amount("sigma", sigma, "Use 0 to leave the mask as it is.")
    check_mask(mask)
    return _blurred(mask, sigma)


def _blurred(mask: Tensor, sigma: float) -> Tensor:
    import cv2

    if sigma == 0:
        return mask
    width = 2 * int(4 * sigma + 0.5) + 1

    def soften(frame: np.ndarray) -> np.ndarray:
        blurred = cv2.GaussianBlur(frame, (width, width), sigma, borderType=cv2.BORDER_REPLICATE)
        return np.clip(blurred, 0, 1, out=blurred)

    return each_frame(mask, soften, reach=4 * sigma + 1)


def smooth_outline(mask: Tensor, pixels: float) -> Tensor:
    """Smooth a jagged outline: remove bumps and notches up to about `pixels` across.

    The area is blurred with a sigma of half of `pixels`, then thresholded at 0.5. Straight edges stay in place. Corners
    become round, and strokes thinner than about two thirds of `pixels` vanish.

    Args:
        mask: [B, H, W] float; the area is where it is 0.5 or more.
        pixels: 0 or more; 0 returns the mask unchanged.

    Returns:
        [B, H, W] of 0 and 1, same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `pixels` is negative or not finite.
    """
    check_mask(mask)
    check_amount("pixels", pixels, "Use 0 to leave the mask as it is.")
    return smoothed(mask, pixels)


def smoothed(mask: Tensor, pixels: float) -> Tensor:
    """`smooth_outline` without checks."""
    if pixels == 0:
        return mask
    # Half precision would round values just below 0.5 up to 0.5.
    area = thresholded(mask, 0.5).to(torch.promote_types(mask.dtype, torch.float32))
    return thresholded(_blurred(area, pixels / 2), 0.5).to(mask.dtype)
