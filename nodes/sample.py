"""Menu Mend/Sample: the host's samplers, with our mask."""

from typing import Any

from comfy_api.latest import io

from .. import host
from ..inpaint.checks import as_values
from ..inpaint.masks import pool
from .choices import check_choices
from .planning import sampling_report


class MaskedSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendMaskedSampler",
            display_name="Masked Sampler",
            category="Mend/Sample",
            description="Samples like the host's KSampler, and without a mask exactly like it. A mask of any size is "
            "brought to the latent's so that even a one-pixel stroke is repainted.",
            inputs=[
                io.Model.Input("model", tooltip="The model that removes the noise."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="The same seed gives the same picture.",
                ),
                io.Int.Input("steps", default=20, min=1, max=10000, tooltip="More steps: finer, and slower."),
                io.Float.Input(
                    "cfg",
                    default=7.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip="How closely the prompt is followed. 7 suits Stable Diffusion, 1 suits Flux.",
                ),
                io.Combo.Input(
                    "sampler_name", options=host.sampler_names(), default="euler", tooltip="The host's samplers."
                ),
                io.Combo.Input(
                    "scheduler", options=host.scheduler_names(), default="normal", tooltip="The host's schedulers."
                ),
                io.Conditioning.Input("positive", tooltip="From Encode for Inpainting."),
                io.Conditioning.Input("negative", tooltip="From Encode for Inpainting."),
                io.Latent.Input("latent", tooltip="From Encode for Inpainting, or any other latent."),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="1 repaints from pure noise; lower values keep some of the masked content.",
                ),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="For Decode and Composite.")],
        )

    @classmethod
    def validate_inputs(cls, sampler_name: str | None, scheduler: str | None) -> bool | str:
        return check_choices(cls, sampler_name=sampler_name, scheduler=scheduler)

    @classmethod
    def execute(
        cls, model: Any, positive: list, negative: list, latent: dict[str, Any], **settings: Any
    ) -> io.NodeOutput:
        noise_mask, shape = latent.get("noise_mask"), latent["samples"].shape
        if noise_mask is not None:
            noise_mask = as_values(noise_mask)
            if noise_mask.ndim != len(shape) or noise_mask.shape[-2:] != shape[-2:]:
                noise_mask = pool(noise_mask, shape)
            latent = {**latent, "noise_mask": noise_mask}
        told = [sampling_report(model, shape)]
        sampled, halved = host.sample(model, positive, negative, latent, **settings)
        if halved:
            told.append("Memory ran out, so the batch was sampled in two halves.")
        return io.NodeOutput(sampled, ui={"text": ("\n".join(told),)})
