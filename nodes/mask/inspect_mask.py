"""Inspect Mask: report a mask's defects and repair them."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.masks.doctor import examine
from ..shared.mask_preview import preview
from ..shared.widgets import advanced


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
                    "binary_mask",
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
        cls, mask: Tensor, repair: bool, binary_mask: bool, latent_cell: int = 8, image: Tensor | None = None
    ) -> io.NodeOutput:
        found = examine(mask, image, repair, binary_mask, latent_cell)
        report = found.report()
        shows = preview(found.mask, image if image is not None and _fits(image, found.mask) else None)
        return io.NodeOutput(found.mask, report, ui={**shows, "text": (report,)})


def _fits(image: Tensor, mask: Tensor) -> bool:
    """Whether picture and mask have the same size, and batches that broadcast."""
    return image.shape[1:3] == mask.shape[1:] and (len(image) == len(mask) or 1 in (len(image), len(mask)))
