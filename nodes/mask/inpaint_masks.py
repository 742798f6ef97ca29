"""Inpaint Masks: derive the denoise, conditioning and composite masks from one mask."""

import torch
from comfy_api.latest import io
from torch import Tensor

from ...inpaint.masks.clean import coverage
from ...inpaint.masks.inpaint_masks import inpaint_masks
from ..shared.mask_preview import preview, read
from ..shared.widgets import picture_of_mask, pixels


class InpaintMasks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaintMasks",
            display_name="Inpaint Masks",
            category="Mend/Mask",
            description="Makes the three masks of an inpaint from the mask of the object: denoise for sampling, "
            "conditioning for models with inpainting inputs, composite for pasting back.",
            inputs=[
                io.Mask.Input("mask", tooltip="The object. Where it is 0.5 or more, it is replaced for certain."),
                picture_of_mask(),
                pixels("grow", 4.0, "How far around the object all is repainted, in pixels."),
                pixels(
                    "feather",
                    8.0,
                    "Beyond that, the width in pixels over which repainting fades out. 0 ends it at once.",
                ),
                pixels(
                    "composite_feather",
                    8.0,
                    "Width in pixels of the soft edge with which the result is pasted back. It ends where the "
                    "repainting ends and never reaches into the object.",
                ),
            ],
            outputs=[
                io.Mask.Output(display_name="denoise", tooltip="Soft. For Encode for Inpainting, or any noise mask."),
                io.Mask.Output(
                    display_name="conditioning",
                    tooltip="0 and 1, its edge in the middle of the denoise mask's. For inpainting ControlNets and "
                    "ComfyUI's inpaint conditioning.",
                ),
                io.Mask.Output(
                    display_name="composite",
                    tooltip="Soft, and 0 wherever denoise is. For Decode and Composite with feather 0.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, mask: Tensor, grow: float, feather: float, composite_feather: float, image: Tensor | None = None
    ) -> io.NodeOutput:
        mask, image, _ = read(mask, image)
        result = inpaint_masks(mask, grow, feather, composite_feather)
        masks = result.denoise, result.conditioning, result.composite
        messages = [coverage(result.denoise), "Shown: denoise, conditioning, composite."]
        if result.composite_feather < composite_feather:
            messages.append(
                f"The composite's soft edge is {result.composite_feather:g} px wide: grow and feather leave too little "
                f"space for {composite_feather:g}."
            )
        first = torch.cat([one[:1] for one in masks])
        shows = preview(first, None if image is None else image[:1].expand(3, -1, -1, -1))
        return io.NodeOutput(*masks, ui={**shows, "text": ("\n".join(messages),)})
