"""Menu Mend/Crop: crop several masked regions of a picture, and stitch them back."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import as_bhw, check_image, clear_near_zero, match_mask
from ...inpaint.crops.regions import RegionStitch, crop_regions, stitch_regions
from ...inpaint.crops.stitch import stretch_report
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
from ..shared.types import RegionStitchType
from ..shared.widgets import all_advanced, count

ONE_PICTURE, PER_MASK = "one picture", "one picture per mask"


class CropRegions(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendCropRegions",
            display_name="Crop Regions",
            category="Mend/Crop",
            description="Crops every masked region by itself, all to one size, as a batch for one sampler: faces of a "
            "group, scratches of a photo. Regions near each other are taken together.",
            inputs=[
                io.Image.Input("image", tooltip="The picture, or several."),
                io.Mask.Input(
                    "mask", tooltip="All that is to be repainted: in one mask, or in several, as a detector gives them."
                ),
                *context_inputs(),
                *model_inputs(),
                *all_advanced(
                    *size_inputs(),
                    *scaling_inputs(),
                    count(
                        "max_regions",
                        64,
                        "More regions of a picture are refused: specks, most likely.",
                        most=4096,
                        least=1,
                    ),
                    io.Combo.Input(
                        "mask_batch",
                        options=[ONE_PICTURE, PER_MASK],
                        default=ONE_PICTURE,
                        tooltip="For several masks of one picture. one picture: Stitch Regions makes all edits in it. "
                        "one picture per mask: as many pictures as masks.",
                    ),
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="One crop for each region, top to bottom."),
                io.Mask.Output(display_name="mask", tooltip="Of each crop the mask of its own region alone."),
                RegionStitchType.Output(display_name="stitch", tooltip="For Stitch Regions and Crop by Box."),
                io.Int.Output(display_name="count", tooltip="How many there are."),
            ],
        )

    @classmethod
    def validate_inputs(cls, size: str | None, border: str | None = None, mask_batch: str | None = None) -> bool | str:
        return check_choices(cls, size=size, border=border, mask_batch=mask_batch)

    @classmethod
    def execute(
        cls,
        image: Tensor,
        mask: Tensor,
        context_factor: float,
        context_pixels: int,
        size: str,
        model: Any = None,
        vae: Any = None,
        megapixels: float = 1.0,
        width: int = 1024,
        height: int = 1024,
        border: str = "reflect",
        linear_light: bool = False,
        max_regions: int = 64,
        mask_batch: str = ONE_PICTURE,
    ) -> io.NodeOutput:
        settings = planned(model, vae, context_factor, context_pixels, size, megapixels, width, height)
        check_image(image)
        batch = len(image) if len(image) > 1 else len(as_bhw(mask))
        rows, columns = image.shape[1:3]
        mask = clear_near_zero(match_mask(mask, rows, columns, batch))
        settings |= {"border": border, "linear": linear_light, "max_regions": max_regions}
        cropped = crop_regions(image, mask, one_picture=mask_batch == ONE_PICTURE, **settings)
        regions = len(cropped.image)
        message = f"{regions} region{'' if regions == 1 else 's'}, cropped to {cropped.stitch.plans[0].target}."
        if not mask.any():
            message = "The mask is empty: the crop is the whole picture."
        elif len(image) == 1 < len(mask):
            made = "one picture" if cropped.stitch.count == 1 else f"{len(mask)} pictures"
            message += f" {len(mask)} masks of one picture: Stitch Regions makes {made} of them."
        return io.NodeOutput(*cropped, regions, ui={"text": (message,)})


class StitchRegions(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendStitchRegions",
            display_name="Stitch Regions",
            category="Mend/Crop",
            description="Puts the repainted crops of all regions back into one picture, in any order without one "
            "harming the other. Beyond the masks and their soft edges every pixel stays bit-identical.",
            inputs=[
                RegionStitchType.Input("stitch", tooltip="From Crop Regions."),
                io.Image.Input("image", tooltip="The repainted crops, as many as there were; upscaled ones will do."),
                *finish_inputs(),
            ],
            outputs=stitch_outputs(),
        )

    @classmethod
    def validate_inputs(cls, blend: str | None, color_match: str | None, registration: str | None = None) -> bool | str:
        return check_choices(cls, blend=blend, color_match=color_match, registration=registration)

    @classmethod
    def execute(
        cls,
        stitch: RegionStitch,
        image: Tensor,
        feather: float,
        blend: str,
        color_match: str,
        color_strength: float = 1.0,
        ring_width: float = 32.0,
        align: bool = False,
        registration: str = SHIFT_AND_SIZE,
    ) -> io.NodeOutput:
        finish = finish_of(blend, color_match, color_strength, ring_width, align, registration)
        result = stitch_regions(stitch, image, feather, finish)
        messages = [*stretch_report(image, stitch.plans[0].target), *finish.messages]
        return stitched(stitch.image, result.image, result.mask, result.unusable, messages)
