"""Read a mask, fit it to its picture, and show it in the node with a report."""

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ...inpaint.core.checks import as_mask, clear_near_zero, match
from ...inpaint.masks.clean import coverage
from ...inpaint.masks.overlay import overlay

# Previews are small on the canvas, and each one is written as a file.
MOST_SHOWN = 8
LONGEST_SIDE = 1024


def read(mask: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor | None, list[str]]:
    """Read a mask, clear its near-zero values, and match it to its picture, if there is one.

    Returns:
        The mask [B, H, W]; the picture [B, H, W, C] or None; and one message for each change.
    """
    mask = as_mask(mask)
    clear = clear_near_zero(mask)
    messages = [] if torch.equal(clear, mask) else ["removed near-zero values (under 1.5 of 255)"]
    if image is None:
        return clear, None, messages
    height, width = mask.shape[1:]
    image, mask = match(image, mask)
    if mask.shape[1:] != (height, width):
        messages.insert(0, f"resized from {width}x{height} to {mask.shape[2]}x{mask.shape[1]}")
    return mask, image, messages


def preview(cls: type[io.ComfyNode], mask: Tensor, image: Tensor | None) -> dict:
    """Return a node's preview: the mask over its picture, or alone. At most `MOST_SHOWN`, scaled to `LONGEST_SIDE`."""
    mask = _small(mask[:MOST_SHOWN, None])[:, 0]
    if image is None:
        return ui.PreviewMask(mask, cls=cls).as_dict()
    colors = _small(image[:MOST_SHOWN, ..., :3].movedim(-1, 1))
    return ui.PreviewImage(overlay(colors.movedim(1, -1), mask), cls=cls).as_dict()


def _small(planes: Tensor) -> Tensor:
    """Return [B, C, H, W] in float32, shrunk to `LONGEST_SIDE` pixels."""
    ratio = LONGEST_SIDE / max(planes.shape[2:])
    if ratio >= 1:
        return planes.float()
    size = [max(1, round(side * ratio)) for side in planes.shape[2:]]
    return torch.nn.functional.interpolate(planes.float(), size=size, mode="area")


def shown(cls: type[io.ComfyNode], mask: Tensor, image: Tensor | None, *messages: str) -> io.NodeOutput:
    """Return the mask as a node's only output, with a preview, the messages, and its coverage."""
    return io.NodeOutput(mask, ui={**preview(cls, mask, image), "text": ("\n".join([*messages, coverage(mask)]),)})
