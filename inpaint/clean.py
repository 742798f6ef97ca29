"""Mask clean-up in the order a person would do it, with a sentence for everything it changed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from . import masks


@dataclass(frozen=True)
class CleanUp:
    """What to do to a mask, in this order. Zero or False turns a step off.

    threshold: at or above it a value becomes 1, below it 0; in 0..1.
    min_area: patches of fewer pixels are removed.
    grow: pixels by which the repainted area widens; below zero it shrinks.
    feather: width of the soft edge in pixels, half of it to each side of the outline.
    """

    invert: bool = False
    threshold: float = 0.5
    fill_holes: bool = True
    min_area: int = 16
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
    told: list[str] = []

    def step(after: Tensor, sentence: str) -> Tensor:
        nonlocal mask
        changed = int((after != mask).sum())
        if changed:
            told.append(f"{sentence} ({changed:,} px)")
        return after

    if steps.invert:
        mask = step(masks.invert(mask), "inverted")
    if steps.threshold > 0:
        mask = step(masks.threshold(mask, steps.threshold), f"made values from {steps.threshold:g} up 1, others 0")
    if steps.fill_holes:
        mask = step(masks.fill_holes(mask), "filled holes")
    if steps.min_area > 0:
        mask = step(masks.remove_specks(mask, steps.min_area), f"removed specks under {steps.min_area} px")
    if steps.grow:
        verb = "grew by" if steps.grow > 0 else "shrank by"
        mask = step(masks.grow(mask, steps.grow), f"{verb} {abs(steps.grow):g} px")
    if steps.feather > 0:
        mask = step(masks.feather(mask, steps.feather), f"feathered over {steps.feather:g} px")
    return mask, told


def coverage(mask: Tensor) -> str:
    """How much of the picture is to be repainted, in words. mask: [B, H, W]."""
    share = float((mask > 0).float().mean())
    if share == 0:
        return "The mask is empty: nothing will be repainted."
    if share == 1:
        return "The mask is full: the whole picture will be repainted."
    return f"The mask covers {share:.1%} of the picture."
