"""Operators on masks [B, H, W], 0 = keep, 1 = repaint. None of them changes its input."""

import math

import torch
from torch import Tensor

from .checks import check_mask
from .distance import distance_to
from .errors import InpaintError
from .regions import enclosed, smaller_than


def threshold(mask: Tensor, level: float) -> Tensor:
    """Make the mask hard: 1 where it reaches `level`, else 0.

    Args:
        mask: [B, H, W] float.
        level: above 0, at most 1.

    Returns:
        [B, H, W] of exactly 0 and 1, same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `level` is outside its range.
    """
    check_mask(mask)
    if not 0 < level <= 1:
        raise InpaintError(
            f"level: expected above 0 and at most 1, got {level}. Use 0.5 for the middle of a soft edge."
        )
    return (mask >= level).to(mask.dtype)


def invert(mask: Tensor) -> Tensor:
    """Swap what is kept and what is repainted: 1 - mask.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    return 1 - mask


def grow(mask: Tensor, pixels: float) -> Tensor:
    """Widen (or, below zero, shrink) the repainted area by a true Euclidean distance.

    Each pixel takes the largest (shrinking: the smallest) value within `pixels` of it, centre to centre; a soft edge
    moves and keeps its profile. The picture's border adds nothing and takes nothing away.

    Args:
        mask: [B, H, W] float.
        pixels: distance in pixels, fractions count; 0 returns the mask unchanged.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W] or `pixels` is not a finite number.
    """
    check_mask(mask)
    if not math.isfinite(pixels):
        raise InpaintError(f"pixels: expected a finite number, got {pixels}. Use 0 to leave the mask as it is.")
    # Squared distances are whole numbers, so the disc is too; the margin forgives the rounding of a square root.
    squared_radius = min(math.floor(pixels * pixels + 1e-6), mask.shape[1] ** 2 + mask.shape[2] ** 2)
    if squared_radius == 0:
        return mask
    widened = mask if pixels > 0 else -mask
    widened = _widen_hard(widened, squared_radius) if _is_hard(mask) else _widen_soft(widened, squared_radius)
    return widened if pixels > 0 else -widened


def feather(mask: Tensor, pixels: float, side: str = "centre") -> Tensor:
    """Replace the mask's edge by a smooth ramp exactly `pixels` wide, with finite support.

    The edge is the line where the mask crosses 0.5, halfway between pixel centres; what a soft mask was besides that
    line is forgotten. Distance to it is Euclidean and counts only pixels inside the picture, so a mask that runs off
    the picture does not fade there. Beyond the ramp the result is exactly 0 or 1.

    Args:
        mask: [B, H, W] float.
        pixels: width of the ramp in pixels; 0 returns the mask unchanged.
        side: where the ramp lies: "inside" the edge (nothing is added to the area, and every pixel of it stays above
            0), "outside" it (all of the area is 1), or "centre", half on either side.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], `pixels` is negative or not finite, or `side` is none of the three.
    """
    check_mask(mask)
    starts = {"inside": 0.0, "centre": 0.5, "outside": 1.0}
    if side not in starts:
        raise InpaintError(f"side: expected one of {', '.join(starts)}, got {side}.")
    if not 0 <= pixels < math.inf:
        raise InpaintError(f"pixels: expected 0 or more, got {pixels}. To shrink a mask, use grow below zero.")
    if pixels == 0:
        return mask
    area = mask >= 0.5
    # A pixel next to the edge has its centre half a pixel from it.
    depth = torch.where(area, distance_to(~area) - 0.5, 0.5 - distance_to(area))
    ramp = (depth / pixels + starts[side]).clamp(0, 1)
    return (ramp * ramp * (3 - 2 * ramp)).to(mask.dtype)


def fill_holes(mask: Tensor) -> Tensor:
    """Fill what the repainted area encloses.

    A hole is a region, joined by edges (4-connected), that no path leads out of to the picture's border. A soft mask
    is filled at each of its grey levels, so a soft rim around a hole is filled with it and soft outer edges stay;
    levels closer than 1/255 are taken together.

    Args:
        mask: [B, H, W] float in 0..1.

    Returns:
        [B, H, W], same dtype and device; nowhere below the mask.

    Raises:
        InpaintError: if `mask` is not [B, H, W].

    Source: Soille 2003, Morphological Image Analysis, section 6.3.7 (fill-hole of a grey-scale image).
    """
    check_mask(mask)
    frames = mask.cpu()
    filled = frames.clone()
    for frame, result in zip(frames, filled, strict=True):
        for level in _grey_levels(frame):
            result[enclosed(frame >= level)] = level
    return filled.to(mask.device)


def remove_specks(mask: Tensor, area: int) -> Tensor:
    """Drop regions (8-connected, mask above 0) of fewer than `area` pixels.

    Args:
        mask: [B, H, W] float.
        area: in pixels; 0 or 1 returns the mask unchanged.

    Returns:
        [B, H, W], same dtype and device; what is kept keeps its values.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    check_mask(mask)
    specks = torch.stack([smaller_than(frame > 0, area) for frame in mask])
    return mask.masked_fill(specks, 0)


def _is_hard(mask: Tensor) -> bool:
    return bool(((mask == 0) | (mask == 1)).all())


def _widen_hard(mask: Tensor, squared_radius: int) -> Tensor:
    """Largest value in a disc for a mask of two values: one distance transform, whatever the radius."""
    low, high = mask.aminmax()
    near = distance_to(mask == high) <= math.sqrt(squared_radius + 0.5)
    return torch.where(near, high, low)


def _widen_soft(mask: Tensor, squared_radius: int) -> Tensor:
    """Largest value in a disc for any mask: the disc's rows, from its short ones to its diameter."""
    height, width = mask.shape[1:]
    widened, row_max, reach = mask.clone(), mask.clone(), 0
    for dy in range(min(math.isqrt(squared_radius), height - 1), -1, -1):
        while reach < min(math.isqrt(squared_radius - dy * dy), width - 1):
            reach += 1
            _raise_to(row_max[..., :-reach], mask[..., reach:])
            _raise_to(row_max[..., reach:], mask[..., :-reach])
        _raise_to(widened[:, dy:], row_max[:, : height - dy])
        _raise_to(widened[:, : height - dy], row_max[:, dy:])
    return widened


def _raise_to(values: Tensor, least: Tensor) -> None:
    torch.maximum(values, least, out=values)


def _grey_levels(frame: Tensor) -> list[Tensor]:
    """The frame's values above 0, ascending; of those within the same 1/255 only the lowest."""
    values = frame[frame > 0].unique()
    steps = (values.float() * 255).floor()
    first_of_step = torch.ones_like(steps, dtype=torch.bool)
    first_of_step[1:] = steps[1:] != steps[:-1]
    return list(values[first_of_step])
