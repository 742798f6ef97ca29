"""Clean Mask: all steps of the clean-up in one node."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.masks.clean import SHAPES, CleanUp, clean
from ..shared.choices import check_choices
from ..shared.mask_preview import read, shown
from ..shared.widgets import all_advanced, count, picture_of_mask, pixels, share


class CleanMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        usual = CleanUp()
        return io.Schema(
            node_id="MendCleanMask",
            display_name="Clean Mask",
            category="Mend/Mask",
            description="Turns a painted or detected mask into a clean one: hard values, no pinholes, no specks, a "
            "margin around the object. 0 or off leaves a step out. White (1) is repainted.",
            inputs=[
                io.Mask.Input("mask", tooltip="White (1) is repainted, black (0) is kept. Any size and batch."),
                picture_of_mask(),
                pixels(
                    "grow",
                    usual.grow,
                    "Widen the mask by this many pixels in every direction, so that no edge of the object is left. "
                    "Below zero it shrinks.",
                    least=-512.0,
                ),
                pixels(
                    "feather",
                    usual.feather,
                    "Width of a soft edge in pixels, half of it on either side of the outline.",
                ),
                io.Boolean.Input("invert", default=usual.invert, tooltip="Swap what is repainted and what is kept."),
                share(
                    "threshold",
                    usual.threshold,
                    "Values from here up become 1, lower ones 0. 0 keeps soft values as they are.",
                ),
                io.Boolean.Input(
                    "fill_holes", default=usual.fill_holes, tooltip="Close holes that the mask surrounds completely."
                ),
                count(
                    "min_area",
                    usual.min_area,
                    "Patches with fewer pixels than this are specks and are removed. 0 keeps all.",
                    most=1_000_000,
                ),
                *all_advanced(
                    share(
                        "black",
                        usual.black,
                        "Before all else but inverting: this value and lower ones become 0, and the rest is stretched.",
                    ),
                    share(
                        "white",
                        usual.white,
                        "This value and higher ones become 1, and the rest is stretched. Above black.",
                    ),
                    io.Float.Input(
                        "gamma",
                        default=usual.gamma,
                        min=0.05,
                        max=20.0,
                        step=0.05,
                        tooltip="Above 1 raises the values between black and white, below 1 lowers them.",
                    ),
                    io.Float.Input(
                        "smooth_time",
                        default=usual.smooth_time,
                        min=0.0,
                        max=10.0,
                        step=0.1,
                        tooltip="For masks that are the frames of a video: average over this many frames (standard "
                        "deviation) before the threshold. From 0.8 a flicker of one frame goes, from 1.5 one of two.",
                    ),
                    share(
                        "snap_tolerance",
                        usual.snap_tolerance,
                        "With threshold 0: values this near to 0 or 1 become exactly that.",
                        most=0.49,
                    ),
                    count(
                        "max_hole",
                        usual.max_hole,
                        "Fill only holes of up to so many pixels. 0 fills all.",
                        most=100_000_000,
                    ),
                    count(
                        "keep_largest",
                        usual.keep_largest,
                        "Keep only so many patches, the largest of each mask. 0 keeps all.",
                        most=1000,
                    ),
                    pixels("close", usual.close, "Close gaps and notches narrower than twice this, in pixels."),
                    pixels("open", usual.open, "Remove strokes and spurs narrower than twice this, in pixels."),
                    pixels(
                        "smooth_outline",
                        usual.smooth_outline,
                        "Smooth bumps and notches of up to about so many pixels out of a jagged outline. Makes the "
                        "mask hard.",
                        most=64.0,
                    ),
                    io.Combo.Input(
                        "shape",
                        options=list(SHAPES),
                        default=usual.shape,
                        tooltip="What takes the mask's place before it grows: itself, the convex hull of all of it, "
                        "or its bounding box.",
                    ),
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="The cleaned mask, [B, H, W].")],
        )

    @classmethod
    def validate_inputs(cls, shape: str | None = None) -> bool | str:
        return check_choices(cls, shape=shape)

    @classmethod
    def execute(cls, mask: Tensor, image: Tensor | None = None, **steps: Any) -> io.NodeOutput:
        mask, image, messages = read(mask, image)
        cleaned, changes = clean(mask, CleanUp(**steps))
        messages += changes
        return shown(cleaned, image, f"Changed: {'; '.join(messages)}." if messages else "Nothing had to be changed.")
