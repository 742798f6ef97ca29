"""Menu Mend/Crop: the part of a picture around its mask at the size that the model likes best, and its way back."""

import math
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from .. import host
from ..inpaint import colour
from ..inpaint.blends import METHODS, max_change
from ..inpaint.box_path import plan_path
from ..inpaint.checks import as_mask, match
from ..inpaint.clean import coverage
from ..inpaint.crop import Stitch, crop, crop_like
from ..inpaint.finish import Finish
from ..inpaint.geometry import Area, Context, Size, Target, join, plan_box
from ..inpaint.mask_boxes import mask_boxes
from ..inpaint.native_size import MULTIPLE, native_side
from ..inpaint.padding import BORDERS
from ..inpaint.stitch import on_picture, stitch
from .choices import check_choices
from .widgets import advanced, all_advanced, count, pixels, share

StitchType = io.Custom("MEND_STITCH")
OWN, MEGAPIXELS, GIVEN, KEEP = "model's own", "megapixels", "width and height", "keep"
ONE_BOX, PATH = "one box for all", "smooth path"


class CropForInpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendCropForInpaint",
            display_name="Crop for Inpainting",
            category="Mend/Crop",
            description="Crops the picture around the mask, with its surroundings, and scales the crop to the size the "
            "model was trained on: small things are repainted in full detail. Stitch Inpainted Crop puts it back.",
            inputs=[
                io.Image.Input("image", tooltip="The picture, or a film's frames."),
                io.Mask.Input("mask", tooltip="What is to be repainted."),
                io.Float.Input(
                    "context_factor",
                    default=1.5,
                    min=1.0,
                    max=16.0,
                    step=0.05,
                    tooltip="How much of the picture to show: 1.5 is half as much again as the mask is wide and high.",
                ),
                count("context_pixels", 32, "Pixels of the picture to show besides, on every side.", most=8192),
                io.Combo.Input(
                    "size",
                    options=[OWN, MEGAPIXELS, GIVEN, KEEP],
                    default=OWN,
                    tooltip="What the crop is scaled to. model's own: the number of pixels that the model was trained "
                    "on (connect it; 1024x1024 without). keep: it is not scaled.",
                ),
                io.Mask.Input("context_mask", optional=True, tooltip="What the crop is to show as well."),
                io.Model.Input("model", optional=True, tooltip="Tells the size it was trained on."),
                io.Vae.Input("vae", optional=True, tooltip="Tells the multiple that its latents ask for."),
                *all_advanced(
                    io.Float.Input(
                        "megapixels", default=1.0, min=0.05, max=64.0, step=0.05, tooltip="Of 1024x1024 pixels."
                    ),
                    io.Int.Input("width", default=1024, min=8, max=16384, tooltip="For width and height, in pixels."),
                    io.Int.Input("height", default=1024, min=8, max=16384, tooltip="For width and height, in pixels."),
                    io.Combo.Input(
                        "film",
                        options=[ONE_BOX, PATH],
                        default=ONE_BOX,
                        tooltip="For a batch. one box for all: it holds the masks of all frames. smooth path: a box of "
                        "one size that follows the mask without a jitter.",
                    ),
                    io.Combo.Input(
                        "border",
                        options=list(BORDERS),
                        default="reflect",
                        tooltip="What is shown beyond the picture where it is smaller than the crop. It is never "
                        "repainted.",
                    ),
                    io.Boolean.Input(
                        "linear_light",
                        default=False,
                        tooltip="Average light in scaling, not its code: fine bright detail keeps its brightness.",
                    ),
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The crop."),
                io.Mask.Output(display_name="mask", tooltip="The mask, cropped and scaled along."),
                StitchType.Output(display_name="stitch", tooltip="For Stitch Inpainted Crop and Crop by Box."),
                io.Int.Output(display_name="x", tooltip="First column of the box, in pixels of the picture."),
                io.Int.Output(display_name="y", tooltip="First row of the box."),
                io.Int.Output(display_name="width", tooltip="Width of the box."),
                io.Int.Output(display_name="height", tooltip="Height of the box."),
            ],
        )

    @classmethod
    def validate_inputs(cls, size: str | None, film: str | None = None, border: str | None = None) -> bool | str:
        return check_choices(cls, size=size, film=film, border=border)

    @classmethod
    def execute(
        cls,
        image: Tensor,
        mask: Tensor,
        context_factor: float,
        context_pixels: int,
        size: str,
        context_mask: Tensor | None = None,
        model: Any = None,
        vae: Any = None,
        megapixels: float = 1.0,
        width: int = 1024,
        height: int = 1024,
        film: str = ONE_BOX,
        border: str = "reflect",
        linear_light: bool = False,
    ) -> io.NodeOutput:
        image, mask = match(image, mask)
        picture, boxes = Size(image.shape[2], image.shape[1]), mask_boxes(mask)
        also = [] if context_mask is None else mask_boxes(match(image, context_mask)[1])
        kind = None if model is None else host.model_inputs(model).kind
        targets: dict[str, Target] = {
            OWN: Area.square(native_side(kind)),
            MEGAPIXELS: Area.megapixels(megapixels),
            GIVEN: Size(width, height),
            KEEP: None,
        }
        multiple = MULTIPLE if vae is None else math.lcm(MULTIPLE, 2 * host.vae_ratio(vae))
        settings = {"context": Context(context_factor, context_pixels), "target": targets[size], "multiple": multiple}
        if film == PATH:
            plans = plan_path(boxes, picture, also=also, **settings)
        else:
            plans = [plan_box(join(boxes), picture, also=join(also), **settings)]
        cropped = crop(image, mask, plans, border, linear_light)
        box = plans[0].box
        told = [f"Cropped {box.size} of {picture} to {plans[0].target}.", coverage(cropped.mask)]
        if not any(boxes):
            told.insert(0, "The mask is empty: the whole picture is taken.")
        return io.NodeOutput(*cropped, box.x, box.y, box.width, box.height, ui={"text": ("\n".join(told),)})


class StitchCrop(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendStitchCrop",
            display_name="Stitch Inpainted Crop",
            category="Mend/Crop",
            description="Puts a repainted crop back into its picture. Beyond the mask and its soft edge every pixel "
            "stays bit-identical.",
            inputs=[
                StitchType.Input("stitch", tooltip="From Crop for Inpainting."),
                io.Image.Input("image", tooltip="The repainted crop; an upscaled one will do."),
                *_finish_inputs(),
                advanced(io.Mask.Input("mask", tooltip="What to take of the crop, instead of its own mask.")),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The whole picture."),
                io.Mask.Output(display_name="composite_mask", tooltip="How much was pasted where."),
            ],
        )

    @classmethod
    def validate_inputs(cls, blend: str | None, colour: str | None) -> bool | str:
        return check_choices(cls, blend=blend, colour=colour)

    @classmethod
    def execute(
        cls,
        stitch: Stitch,
        image: Tensor,
        feather: float,
        blend: str,
        colour: str,
        colour_strength: float = 1.0,
        ring: float = 32.0,
        align: bool = False,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        finish = Finish(blend, colour, colour_strength, ring, align)
        made = _stitch(stitch, image, feather, finish, None if mask is None else as_mask(mask))
        told = [*finish.told]
        if made.unusable:
            told.append(f"{made.unusable:,} repainted pixels were not numbers and were left as they were.")
        composite = on_picture(made.weights, stitch.plans)
        original = stitch.image.expand(len(made.image), -1, -1, -1)
        outside = max_change(original, made.image, (composite == 0).expand(len(made.image), -1, -1))
        share_of_it = float((composite > 0).float().mean())
        told.insert(0, f"Pasted over {share_of_it:.1%} of the picture. Largest change outside: {outside:g}.")
        return io.NodeOutput(made.image, composite, ui={"text": ("\n".join(told),)})


class CropByBox(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendCropByBox",
            display_name="Crop by Box",
            category="Mend/Crop",
            description="Crops another picture where Crop for Inpainting cropped: a control image, a depth map, "
            "another pass of the same scene, of any size.",
            inputs=[
                StitchType.Input("stitch", tooltip="From Crop for Inpainting."),
                io.Image.Input("image", tooltip="A picture of the whole scene, at any size."),
                advanced(
                    io.Combo.Input(
                        "border",
                        options=list(BORDERS),
                        default="reflect",
                        tooltip="What is shown beyond the picture, as in Crop for Inpainting.",
                    )
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The crop, at the size of the other one.")],
        )

    @classmethod
    def validate_inputs(cls, border: str | None = None) -> bool | str:
        return check_choices(cls, border=border)

    @classmethod
    def execute(cls, stitch: Stitch, image: Tensor, border: str = "reflect") -> io.NodeOutput:
        return io.NodeOutput(crop_like(image, stitch.plans, border, stitch.linear))


# The function has the name of an input.
_stitch = stitch


def _finish_inputs() -> list[io.Input]:
    return [
        pixels("feather", 16.0, "Width of the soft edge around the mask, in pixels of the picture."),
        io.Combo.Input(
            "blend",
            options=list(METHODS),
            default="multiband",
            tooltip="feather mixes along the soft edge. multiband mixes what is coarse over a wide edge and detail "
            "over a narrow one. poisson keeps the crop's detail and takes the values around it.",
        ),
        io.Combo.Input(
            "colour",
            options=list(colour.METHODS),
            default="field",
            tooltip="Corrects the crop's colour by what is known around the mask. mean-std: one shift and contrast for "
            "all. field: a smooth field, different on every side. none leaves it.",
        ),
        *all_advanced(
            share("colour_strength", 1.0, "How much of the correction is made."),
            pixels("ring", 32.0, "Width in pixels of the known ring that colour and place are fitted on."),
            io.Boolean.Input(
                "align",
                default=False,
                tooltip="Undo a shift or a change of size that the model gave to the whole crop, as edit models do. It "
                "is found on the known ring, and left where that is not sure.",
            ),
        ),
    ]
