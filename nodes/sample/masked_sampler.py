"""Menu Mend/Sample: the host's samplers with Mend's handling of masks."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...host.planning import sampling_report
from ...inpaint.core.errors import InpaintError
from ...inpaint.core.geometry import Box
from ...inpaint.core.latents import is_nested, streams_of
from ...inpaint.masks import in_pixels
from ...inpaint.model_families.sizes import patch_cells
from ...inpaint.sampling.soft import Soft
from ...inpaint.sampling.stages import Part
from ...inpaint.sampling.window import ENCODED_WINDOW, EncodedWindow, plan_window
from ..shared.areas import AROUND, AUTO, WHOLE
from ..shared.choices import check_choices
from ..shared.widgets import all_advanced, count

SCHEDULE, BLEND = "schedule", "blend"
# Context that follows the mask's size.
BY_SIZE = -1
# As KSampler (Advanced) has it.
LAST_STEP = 10000


class MaskedSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendMaskedSampler",
            display_name="Masked Sampler",
            category="Mend/Sample",
            description="Samples like ComfyUI's KSampler, and without a mask exactly like it. A mask of any size is "
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
                    "sampler_name",
                    options=host.sampler_names(),
                    default="euler",
                    tooltip="ComfyUI's samplers, and coherent: for general models, what it paints agrees with what is "
                    "around it. It takes as long as euler. coherent_lcm is for models distilled to 4 to 8 steps.",
                ),
                io.Combo.Input(
                    "scheduler", options=host.scheduler_names(), default="normal", tooltip="ComfyUI's schedulers."
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
                *all_advanced(
                    io.Combo.Input(
                        "soft_mask",
                        options=[SCHEDULE, BLEND],
                        default=SCHEDULE,
                        tooltip="What a soft mask means. schedule: the softer, the fewer of the last steps a pixel may "
                        "change in, so that new grows out of old. blend: old and new are mixed at every step, as the "
                        "host does. A model from Soft Inpaint keeps its own way. Hard masks are the same in both.",
                    ),
                    io.Combo.Input(
                        "sample_area",
                        options=[AUTO, WHOLE, AROUND],
                        default=AUTO,
                        tooltip="around the mask: only the mask and its surroundings are sampled, at full resolution; "
                        "time and memory follow their size, not the picture's. auto: that, if the picture was encoded "
                        "around the mask.",
                    ),
                    count(
                        "context_cells",
                        BY_SIZE,
                        "Around the mask: how much of the surroundings the model sees on every side, in latent cells "
                        "(8 pixels with most models). -1: half the mask's size, from 8 to 32 cells.",
                        most=1024,
                        least=BY_SIZE,
                    ),
                    io.Boolean.Input(
                        "add_noise",
                        default=True,
                        tooltip="Off for a later stage, whose latent comes with noise left from the stage before.",
                    ),
                    count(
                        "start_at_step",
                        0,
                        "The step at which this stage begins: the end of the one before.",
                        most=LAST_STEP,
                    ),
                    count(
                        "end_at_step",
                        LAST_STEP,
                        "The step at which this stage ends. From steps on: the last.",
                        most=LAST_STEP,
                    ),
                    io.Boolean.Input(
                        "return_with_leftover_noise",
                        default=False,
                        tooltip="On for a stage that another one continues. The mask keeps the picture there, too.",
                    ),
                ),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="For Decode and Composite.")],
        )

    @classmethod
    def validate_inputs(
        cls,
        sampler_name: str | None,
        scheduler: str | None,
        soft_mask: str | None = None,
        sample_area: str | None = None,
    ) -> bool | str:
        return check_choices(
            cls, sampler_name=sampler_name, scheduler=scheduler, soft_mask=soft_mask, sample_area=sample_area
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: list,
        negative: list,
        latent: dict[str, Any],
        soft_mask: str = SCHEDULE,
        sample_area: str = AUTO,
        context_cells: int = BY_SIZE,
        add_noise: bool = True,
        start_at_step: int = 0,
        end_at_step: int = LAST_STEP,
        return_with_leftover_noise: bool = False,
        **settings: Any,
    ) -> io.NodeOutput:
        latent = host.fitted(model, latent)
        samples, noise_mask, messages = latent["samples"], latent.get("noise_mask"), []
        shape = host.packed_shape(samples)
        steps = settings["steps"]
        end = min(end_at_step, steps)
        if start_at_step >= end:
            return io.NodeOutput(latent, ui={"text": (f"Nothing was sampled: no step from {start_at_step} to {end}.",)})
        original = latent.get(host.ORIGINAL, samples if add_noise else None)
        seen = [positive, negative]
        if is_nested(samples):
            # Nested latents, such as video with audio: the host reads their masks.
            if sample_area == AROUND:
                raise InpaintError(
                    "sample_area: expected a plain latent, got a nested one, such as video with audio. Choose "
                    '"whole picture".'
                )
        elif noise_mask is not None:
            noise_mask = host.latent_mask(noise_mask, shape)
            latent = {**latent, "noise_mask": noise_mask}
            if not noise_mask.any():
                return io.NodeOutput(latent, ui={"text": ("The mask is empty: nothing was sampled.",)})
            model = _with_mask(model, soft_mask == BLEND, settings["sampler_name"])
            inputs = host.model_inputs(model)
            if inputs.mask_times and not host.in_whole_frames(noise_mask):
                model = host.with_even_times(model)
            model = host.with_part(model, Part(start_at_step / steps, end / steps))
            if host.ORIGINAL in latent:
                positive = host.with_original(positive, latent[host.ORIGINAL])
            context = None if context_cells == BY_SIZE else context_cells
            planned = plan_window(noise_mask, context, patch_cells(inputs.family))
            window = _window(sample_area, planned, latent.get(ENCODED_WINDOW), tuple(shape[-2:]))
            if window is not None:
                seen = [host.cut_conditioning(model, prompt, window, tuple(shape[-2:])) for prompt in seen]
                model = host.with_window(model, window)
                messages = [f"Sampled {window.width}x{window.height} of {shape[-1]}x{shape[-2]} latent cells."]
                shape = (*shape[:-2], window.height, window.width)
        cells = streams_of(samples)[0].shape[-2:] if is_nested(samples) else shape[-2:]
        messages.insert(0, sampling_report(model, shape, *seen))
        stage = {"disable_noise": not add_noise, "start_step": start_at_step, "last_step": end_at_step}
        stage |= {"force_full_denoise": not return_with_leftover_noise}
        result, halved = host.sample(model, positive, negative, latent, cells=cells, **settings, **stage)
        if halved:
            messages.append("Memory ran out, so the batch was sampled in two halves.")
        if return_with_leftover_noise and end < steps:
            messages.append(f"Noise is left, for a stage that begins at step {end}.")
            # Only where it is known: a later stage may know it from its prompts.
            result |= {} if original is None else {host.ORIGINAL: original}
        else:
            result.pop(host.ORIGINAL, None)
        if isinstance(noise_mask, Tensor):
            result["noise_mask"] = in_pixels(noise_mask, host.latent_ratio(model))
        return io.NodeOutput(result, ui={"text": ("\n".join(messages),)})


def _with_mask(model: Any, blends: bool, sampler_name: str) -> Any:
    """Return a MODEL that keeps what a mask keeps, and reads its soft parts as a blend or as a schedule."""
    if host.reads_soft_masks(model) or (blends and sampler_name not in host.COHERENT):
        return host.with_latent_preserved_outside_mask(model)
    # The coherent samplers, which the host does not mix for, read a strength of 0 as its mixing.
    return host.with_soft_mask(model, Soft(strength=0.0 if blends else 1.0))


def _window(area: str, planned: Box | None, encoded: EncodedWindow | None, whole: tuple[int, ...]) -> Box | None:
    """Return the window to sample; None for the whole latent.

    Args:
        area: the option chosen.
        planned: the window around the mask; None if that is the whole latent.
        encoded: the window in which the picture was encoded in full; None if that was the whole picture.
        whole: height and width of the latent.
    """
    if encoded is None:
        return planned if area == AROUND else None
    fits = planned is not None and encoded.whole == whole and encoded.box.contains(planned)
    if area == WHOLE or not fits:
        raise InpaintError(
            "latent: expected one of the whole picture, got one that was encoded only around its mask. Choose "
            'sample_area "auto" and context_cells -1, and keep the mask and its size; or choose encode_area "whole '
            'picture" in Encode for Inpainting.'
        )
    return planned
