"""Menu Mend/Crop: crop a picture around its mask to the model's native size, and stitch the crop back."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import as_mask, match
from ...inpaint.core.geometry import Size, join
from ...inpaint.crops.box_path import plan_path
from ...inpaint.crops.crop import Stitch, crop, crop_like
from ...inpaint.crops.crop_plan import plan_box
from ...inpaint.crops.regions import RegionStitch, regions_like
from ...inpaint.crops.stitch import on_picture, stretch_report
from ...inpaint.crops.stitch import stitch as put_back
from ...inpaint.imaging.padding import BORDERS
from ...inpaint.masks.boxes import mask_boxes
from ...inpaint.masks.clean import coverage
from ...inpaint.masks.far_specks import boxes_without_far_specks
from ..shared.choices import check_choices
from ..shared.crop_inputs import (
    SHIFT_AND_SIZE,
    context_inputs,
    finish_inputs,
    finish_of,
    model_inputs,
    planned,
    scaling_inputs,
    size_inputs,
    stitch_outputs,
    stitched,
)
from ..shared.types import RegionStitchType, StitchType
from ..shared.widgets import advanced, all_advanced, count

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
                io.Image.Input("image", tooltip="The picture, or a video's frames."),
                io.Mask.Input("mask", tooltip="What is to be repainted."),
                *context_inputs(),
                io.Mask.Input("context_mask", optional=True, tooltip="What the crop is to show as well."),
                *model_inputs(),
                *all_advanced(
                    *size_inputs(),
                    io.Combo.Input(
                        "video",
                        options=[ONE_BOX, PATH],
                        default=ONE_BOX,
                        tooltip="For a batch. one box for all: it holds the masks of all frames. smooth path: a box of "
                        "one size that follows the mask without a jitter.",
                    ),
                    *scaling_inputs(),
                    count(
                        "ignore_specks",
                        16,
                        "Patches of the mask of fewer pixels than this do not count if they would make the crop much "
                        "larger. 0: all count.",
                        most=100_000,
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
    def validate_inputs(cls, size: str | None, video: str | None = None, border: str | None = None) -> bool | str:
        return check_choices(cls, size=size, video=video, border=border)

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
        video: str = ONE_BOX,
        border: str = "reflect",
        linear_light: bool = False,
        ignore_specks: int = 16,
    ) -> io.NodeOutput:
        image, mask = match(image, mask)
        if context_mask is not None:
            image, context_mask = match(image, context_mask, "context_mask")
            mask = mask.expand(len(image), -1, -1)
        picture = Size(image.shape[2], image.shape[1])
        boxes, specks = boxes_without_far_specks(mask, ignore_specks)
        context_boxes = [] if context_mask is None else mask_boxes(context_mask)
        settings = planned(model, vae, context_factor, context_pixels, size, megapixels, width, height)
        if video == PATH:
            plans = plan_path(boxes, picture, also=context_boxes, **settings)
        else:
            plans = [plan_box(join(boxes), picture, also=join(context_boxes), **settings)]
        cropped = crop(image, mask, plans, border, linear_light)
        box = plans[0].box
        messages = [f"Cropped {box.size} of {picture} to {plans[0].target}."]
        if specks:
            messages.append(
                f"Left out {specks} speck{'s' * (specks > 1)} of fewer than {ignore_specks} px, which would make the "
                "crop much larger. To crop them too, set ignore_specks to 0."
            )
        if any(boxes):
            messages.append(coverage(cropped.mask, "crop"))
        else:
            messages.insert(0, "The mask is empty: the crop is the whole picture, and nothing will be repainted.")
        return io.NodeOutput(*cropped, box.x, box.y, box.width, box.height, ui={"text": ("\n".join(messages),)})


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
                *finish_inputs(),
                advanced(
                    io.Mask.Input(
                        "mask",
                        tooltip="What to take of the crop, instead of its mask. It may be one of the whole picture.",
                    )
                ),
            ],
            outputs=stitch_outputs(),
        )

    @classmethod
    def validate_inputs(cls, blend: str | None, color_match: str | None, registration: str | None = None) -> bool | str:
        return check_choices(cls, blend=blend, color_match=color_match, registration=registration)

    @classmethod
    def execute(
        cls,
        stitch: Stitch,
        image: Tensor,
        feather: float,
        blend: str,
        color_match: str,
        color_strength: float = 1.0,
        ring_width: float = 32.0,
        align: bool = False,
        registration: str = SHIFT_AND_SIZE,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        finish = finish_of(blend, color_match, color_strength, ring_width, align, registration)
        result = put_back(stitch, image, feather, finish, None if mask is None else as_mask(mask))
        composite = on_picture(result.weights, stitch.plans)
        messages = [*stretch_report(image, stitch.plans[0].target), *finish.messages]
        return stitched(stitch.image, result.image, composite, result.unusable, messages)


class CropByBox(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendCropByBox",
            display_name="Crop by Box",
            category="Mend/Crop",
            description="Crops another picture where Crop for Inpainting or Crop Regions cropped: a control image, a "
            "depth map, another pass of the same scene, of any size.",
            inputs=[
                io.MultiType.Input(
                    "stitch", [StitchType, RegionStitchType], tooltip="From Crop for Inpainting or Crop Regions."
                ),
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
    def execute(cls, stitch: Stitch | RegionStitch, image: Tensor, border: str = "reflect") -> io.NodeOutput:
        if isinstance(stitch, RegionStitch):
            return io.NodeOutput(regions_like(image, stitch, border))
        return io.NodeOutput(crop_like(image, stitch.plans, border, stitch.linear))
