"""Mask clean-up in the order a person would do it, with a sentence for everything it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import operators

SHAPES: dict[str, Callable[[Tensor], Tensor] | None] = {
    "as it is": None,
    "convex hull": operators.convex_hull,
    "box": operators.bounding_box,
}


@dataclass(frozen=True)
class CleanUp:
    """What to do to a mask, in this order. Zero or False turns a step off.

    invert: repainted and kept are swapped.
    black, white, gamma: levels between which the values are stretched over 0..1, and the bend of what is between.
    smooth_time: standard deviation of an average over the frames of a film, in frames.
    threshold: at or above it a value becomes 1, below it 0; in 0..1.
    snap_tolerance: what is this near to 0 or 1 becomes that; matters to a mask that no threshold made hard.
    fill_holes: enclosed holes are filled. max_hole: only those of at most so many pixels; 0 fills all.
    min_area: patches of fewer pixels are removed, unless a mask holds nothing else.
    keep_largest: so many patches are kept in every frame.
    close, open: gaps, or strokes, narrower than twice so many pixels go.
    smooth_outline: bumps and notches up to about so many pixels go; makes the mask hard.
    shape: what takes the mask's place, of `SHAPES`.
    grow: pixels by which the repainted area widens; below zero it shrinks.
    feather: width of the soft edge in pixels, half of it to each side of the outline.
    """

    invert: bool = False
    black: float = 0.0
    white: float = 1.0
    gamma: float = 1.0
    smooth_time: float = 0.0
    threshold: float = 0.5
    snap_tolerance: float = 0.02
    fill_holes: bool = True
    max_hole: int = 0
    min_area: int = 16
    keep_largest: int = 0
    close: float = 0.0
    open: float = 0.0
    smooth_outline: float = 0.0
    shape: str = "as it is"
    grow: float = 4.0
    feather: float = 0.0


def clean(mask: Tensor, steps: CleanUp) -> tuple[Tensor, list[str]]:
    """Clean a mask up and tell what that changed.

    Args:
        mask: [B, H, W] float, 0 = keep, 1 = repaint.
        steps: what to do.

    Returns:
        the cleaned mask [B, H, W] and one sentence for every step that changed a pixel, in order.
    """
    messages: list[str] = []

    def step(after: Tensor, sentence: str) -> None:
        nonlocal mask
        changed = int((after != mask).sum())
        if changed:
            messages.append(f"{sentence} ({changed:,} px)")
        mask = after

    if steps.invert:
        step(operators.invert(mask), "inverted")
    if (steps.black, steps.white, steps.gamma) != (0, 1, 1):
        after = operators.levels(mask, steps.black, steps.white, steps.gamma)
        bend = "" if steps.gamma == 1 else f" with gamma {steps.gamma:g}"
        step(after, f"stretched values from {steps.black:g} to {steps.white:g}{bend}")
    if steps.smooth_time > 0:
        step(operators.smooth_over_time(mask, steps.smooth_time), f"averaged over {steps.smooth_time:g} frames")
    if steps.threshold > 0:
        step(operators.threshold(mask, steps.threshold), f"made values from {steps.threshold:g} up 1, others 0")
    elif steps.snap_tolerance > 0:
        step(
            operators.snap(mask, steps.snap_tolerance), f"made values within {steps.snap_tolerance:g} of 0 and 1 exact"
        )
    if steps.fill_holes:
        limit = f" up to {steps.max_hole} px" if steps.max_hole else ""
        step(operators.fill_holes(mask, steps.max_hole or None), f"filled holes{limit}")
    if steps.min_area > 0:
        step(without_specks(mask, steps.min_area), f"removed specks under {steps.min_area} px")
    if steps.keep_largest > 0:
        step(operators.keep_largest(mask, steps.keep_largest), f"kept the {steps.keep_largest} largest")
    if steps.close > 0:
        step(operators.close(mask, steps.close), f"closed gaps under {2 * steps.close:g} px")
    if steps.open > 0:
        step(operators.open(mask, steps.open), f"removed strokes under {2 * steps.open:g} px")
    if steps.smooth_outline > 0:
        step(
            operators.smooth_outline(mask, steps.smooth_outline), f"smoothed the outline by {steps.smooth_outline:g} px"
        )
    replace = SHAPES[steps.shape]
    if replace:
        step(replace(mask), f"took its {steps.shape}")
    if steps.grow:
        verb = "grew by" if steps.grow > 0 else "shrank by"
        step(operators.grow(mask, steps.grow), f"{verb} {abs(steps.grow):g} px")
    if steps.feather > 0:
        step(operators.feather(mask, steps.feather), f"feathered over {steps.feather:g} px")
    return mask, messages


def coverage(mask: Tensor, shown: str = "picture") -> str:
    """How much of what is shown is to be repainted, in words. mask: [B, H, W]."""
    covered, all_of_it = int(torch.count_nonzero(mask)), mask.numel()
    if covered == 0:
        return "The mask is empty: nothing will be repainted."
    if covered == all_of_it:
        return f"The mask is full: the whole {shown} will be repainted."
    share = covered / all_of_it
    if share < 0.001:
        return f"The mask covers less than 0.1% of the {shown}."
    if share > 0.999:
        return f"The mask covers all but less than 0.1% of the {shown}."
    return f"The mask covers {share:.1%} of the {shown}."


def without_specks(mask: Tensor, area: int) -> Tensor:
    """The mask without its specks; but a frame that holds nothing else keeps them, since there a touch-up is meant.

    Args:
        mask: [B, H, W] float.
        area: patches of fewer pixels are specks.
    """
    kept = operators.remove_specks(mask, area)
    holds_more = kept.flatten(1).any(dim=1)
    return torch.where(holds_more[:, None, None], kept, mask)
