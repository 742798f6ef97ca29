"""Menu Mend/Mask: getting a mask right before it is used."""

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor

from ..inpaint.checks import as_mask, match
from ..inpaint.clean import CleanUp, clean, coverage
from ..inpaint.overlay import overlay


class CleanMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        usual = CleanUp()
        return io.Schema(
            node_id="MendCleanMask",
            display_name="Clean Mask",
            category="Mend/Mask",
            description="Turns a painted or detected mask into a clean one: hard values, no pinholes, no specks, a "
            "margin around the object. Steps run from top to bottom; 0 or off leaves one out. White (1) is repainted.",
            inputs=[
                io.Mask.Input("mask", tooltip="White (1) is repainted, black (0) is kept. Any size and batch."),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The picture the mask belongs to: the mask is matched to its size and batch, and shown "
                    "over it.",
                ),
                io.Boolean.Input("invert", default=usual.invert, tooltip="Swap what is repainted and what is kept."),
                io.Float.Input(
                    "threshold",
                    default=usual.threshold,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Values from here up become 1, lower ones 0. 0 keeps soft values as they are.",
                ),
                io.Boolean.Input(
                    "fill_holes", default=usual.fill_holes, tooltip="Close holes that the mask surrounds completely."
                ),
                io.Int.Input(
                    "min_area",
                    default=usual.min_area,
                    min=0,
                    max=1_000_000,
                    tooltip="Patches with fewer pixels than this are specks and are removed. 0 keeps all.",
                ),
                io.Float.Input(
                    "grow",
                    default=usual.grow,
                    min=-512.0,
                    max=512.0,
                    step=0.5,
                    tooltip="Widen the mask by this many pixels in every direction, so that no edge of the object is "
                    "left. Below zero it shrinks.",
                ),
                io.Float.Input(
                    "feather",
                    default=usual.feather,
                    min=0.0,
                    max=512.0,
                    step=0.5,
                    tooltip="Width of a soft edge in pixels, half of it to each side of the outline.",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="The cleaned mask, [B, H, W].")],
        )

    @classmethod
    def execute(cls, mask: Tensor, image: Tensor | None = None, **steps: Any) -> io.NodeOutput:
        told = []
        mask = as_mask(mask)
        if image is not None:
            was = mask.shape
            image, mask = match(image, mask)
            if mask.shape[1:] != was[1:]:
                told.append(f"resized from {was[2]}x{was[1]} to {mask.shape[2]}x{mask.shape[1]}")
        cleaned, changes = clean(mask, CleanUp(**steps))
        told += changes
        report = f"Changed: {'; '.join(told)}." if told else "Nothing had to be changed."
        preview = (
            ui.PreviewMask(cleaned.float(), cls=cls)
            if image is None
            else ui.PreviewImage(overlay(image, cleaned).float(), cls=cls)
        )
        return io.NodeOutput(cleaned, ui={**preview.as_dict(), "text": (f"{report}\n{coverage(cleaned)}",)})
