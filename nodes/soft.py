"""Soft inpainting: how a soft mask is read while sampling (Mend/Sample), and what is pasted of it (Mend/Composite)."""

from typing import Any, get_args

import torch
from comfy_api.latest import io
from torch import Tensor

from .. import host
from ..inpaint.compositing.soft_composite import Difference, on_pixels, pasted
from ..inpaint.core.checks import as_mask
from ..inpaint.core.errors import InpaintError
from ..inpaint.masks import pool
from ..inpaint.masks.clean import coverage
from ..inpaint.sampling.soft import Curve, Soft, freed
from ..inpaint.sampling.soft_blend import SoftBlend, repainted
from .choices import check_choices
from .shown import preview, read
from .widgets import all_advanced, count, share

SCHEDULE, A1111 = "schedule", "A1111"


class SoftInpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendSoftInpaint",
            display_name="Soft Inpaint",
            category="Mend/Sample",
            description="Lets new content grow out of the old one along a soft mask, with any sampler. What the mask "
            "leaves out stays as it was, whatever the scheduler.",
            inputs=[
                io.Model.Input("model", tooltip="The model that removes the noise. Any will do."),
                io.Combo.Input(
                    "method",
                    options=[SCHEDULE, A1111],
                    default=SCHEDULE,
                    tooltip="schedule: the softer the mask, the fewer of the last steps a pixel may change in "
                    "(differential diffusion). A1111: old and new are mixed at every step, as its soft inpainting "
                    "does, by the last three settings.",
                ),
                share(
                    "strength", 1.0, "schedule: 0 mixes by the mask's values at every step instead, as the host does."
                ),
                io.Combo.Input(
                    "curve",
                    options=list(get_args(Curve)),
                    default="linear",
                    tooltip="schedule: how soft values are read. smooth flattens both ends of a soft edge, power "
                    "raises the mask to a power.",
                ),
                io.Float.Input(
                    "power",
                    default=2.0,
                    min=0.1,
                    max=10.0,
                    step=0.1,
                    tooltip="schedule, curve power: above 1 soft areas change less, below 1 more.",
                ),
                share(
                    "minimum_denoise",
                    0.0,
                    "schedule: every pixel of the mask, however soft, gets about this share of the steps at least.",
                ),
                *all_advanced(
                    _amount("schedule_bias", 1.0, 0.0, 8.0, "A1111: more keeps the original longer. 1 is even."),
                    _amount("preservation_strength", 0.5, 0.0, 8.0, "A1111: how strongly soft areas are kept."),
                    _amount(
                        "transition_contrast_boost",
                        4.0,
                        1.0,
                        32.0,
                        "A1111: how much of the contrast that mixing costs is given back.",
                    ),
                    io.Mask.Input(
                        "mask", tooltip="Only to look at: the mask whose steps are shown. Without one, a ramp is."
                    ),
                    count("steps_shown", 8, "In how many steps the mask is shown. 0 shows nothing.", most=100),
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="For any sampler."),
                io.Mask.Output(
                    display_name="mask_steps",
                    tooltip="What of the mask may change at each step: one mask a step, the first picture's.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, method: str | None, curve: str | None) -> bool | str:
        return check_choices(cls, method=method, curve=curve)

    @classmethod
    def execute(
        cls,
        model: Any,
        method: str,
        strength: float,
        curve: Curve,
        power: float,
        minimum_denoise: float,
        schedule_bias: float = 1.0,
        preservation_strength: float = 0.5,
        transition_contrast_boost: float = 4.0,
        mask: Tensor | None = None,
        steps_shown: int = 8,
    ) -> io.NodeOutput:
        shown_mask = _ramp() if mask is None else read(mask, None)[0][:1]
        if method == SCHEDULE:
            soft = Soft(strength, curve, power, minimum_denoise)
            patched = host.with_soft_mask(model, soft)
            steps = [freed(shown_mask, step / steps_shown, soft) for step in range(steps_shown)]
        else:
            blend = SoftBlend(schedule_bias, preservation_strength, transition_contrast_boost)
            patched = host.with_soft_blend(model, blend)
            steps = [repainted(shown_mask, sigma, blend) for sigma in host.noise_levels(model, steps_shown)]
        if not steps:
            return io.NodeOutput(patched, shown_mask)
        masks = torch.cat(steps)
        return io.NodeOutput(patched, masks, ui=preview(cls, masks, None))


class SoftCompositeMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendSoftCompositeMask",
            display_name="Soft Composite Mask",
            category="Mend/Composite",
            description="Decides what to paste back by how much every place really changed while sampling, as A1111's "
            "soft inpainting does: where the model left things as they were, the original's own pixels stay.",
            inputs=[
                io.Model.Input("model", tooltip="The model that sampled: the change is measured in its scale."),
                io.Latent.Input(
                    "before", tooltip="The latent that went into the sampler, with the original's content."
                ),
                io.Latent.Input("after", tooltip="The latent that came out of it."),
                io.Mask.Input("mask", tooltip="The soft mask that was sampled with. Nothing is pasted where it is 0."),
                share("mask_influence", 0.0, "How much the mask counts beside the change. 0 goes by the change alone."),
                _amount("difference_threshold", 0.5, 0.05, 8.0, "The change at which old and new are half and half."),
                _amount("difference_contrast", 2.0, 0.05, 8.0, "How sharp the transition is."),
                *all_advanced(
                    _amount("preservation_strength", 0.5, 0.0, 8.0, "As in Soft Inpaint; for mask_influence."),
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="For Decode and Composite with feather 0.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        before: dict[str, Any],
        after: dict[str, Any],
        mask: Tensor,
        mask_influence: float,
        difference_threshold: float,
        difference_contrast: float,
        preservation_strength: float = 0.5,
    ) -> io.NodeOutput:
        latents = before["samples"], after["samples"]
        if latents[0].shape[1:] != latents[1].shape[1:] or latents[0].ndim != 4:
            got = " and ".join(str(list(latent.shape)) for latent in latents)
            raise InpaintError(f"before, after: expected two latents of pictures of one size, got {got}.")
        mask = as_mask(mask)
        old, new = (host.in_model_scale(model, latent) for latent in latents)
        by = Difference(mask_influence, difference_threshold, difference_contrast)
        cells = pasted(old, new, pool(mask, new.shape)[:, 0], preservation_strength, by)
        composite = on_pixels(cells, mask)
        return io.NodeOutput(composite, ui={**preview(cls, composite, None), "text": (coverage(composite),)})


def _amount(name: str, default: float, least: float, most: float, tooltip: str) -> io.Float.Input:
    return io.Float.Input(name, default=default, min=least, max=most, step=0.05, tooltip=tooltip)


def _ramp() -> Tensor:
    """[1, 64, 256] from 0 to 1, left to right."""
    return torch.linspace(0, 1, 256).expand(1, 64, -1)
