"""The last step of the node Inpaint: one line on what was done and how well it fits."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.compositing.seam_score import FAINT, HIDDEN, seam, worst
from ...inpaint.core.checks import match
from ...inpaint.core.geometry import Size


class InpaintReport(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaintReport",
            display_name="Inpaint Report",
            category="Mend/Inpaint",
            description="Says in one line what a chain of nodes did, and whether its seam is visible. Inpaint ends "
            "with it.",
            inputs=[
                io.Image.Input("image", tooltip="The finished picture."),
                io.Mask.Input("mask", tooltip="How much was pasted where."),
                io.String.Input("done", default="Done", tooltip="What was done. {crop} stands for the crop's size."),
                io.String.Input(
                    "report", default="", multiline=True, tooltip="The report of the node that pasted: further lines."
                ),
                io.Image.Input("crop", optional=True, tooltip="The crop that was repainted: its size is named."),
            ],
            outputs=[io.String.Output(display_name="report", tooltip="The line, and the further lines.")],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, image: Tensor, mask: Tensor, done: str = "Done", report: str = "", crop: Tensor | None = None
    ) -> io.NodeOutput:
        image, mask = match(image, mask)
        what = done if crop is None else done.replace("{crop}", str(Size(crop.shape[2], crop.shape[1])))
        lines = [f"{what}, {_verdict(image, mask)}.", *report.splitlines()]
        # The seam's own line is said already, unless something is to be done about it.
        text = "\n".join(line for line in lines if not line.startswith("Seam not visible"))
        return io.NodeOutput(text, ui={"text": (text,)})


def _verdict(image: Tensor, mask: Tensor) -> str:
    if not mask.any():
        return "nothing: the mask is empty"
    found = worst(seam(image, mask.expand(len(image), -1, -1)))
    if not found.lines:
        return "no seam to see"
    if found.score <= HIDDEN:
        return "no visible seam"
    return "a faint seam" if found.score <= FAINT else "a visible seam"
