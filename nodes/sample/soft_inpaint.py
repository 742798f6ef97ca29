"""Soft Inpaint: choose how sampling reads a soft mask."""

from typing import Any, get_args

import torch
from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.sampling.soft import Curve, Soft, repaintable_mask
from ...inpaint.sampling.soft_blend import SoftBlend, repainted
from ..shared.choices import check_choices
from ..shared.mask_preview import preview, read
from ..shared.widgets import all_advanced, amount, count, share

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
                    "strength", 1.0, "schedule: 0 mixes by the mask's values at every step instead, as ComfyUI does."
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
                    amount("schedule_bias", 1.0, 0.0, 8.0, "A1111: more keeps the original longer. 1 is even."),
                    amount("preservation_strength", 0.5, 0.0, 8.0, "A1111: how strongly soft areas are kept."),
                    amount(
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
            steps = [repaintable_mask(shown_mask, step / steps_shown, soft) for step in range(steps_shown)]
        else:
            blend = SoftBlend(schedule_bias, preservation_strength, transition_contrast_boost)
            patched = host.with_soft_blend(model, blend)
            steps = [repainted(shown_mask, sigma, blend) for sigma in host.noise_levels(model, steps_shown)]
        if not steps:
            return io.NodeOutput(patched, shown_mask)
        masks = torch.cat(steps)
        return io.NodeOutput(patched, masks, ui=preview(masks, None))


def _ramp() -> Tensor:
    """Return a mask [1, 64, 256] that rises from 0 to 1, left to right."""
    return torch.linspace(0, 1, 256).expand(1, 64, -1)
