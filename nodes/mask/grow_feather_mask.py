"""Grow and Feather Mask: widen or shrink a mask and soften its edge."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.masks import feather as soften
from ...inpaint.masks import grow as widen
from ...inpaint.masks.operators.edges import CURVES, SIDES
from ..shared.choices import check_choices
from ..shared.mask_preview import read, shown
from ..shared.widgets import picture_of_mask, pixels


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
                    "curve",
                    options=list(CURVES),
                    default="smooth",
                    tooltip="How it falls: smooth (flat at both ends), linear, or gaussian (a blur that ends).",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="The mask, [B, H, W] in 0..1.")],
        )

    @classmethod
    def validate_inputs(cls, side: str | None, curve: str | None) -> bool | str:
        return check_choices(cls, side=side, curve=curve)

    @classmethod
    def execute(
        cls, mask: Tensor, grow: float, feather: float, side: str, curve: str, image: Tensor | None = None
    ) -> io.NodeOutput:
        mask, image, _ = read(mask, image)
        return shown(soften(widen(mask, grow), feather, side, curve), image)
