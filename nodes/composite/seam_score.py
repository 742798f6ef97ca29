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
            description="Measures how visible what was pasted is along its edge: a step, a tint, a blur or grain that "
            "the picture does not have there anyway. To compare settings, models and packs, or to try again where a "
            "seam shows.",
            inputs=[
                io.Image.Input("image", tooltip="The picture after pasting."),
                io.Mask.Input("mask", tooltip="What was pasted: a composite mask, or the mask that was painted."),
            ],
            outputs=[
                io.Float.Output(
                    display_name="score",
                    tooltip="1 where nothing is seen; up to 1.2 you will not see it, above 1.6 it shows. The worst "
                    "picture of a batch.",
                ),
                io.Float.Output(
                    display_name="delta_e",
                    tooltip="Color step from outside to inside across the whole edge, hard or soft (CIE 1976, Lab).",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor) -> io.NodeOutput:
        found = worst(seam(*match(image, mask)))
        return io.NodeOutput(found.score, found.delta_e, ui={"text": (found.report(),)})
