"""A mask on its way through a node: read, fitted to its picture, and shown in the node with a report."""

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ...inpaint.core.checks import as_mask, clear_near_zero, match
from ...inpaint.masks.clean import coverage
from ...inpaint.masks.overlay import overlay

# What a node shows is looked at on the canvas, and every picture of it is written as a file.
MOST_SHOWN = 8
LONGEST_SIDE = 1024


def read(mask: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor | None, list[str]]:
    """The mask, at its picture's size and batch where there is one; that picture; and what was done, in words."""
    mask = as_mask(mask)
    clear = clear_near_zero(mask)
    messages = [] if torch.equal(clear, mask) else ["removed a haze under 1.5 of 255"]
    if image is None:
        return clear, None, messages
    height, width = mask.shape[1:]
    image, mask = match(image, mask)
    if mask.shape[1:] != (height, width):
        messages.insert(0, f"resized from {width}x{height} to {mask.shape[2]}x{mask.shape[1]}")
    return mask, image, messages


def preview(cls: type[io.ComfyNode], mask: Tensor, image: Tensor | None) -> dict:
    """The pictures of a node's output: the mask over its picture, or by itself; the first few, and not too large."""
    mask = _small(mask[:MOST_SHOWN, None])[:, 0]
    if image is None:
        return ui.PreviewMask(mask, cls=cls).as_dict()
    colors = _small(image[:MOST_SHOWN, ..., :3].movedim(-1, 1))
    return ui.PreviewImage(overlay(colors.movedim(1, -1), mask), cls=cls).as_dict()


def _small(planes: Tensor) -> Tensor:
    """[B, C, H, W] float32, shrunk to the longest side that is shown."""
    ratio = LONGEST_SIDE / max(planes.shape[2:])
    if ratio >= 1:
        return planes.float()
    size = [max(1, round(side * ratio)) for side in planes.shape[2:]]
    return torch.nn.functional.interpolate(planes.float(), size=size, mode="area")


def shown(cls: type[io.ComfyNode], mask: Tensor, image: Tensor | None, *messages: str) -> io.NodeOutput:
    """The mask as a node's only output, with a look at it, these lines, and how much it covers."""
    return io.NodeOutput(mask, ui={**preview(cls, mask, image), "text": ("\n".join([*messages, coverage(mask)]),)})
