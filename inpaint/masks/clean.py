"""Mask clean-up: the operators in a fixed order, with a message for each that changed something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.checks import check_amount, check_mask
from ..core.counting import count_differing, count_nonzero
from ..core.threads import one_thread
from .operators.components import check_max_area, large_patches, largest_patches, without_holes
from .operators.edges import feathered, smoothed
from .operators.grow import check_distance, grow_and_shrink, grown
from .operators.shapes import hulls, rectangles
from .operators.values import check_level, check_levels, check_margin, inverted, leveled, snapped, thresholded
from .operators.video import averaged

SHAPES: dict[str, Callable[[Tensor], Tensor] | None] = {
    "as it is": None,
    "convex hull": hulls,
    "box": rectangles,
}


@dataclass(frozen=True)
class CleanUp:
    """The clean-up steps, in the order in which they run. Zero or False turns a step off."""

    invert: bool = False
    """Swap repainted and kept."""
    black: float = 0.0
    """Input black point: values are rescaled from [black, white] to [0, 1]."""
    white: float = 1.0
    """Input white point."""
    gamma: float = 1.0
    """The rescaled values are raised to 1 / gamma."""
    smooth_time: float = 0.0
    """Standard deviation of a Gaussian average over the frames of a video, in frames."""
    threshold: float = 0.5
    """Values of this and above become 1, others 0; in 0..1."""
    snap_tolerance: float = 0.02
    """Values this near to 0 or 1 become 0 or 1. Used only if `threshold` is off."""
    fill_holes: bool = True
    """Fill enclosed holes."""
    max_hole: int = 0
    """Fill only holes of at most this many pixels; 0 fills all."""
    min_area: int = 16
    """Remove patches of fewer pixels, except in frames that have no larger patch."""
    keep_largest: int = 0
    """Number of patches to keep in each frame."""
    close: float = 0.0
    """Close gaps narrower than twice this many pixels."""
    open: float = 0.0
    """Remove strokes narrower than twice this many pixels."""
    smooth_outline: float = 0.0
    """Remove bumps and notches up to about this many pixels across. Makes the mask hard."""
    shape: str = "as it is"
    """The shape that replaces the mask, one of `SHAPES`."""
    grow: float = 4.0
    """Widen the repainted area by this many pixels; below zero, shrink it."""
    feather: float = 0.0
    """Width of the soft edge in pixels, half of it on each side of the outline."""


def clean(mask: Tensor, steps: CleanUp) -> tuple[Tensor, list[str]]:
    """Clean up a mask and report the changes.

    Args:
        mask: [B, H, W] float, 0 = keep, 1 = repaint.
        steps: the steps to run.

    Returns:
        The cleaned mask [B, H, W], and one message for each step that changed a pixel, in order.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or a setting of a step that runs is outside its range.
    """
    check_mask(mask)
    _check_settings(steps)
    messages: list[str] = []

    def step(result: Tensor, message: str) -> None:
        nonlocal mask
        changed = count_differing(result, mask)
        if changed:
            messages.append(f"{message} ({changed:,} px)")
        mask = result

    if steps.invert:
        step(inverted(mask), "inverted")
    if (steps.black, steps.white, steps.gamma) != (0, 1, 1):
        stretched = leveled(mask, steps.black, steps.white, steps.gamma)
        gamma = "" if steps.gamma == 1 else f" with gamma {steps.gamma:g}"
        step(stretched, f"stretched values from {steps.black:g} to {steps.white:g}{gamma}")
    if steps.smooth_time > 0:
        step(averaged(mask, steps.smooth_time), f"averaged over {steps.smooth_time:g} frames")
    if steps.threshold > 0:
        step(thresholded(mask, steps.threshold), f"set values of {steps.threshold:g} and above to 1, others to 0")
    elif steps.snap_tolerance > 0:
        step(snapped(mask, steps.snap_tolerance), f"rounded values within {steps.snap_tolerance:g} of 0 or 1")
    if steps.fill_holes:
        limit = f" up to {steps.max_hole} px" if steps.max_hole else ""
        step(without_holes(mask, steps.max_hole or None), f"filled holes{limit}")
    if steps.min_area > 0:
        step(without_specks(mask, steps.min_area), f"removed specks under {steps.min_area} px")
    if steps.keep_largest > 0:
        step(largest_patches(mask, steps.keep_largest), f"kept the {steps.keep_largest} largest")
    if steps.close > 0:
        step(grow_and_shrink(mask, steps.close, grow_first=True), f"closed gaps under {2 * steps.close:g} px")
    if steps.open > 0:
        step(grow_and_shrink(mask, steps.open, grow_first=False), f"removed strokes under {2 * steps.open:g} px")
    if steps.smooth_outline > 0:
        step(smoothed(mask, steps.smooth_outline), f"smoothed the outline by {steps.smooth_outline:g} px")
    replace = SHAPES[steps.shape]
    if replace:
        step(replace(mask), f"replaced the mask by its {steps.shape}")
    if steps.grow:
        verb = "grew by" if steps.grow > 0 else "shrank by"
        step(grown(mask, steps.grow), f"{verb} {abs(steps.grow):g} px")
    if steps.feather > 0:
        step(feathered(mask, steps.feather), f"feathered over {steps.feather:g} px")
    return mask, messages


def _check_settings(steps: CleanUp) -> None:
    """Check the settings of the steps that run."""
    check_levels(steps.black, steps.white, steps.gamma)
    if steps.threshold > 0:
        check_level(steps.threshold)
    elif steps.snap_tolerance > 0:
        check_margin(steps.snap_tolerance)
    if steps.fill_holes:
        check_max_area(steps.max_hole)
    check_distance(steps.grow)
    for name, value in (
        ("frames", steps.smooth_time),
        ("pixels", steps.close),
        ("pixels", steps.open),
        ("pixels", steps.smooth_outline),
    ):
        if value > 0:
            check_amount(name, value, "Use 0 to leave the mask as it is.")
    if steps.feather > 0:
        check_amount("pixels", steps.feather, "To shrink a mask, use grow below zero.")


def coverage(mask: Tensor, shown: str = "picture") -> str:
    """Describe in one sentence how much of a picture will be repainted.

    Args:
        mask: [B, H, W] float; above 0 = repainted.
        shown: what the mask covers, as a word for the sentence.
    """
    covered, total = count_nonzero(mask), mask.numel()
    if covered == 0:
        return "The mask is empty: nothing will be repainted."
    if covered == total:
        return f"The mask is full: the whole {shown} will be repainted."
    share = covered / total
    if share < 0.001:
        return f"The mask covers less than 0.1% of the {shown}."
    if share > 0.999:
        return f"The mask covers all but less than 0.1% of the {shown}."
    return f"The mask covers {share:.1%} of the {shown}."


@one_thread()
def without_specks(mask: Tensor, area: int) -> Tensor:
    """Remove specks, except in frames that have nothing else: there they are a touch-up.

    Args:
        mask: [B, H, W] float.
        area: patches of fewer pixels are specks.
    """
    kept = large_patches(mask, area)
    has_larger = kept.amax(dim=(1, 2)) > 0
    return kept if has_larger.all() else torch.where(has_larger[:, None, None], kept, mask)
