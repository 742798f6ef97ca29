"""Menu Mend/Mask: seeing what a mask is."""

from comfy_api.latest import io, ui
from torch import Tensor

from ..inpaint.core.checks import match
from ..inpaint.imaging.color_names import parse_colour
from ..inpaint.masks.clean import coverage
from ..inpaint.masks.doctor import examine
from ..inpaint.masks.overlay import OPACITY, RED, overlay
from .shown import preview
from .widgets import advanced


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
        veiled = overlay(image, mask, parse_colour(color), opacity, outline)
        return io.NodeOutput(
            veiled, ui={**ui.PreviewImage(veiled.float(), cls=cls).as_dict(), "text": (coverage(mask),)}
        )


class InspectMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInspectMask",
            display_name="Inspect Mask",
            category="Mend/Mask",
            description="The mask doctor: says in plain sentences what is odd about a mask - inverted, wrong size, "
            "nearly binary, specks, pinholes, strokes too thin for a latent - and mends it if asked.",
            inputs=[
                io.Mask.Input("mask", tooltip="Any mask, however odd."),
                io.Image.Input(
                    "image", optional=True, tooltip="The picture it belongs to, to see whether size and batch fit."
                ),
                io.Boolean.Input(
                    "repair", default=False, tooltip="Mend what is found. Off: only say it, and give the mask as it is."
                ),
                io.Boolean.Input(
                    "binary",
                    default=False,
                    tooltip="The mask is needed hard, 0 and 1 only: a soft edge is then cut at 0.5.",
                ),
                advanced(
                    io.Int.Input(
                        "latent_cell",
                        default=8,
                        min=1,
                        max=64,
                        tooltip="Pixels to a latent cell, along each side: 8 for most models, 16 for Flux 2, 32 for "
                        "HunyuanImage. Thinner strokes are found.",
                    )
                ),
            ],
            outputs=[
                io.Mask.Output(display_name="mask", tooltip="The mask, mended if that was asked for, [B, H, W]."),
                io.String.Output(display_name="report", tooltip="What was found and done, a line for each."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, mask: Tensor, repair: bool, binary: bool, latent_cell: int = 8, image: Tensor | None = None
    ) -> io.NodeOutput:
        found = examine(mask, image, repair, binary, latent_cell)
        report = found.report()
        shows = preview(cls, found.mask, image if image is not None and _fits(image, found.mask) else None)
        return io.NodeOutput(found.mask, report, ui={**shows, "text": (report,)})


def _fits(image: Tensor, mask: Tensor) -> bool:
    """Whether the picture can be shown under the mask as it is."""
    return image.shape[1:3] == mask.shape[1:] and (len(image) == len(mask) or 1 in (len(image), len(mask)))
