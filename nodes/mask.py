"""Menu Mend/Mask: getting a mask right before it is used."""

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..inpaint.masks import feather as soften
from ..inpaint.masks import grow as widen
from ..inpaint.masks.clean import SHAPES, CleanUp, clean, coverage
from ..inpaint.masks.inpaint_masks import inpaint_masks
from ..inpaint.masks.operators.edges import FALLOFFS, SIDES
from .choices import check_choices
from .shown import preview, read, shown
from .widgets import all_advanced, count, picture_of_mask, pixels, share


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
                        tooltip="For masks that are the frames of a film: average over this many frames (standard "
                        "deviation) before the threshold. From 0.8 a flicker of one frame goes, from 1.5 one of two.",
                    ),
                    share(
                        "snap",
                        usual.snap,
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
        mask, image, told = read(mask, image)
        cleaned, changes = clean(mask, CleanUp(**steps))
        told += changes
        return shown(cls, cleaned, image, f"Changed: {'; '.join(told)}." if told else "Nothing had to be changed.")


class GrowFeatherMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendGrowFeatherMask",
            display_name="Grow and Feather Mask",
            category="Mend/Mask",
            description="Widens a mask by a true distance and gives it a soft edge of an exact width, in real pixels. "
            "Neither fades where the mask runs off the picture.",
            inputs=[
                io.Mask.Input("mask", tooltip="White (1) is repainted. A soft mask grows with its soft edge."),
                picture_of_mask(),
                pixels(
                    "grow", 4.0, "Widen the mask by this many pixels in every direction. Below zero it shrinks.", -512.0
                ),
                pixels(
                    "feather",
                    8.0,
                    "Width of the soft edge in pixels. It ends at exactly 0 and 1. 0 leaves the edge as it is.",
                ),
                io.Combo.Input(
                    "side",
                    options=list(SIDES),
                    default="center",
                    tooltip="Where the soft edge lies: inside the outline (nothing is added), center (half on either "
                    "side), or outside (all of the mask stays 1).",
                ),
                io.Combo.Input(
                    "falloff",
                    options=list(FALLOFFS),
                    default="smooth",
                    tooltip="How it falls: smooth (flat at both ends), linear, or gaussian (a blur that ends).",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="The mask, [B, H, W] in 0..1.")],
        )

    @classmethod
    def validate_inputs(cls, side: str | None, falloff: str | None) -> bool | str:
        return check_choices(cls, side=side, falloff=falloff)

    @classmethod
    def execute(
        cls, mask: Tensor, grow: float, feather: float, side: str, falloff: str, image: Tensor | None = None
    ) -> io.NodeOutput:
        mask, image, _ = read(mask, image)
        return shown(cls, soften(widen(mask, grow), feather, side, falloff), image)


class InpaintMasks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaintMasks",
            display_name="Inpaint Masks",
            category="Mend/Mask",
            description="Makes the three masks of an inpaint from the mask of the object: denoise for sampling, "
            "conditioning for models with inpainting inputs, composite for pasting back.",
            inputs=[
                io.Mask.Input("mask", tooltip="The object. Where it is 0.5 or more, it is replaced for certain."),
                picture_of_mask(),
                pixels("grow", 4.0, "How far around the object all is repainted, in pixels."),
                pixels(
                    "feather",
                    8.0,
                    "Beyond that, the width in pixels over which repainting fades out. 0 ends it at once.",
                ),
                pixels(
                    "composite_feather",
                    8.0,
                    "Width in pixels of the soft edge with which the result is pasted back. It ends where the "
                    "repainting ends and never reaches into the object.",
                ),
            ],
            outputs=[
                io.Mask.Output(display_name="denoise", tooltip="Soft. For Encode for Inpainting, or any noise mask."),
                io.Mask.Output(
                    display_name="conditioning",
                    tooltip="0 and 1, its edge in the middle of the denoise mask's. For inpainting ControlNets and "
                    "the host's inpaint conditioning.",
                ),
                io.Mask.Output(
                    display_name="composite",
                    tooltip="Soft, and 0 wherever denoise is. For Decode and Composite with feather 0.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, mask: Tensor, grow: float, feather: float, composite_feather: float, image: Tensor | None = None
    ) -> io.NodeOutput:
        mask, image, _ = read(mask, image)
        made = inpaint_masks(mask, grow, feather, composite_feather)
        three = made.denoise, made.conditioning, made.composite
        told = [coverage(made.denoise), "Shown: denoise, conditioning, composite."]
        if made.composite_feather < composite_feather:
            told.append(
                f"The composite's soft edge is {made.composite_feather:g} px wide: grow and feather leave no room for "
                f"{composite_feather:g}."
            )
        first = torch.cat([each[:1] for each in three])
        shows = preview(cls, first, None if image is None else image[:1].expand(3, -1, -1, -1))
        return io.NodeOutput(*three, ui={**shows, "text": ("\n".join(told),)})
