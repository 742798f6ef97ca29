"""Menu Mend/Sample: a sampler whose fills match their surroundings, for models not trained to inpaint."""

from comfy_api.latest import io

from ... import host
from ..shared.choices import check_choices

ONE, TWO = "one a step", "two a step"


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
                    "model_calls",
                    options=[ONE, TWO],
                    default=ONE,
                    tooltip="How often the model is asked. One a step takes as long as euler: N calls for N steps. Two "
                    "a step takes nearly twice as long, 2 N - 1 calls: the method in its first form, which came out "
                    "no nearer where true fills are known. More steps are the better use of the time.",
                ),
            ],
            outputs=[io.Sampler.Output(display_name="sampler", tooltip="For SamplerCustomAdvanced or SamplerCustom.")],
        )

    @classmethod
    def validate_inputs(cls, model_calls: str | None) -> bool | str:
        return check_choices(cls, model_calls=model_calls)

    @classmethod
    def execute(cls, model_calls: str) -> io.NodeOutput:
        return io.NodeOutput(host.coherent_sampler(full=model_calls == TWO))
