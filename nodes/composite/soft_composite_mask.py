"""Soft Composite Mask: choose what to paste back after soft inpainting."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.compositing.soft_composite import Difference, paste_mask
from ...inpaint.masks.clean import coverage
from ..shared.mask_preview import preview
from ..shared.widgets import all_advanced, amount, share


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
                amount("difference_threshold", 0.5, 0.05, 8.0, "The change at which old and new are half and half."),
                amount("difference_contrast", 2.0, 0.05, 8.0, "How sharp the transition is."),
                *all_advanced(
                    amount("preservation_strength", 0.5, 0.0, 8.0, "As in Soft Inpaint; for mask_influence."),
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
        old, new = (
            host.picture_latents(model, latent, name) for name, latent in (("before", before), ("after", after))
        )
        by = Difference(mask_influence, difference_threshold, difference_contrast)
        composite = paste_mask(old, new, mask, host.latent_ratio(model), preservation_strength, by)
        return io.NodeOutput(composite, ui={**preview(composite, None), "text": (coverage(composite),)})
