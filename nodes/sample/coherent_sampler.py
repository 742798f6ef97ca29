"""Menu Mend/Sample: a sampler whose fills match their surroundings, for models not trained to inpaint."""

from comfy_api.latest import io

from ... import host
from ..shared.choices import check_choices

PREDICTED, RENEWED = "predicted", "renewed (LCM)"


class CoherentSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendCoherentSampler",
            display_name="Coherent Inpaint Sampler",
            category="Mend/Sample",
            description="For general models, which were never trained to inpaint: what it paints into the mask agrees "
            "with what is around it, where other samplers only paste the surroundings in at every step. Connect it to "
            "SamplerCustomAdvanced or SamplerCustom. It takes as long as euler.",
            inputs=[
                io.Combo.Input(
                    "noise",
                    options=[PREDICTED, RENEWED],
                    default=PREDICTED,
                    tooltip="The noise of each next step. predicted: what the model itself sees, for any model. "
                    "renewed (LCM): new noise at every step, for models distilled to 4 to 8 steps (LCM, Lightning, "
                    "Turbo).",
                ),
            ],
            outputs=[io.Sampler.Output(display_name="sampler", tooltip="For SamplerCustomAdvanced or SamplerCustom.")],
        )

    @classmethod
    def validate_inputs(cls, noise: str | None) -> bool | str:
        return check_choices(cls, noise=noise)

    @classmethod
    def execute(cls, noise: str) -> io.NodeOutput:
        return io.NodeOutput(host.coherent_sampler(renew=noise == RENEWED))
