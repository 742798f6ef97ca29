"""Menu Mend/Composite: measure how visible the edge of the pasted area is."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.compositing.seam_score import seam, worst
from ...inpaint.core.checks import match


class SeamScore(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendSeamScore",
            display_name="Seam Score",
            category="Mend/Composite",
            description="Measures how far the edge of what was pasted stands out from what the picture has there "
            "anyway. To compare settings, models and packs, or to try again where a seam shows.",
            inputs=[
                io.Image.Input("image", tooltip="The picture after pasting."),
                io.Mask.Input("mask", tooltip="What was pasted: a composite mask, or the mask that was painted."),
            ],
            outputs=[
                io.Float.Output(
                    display_name="score",
                    tooltip="How many times larger steps across the edge are than those beside it. About 1 where the "
                    "edge is invisible; above 1.6 it shows. The worst picture of a batch.",
                ),
                io.Float.Output(
                    display_name="delta_e", tooltip="Mean color difference of neighbours across that edge, in Lab."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor) -> io.NodeOutput:
        found = worst(seam(*match(image, mask)))
        return io.NodeOutput(found.jump, found.delta_e, ui={"text": (found.report(),)})
