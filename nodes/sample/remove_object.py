"""Menu Mend/Sample: patch a model so that it removes masked objects."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.core.checks import as_mask
from ...inpaint.core.errors import InpaintError
from ...inpaint.masks.clean import coverage
from ...inpaint.sampling.attentive_eraser import hard_mask
from ..shared.widgets import all_advanced, share


class RemoveObject(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendRemoveObject",
            display_name="Remove Object",
            category="Mend/Sample",
            description="Makes a model of SD 1.5, SD 2 or SDXL one that removes what is masked, without a prompt: it "
            "fills the hole from what is around it. Set the sampler's cfg to 1: CFG is off, whatever it says, and the "
            "negative prompt plays no part. The model that is given stays as it is.",
            inputs=[
                io.Model.Input("model", tooltip="A model of SD 1.5, SD 2 or SDXL. It needs no inpainting inputs."),
                io.Mask.Input(
                    "mask",
                    tooltip="The object, with a margin and its shadow. What is 0.5 and more is removed. It is brought "
                    "to the size of the latent.",
                ),
                io.Float.Input(
                    "guidance",
                    default=9.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip="How hard the object is driven out. A step runs the model twice, which takes about as "
                    "long as with CFG. Set cfg to 1 in the sampler.",
                ),
                *all_advanced(
                    share(
                        "query_scale",
                        0.3,
                        "How much the masked area looks for what is like it, in the first steps. Lower where the "
                        "object comes back as something similar; 1 changes nothing.",
                    ),
                    share("query_steps", 0.25, "The share of the steps, from the first, in which query_scale counts."),
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="For the sampler.")],
        )

    @classmethod
    def execute(
        cls, model: Any, mask: Tensor, guidance: float, query_scale: float = 0.3, query_steps: float = 0.25
    ) -> io.NodeOutput:
        if not host.redirectable_blocks(model):
            raise InpaintError(
                "model: expected a U-Net of SD 1.5, SD 2 or SDXL, whose self-attention can be redirected, got "
                f"{host.model_inputs(model).label}. Choose such a model. "
                "With others, describe the background in the prompt."
            )
        if host.predicts_by_itself(model):
            raise InpaintError(
                "model: expected a model whose prediction no other node replaces, got one with such a node applied: "
                "this node, or one such as Skip Layer Guidance. Apply one of them, once."
            )
        hard = hard_mask(as_mask(mask))
        if not hard.any():
            return io.NodeOutput(model, ui={"text": ("The mask is empty: the model is not changed.",)})
        patched = host.with_removal(model, hard, guidance, query_scale, query_steps)
        return io.NodeOutput(patched, ui={"text": (coverage(hard),)})
