"""Read a mask, fit it to its picture, and show it in the node with a report."""

import torch
from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.core.checks import as_mask, clear_near_zero, match
from ...inpaint.imaging.picture_files import encode, shrink
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
    messages = [] if clear is mask or torch.equal(clear, mask) else ["removed near-zero values (under 1.5 of 255)"]
    if image is None:
        return clear, None, messages
    height, width = mask.shape[1:]
    image, mask = match(image, mask)
    if mask.shape[1:] != (height, width):
        messages.insert(0, f"resized from {width}x{height} to {mask.shape[2]}x{mask.shape[1]}")
    return mask, image, messages


def preview(mask: Tensor, image: Tensor | None) -> dict:
    """Return a node's preview: the mask over its picture, or alone. At most `MOST_SHOWN`, shrunk to `LONGEST_SIDE`."""
    mask = shrink(mask[:MOST_SHOWN], LONGEST_SIDE)
    if image is None:
        return save(mask)
    return save(overlay(shrink(image[:MOST_SHOWN], LONGEST_SIDE), mask))


def save(pictures: Tensor) -> dict:
    """Write pictures [B, H, W, 3], or masks [B, H, W], as they are, and return what shows them in a node.

    Pictures and soft masks become JPEG, masks of only 0 and 1 PNG with 1 bit a pixel.
    """
    return host.save_previews(encode(picture) for picture in pictures.detach().to("cpu", torch.float32))


def shown(mask: Tensor, image: Tensor | None, *messages: str) -> io.NodeOutput:
    """Return the mask as a node's only output, with a preview, the messages, and its coverage."""
    return io.NodeOutput(mask, ui={**preview(mask, image), "text": ("\n".join([*messages, coverage(mask)]),)})
