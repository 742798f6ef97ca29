"""Inspect Mask: report a mask's defects and repair them."""

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.masks.doctor import examine
from ...inpaint.masks.lost_pixels import pixels_are_lost
from ..shared.lost_pixels import LOST, brought_back, unmasked_input
from ..shared.mask_preview import preview
from ..shared.widgets import advanced

NO_PICTURE = "Inspect Mask gives a picture only if one is connected to its input image. Connect one."


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
                advanced(unmasked_input()),
            ],
            outputs=[
                io.Mask.Output(display_name="mask", tooltip="The mask, mended if that was asked for, [B, H, W]."),
                io.String.Output(display_name="report", tooltip="What was found and done, a line for each."),
                io.Image.Output(
                    display_name="image",
                    tooltip="The picture. If an editor erased it under the mask and repair is on: with its pixels.",
                ),
            ],
            hidden=[io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        mask: Tensor,
        repair: bool,
        binary_mask: bool,
        latent_cell: int = 8,
        image: Tensor | None = None,
        unmasked_image: Tensor | None = None,
    ) -> io.NodeOutput:
        found = examine(mask, image, repair, binary_mask, latent_cell)
        lost, fits = "", image is not None and _fits(image, found.mask)
        if image is not None and fits:
            pair = _one_batch(image, found.mask)
            if repair:
                whole, lost = brought_back(*pair, unmasked_image, cls.hidden.prompt)
                image = image if whole is None else whole
            elif pixels_are_lost(*pair):
                lost = f"{LOST} With repair on, its pixels are brought back from the unmasked file."
        report = "\n".join([*([lost] if lost else []), *([found.report()] if found.findings or not lost else [])])
        shows = preview(found.mask, image if fits else None)
        picture = host.blocked(NO_PICTURE) if image is None else image
        return io.NodeOutput(found.mask, report, picture, ui={**shows, "text": (report,)})


def _one_batch(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    batch = max(len(image), len(mask))
    return image.expand(batch, -1, -1, -1), mask.expand(batch, -1, -1)


def _fits(image: Tensor, mask: Tensor) -> bool:
    """Whether picture and mask have the same size, and batches that broadcast."""
    return image.shape[1:3] == mask.shape[1:] and (len(image) == len(mask) or 1 in (len(image), len(mask)))
