"""Bring back what an editor erased under the mask."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.core.errors import InpaintError
from ...inpaint.masks.lost_pixels import pixels_are_lost, with_pixels_of

LOST = "The picture is black exactly under the mask, as if an editor had erased what it masks."


def unmasked_input() -> io.Image.Input:
    return io.Image.Input(
        "unmasked_image",
        tooltip="The picture before it was masked. Its pixels are used if those of image are black exactly under the "
        "mask, as some editors leave them.",
    )


def brought_back(
    image: Tensor, mask: Tensor, unmasked: Tensor | None, prompt: dict[str, Any] | None
) -> tuple[Tensor | None, str]:
    """Return a picture with its lost pixels, and a line for the report. None and "" if none are lost.

    They are taken from the connected picture, or from the file that the MaskEditor saved beside the masked one.

    Args:
        image: [B, H, W, C]; mask: [B, H, W] in 0..1.
        unmasked: a connected picture.
        prompt: the running prompt.

    Raises:
        InpaintError: if pixels are lost and the connected picture is not the same one.
    """
    if not pixels_are_lost(image, mask):
        return None, ""
    if unmasked is not None:
        found = with_pixels_of(image, mask, unmasked)
        if found is None:
            raise InpaintError(
                f"unmasked_image: expected the picture of image before it was masked, {list(image.shape)}, got "
                f"{list(unmasked.shape)} of another picture. Connect the file that was opened in the editor."
            )
        return found, f"{LOST} Its pixels were taken from unmasked_image."
    for name, picture in host.unmasked_files(prompt):
        found = with_pixels_of(image, mask, picture)
        if found is not None:
            return found, f"{LOST} Its pixels were taken from {name}."
    return None, (
        f"{LOST} Load the file that was opened in the editor with another Load Image, and connect it as "
        "unmasked_image, here or to Inspect Mask with repair."
    )
