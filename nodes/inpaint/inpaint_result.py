"""The end of the graph that Inpaint expands to: what comes out of it, for all of a list."""

from typing import Any

from comfy_api.latest import io


class InpaintResult(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaintResult",
            display_name="Inpaint Result",
            category="Mend/Inpaint",
            description="Inpaint ends with it: it holds what comes out. Of no use by itself.",
            is_input_list=True,
            inputs=[
                io.Image.Input("image", tooltip="The pictures."),
                io.Mask.Input("mask", tooltip="Their masks."),
                io.String.Input("report", force_input=True, tooltip="Their reports."),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The pictures, as one list."),
                io.Mask.Output(display_name="mask", tooltip="The masks, as one list."),
                io.String.Output(display_name="report", tooltip="The reports, as one list."),
            ],
            is_deprecated=True,  # hosts leave such nodes out of the menu
        )

    @classmethod
    def execute(cls, image: list[Any], mask: list[Any], report: list[Any]) -> io.NodeOutput:
        # The host joins the lists that come out of an expanded graph one behind the other, whatever output they
        # belong to. Each is one value here, which the outputs of Inpaint take apart.
        return io.NodeOutput(image, mask, report)
