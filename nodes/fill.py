"""Menu Mend/Fill: plausible content without a model."""

from comfy_api.latest import io
from torch import Tensor

from ..inpaint.checks import match
from ..inpaint.fills import fill_harmonic, fill_neutral
from .choices import check_choices

METHODS = {"harmonic": fill_harmonic, "neutral": fill_neutral}


class FillMasked(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendFillMasked",
            display_name="Fill Masked Area",
            category="Mend/Fill",
            description="Fills the masked area from its surroundings, without a model. For removals on smooth "
            "ground, or as a start for a low-denoise inpaint.",
            inputs=[
                io.Image.Input(
                    "image", tooltip="The picture. Pixels outside the mask stay as they are, and so does alpha."
                ),
                io.Mask.Input("mask", tooltip="Every pixel above 0 is filled."),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default="harmonic",
                    tooltip="harmonic: the smoothest surface that meets the surroundings at the border. neutral: mid "
                    "grey.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The filled picture.")],
        )

    @classmethod
    def validate_inputs(cls, method: str | None) -> bool | str:
        return check_choices(cls, method=method)

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor, method: str) -> io.NodeOutput:
        return io.NodeOutput(METHODS[method](*match(image, mask)))
