"""Menu Mend/Encode: prepare the image and mask of inpainting ControlNets."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import match
from ...inpaint.masks.clean import coverage
from ...inpaint.sampling.control_image import HIDDEN, control_image
from ..shared.choices import check_choices

MASKED_LATENT = "The hole is black. Connect image and mask to ControlNetInpaintingAliMamaApply."
# The next step in the graph, for the report.
NEXT = {
    "SD 1.5 inpaint": "The hole is -1, which a preview shows as black. Connect image to Apply ControlNet.",
    "SDXL Union ProMax": "The hole is black. Choose repaint in SetUnionControlNetType, and connect image to Apply "
    "ControlNet.",
    "Flux AliMama": MASKED_LATENT,
    "SD 3 AliMama": MASKED_LATENT,
    "Qwen-Image InstantX": MASKED_LATENT,
}


class InpaintControlImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaintControlImage",
            display_name="Inpaint Control Image",
            category="Mend/Encode",
            description="Marks the masked area of a picture the way an inpainting ControlNet was trained to see it. "
            "Each kind has its own way, and a wrong one is not noticed until the result looks wrong.",
            inputs=[
                io.Image.Input("image", tooltip="The picture. Its size stays; alpha is left out."),
                io.Mask.Input("mask", tooltip="Every pixel of 0.5 and more is hidden from the ControlNet."),
                io.Combo.Input(
                    "control_net",
                    options=list(HIDDEN),
                    default="SD 1.5 inpaint",
                    tooltip="The ControlNet it is for. SD 1.5 inpaint: control_v11p_sd15_inpaint, hidden pixels are "
                    "-1. SDXL Union ProMax: xinsir's, black; choose repaint as its type. Flux, SD 3, Qwen-Image: "
                    "black, to be applied with the mask by ControlNetInpaintingAliMamaApply.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The picture with its hole, for the apply node."),
                io.Mask.Output(display_name="mask", tooltip="The same hole, 0 and 1, at the picture's size."),
            ],
        )

    @classmethod
    def validate_inputs(cls, control_net: str | None) -> bool | str:
        return check_choices(cls, control_net=control_net)

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor, control_net: str) -> io.NodeOutput:
        marked, hole = control_image(*match(image, mask), control_net)
        return io.NodeOutput(marked, hole, ui={"text": (f"{coverage(hole)}\n{NEXT[control_net]}",)})
