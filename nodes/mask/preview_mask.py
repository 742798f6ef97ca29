"""Preview Mask over Image: show the masked area as a color overlay."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import match
from ...inpaint.imaging.color_names import parse_color
from ...inpaint.masks.clean import coverage
from ...inpaint.masks.overlay import OPACITY, RED, overlay
from ..shared.mask_preview import save


class PreviewMaskOverImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendPreviewMask",
            display_name="Preview Mask over Image",
            category="Mend/Mask",
            description="Shows a mask as a veil over its picture, with a line along its edge, and gives that picture "
            "out.",
            inputs=[
                io.Image.Input("image", tooltip="The picture. Alpha is not shown."),
                io.Mask.Input("mask", tooltip="Any size and batch: it is stretched over the picture."),
                io.String.Input(
                    "color",
                    default="#{:02x}{:02x}{:02x}".format(*(round(255 * part) for part in RED)),
                    tooltip="Of the veil: #rrggbb, #rgb, a name such as red, or three numbers 0 to 255.",
                ),
                io.Float.Input(
                    "opacity",
                    default=OPACITY,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much the veil covers where the mask is 1. 0 shows the line alone.",
                ),
                io.Boolean.Input("outline", default=True, tooltip="Draw a line along the mask's edge, at 0.5."),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The picture under its veil, [B, H, W, 3].")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor, color: str, opacity: float, outline: bool) -> io.NodeOutput:
        image, mask = match(image, mask)
        blended = overlay(image, mask, parse_color(color), opacity, outline)
        return io.NodeOutput(blended, ui={**save(blended), "text": (coverage(mask),)})
