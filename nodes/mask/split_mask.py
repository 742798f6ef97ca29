"""Split Mask: one mask for each connected region."""

import torch
from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import as_mask, clear_near_zero
from ...inpaint.masks import split
from ...inpaint.masks.operators.components import ORDERS
from ..shared.choices import check_choices
from ..shared.mask_preview import preview


class SplitMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendSplitMask",
            display_name="Split Mask into Regions",
            category="Mend/Mask",
            description="Makes a mask of its own from every connected patch of a mask: a batch to work on one by one. "
            "Says where each is and how large.",
            inputs=[
                io.Mask.Input("mask", tooltip="What is above 0 and touches, by an edge or a corner, is one region."),
                io.Combo.Input(
                    "order",
                    options=list(ORDERS),
                    default="largest first",
                    tooltip="The order of the regions, within each mask of a batch.",
                ),
                io.Int.Input(
                    "min_area",
                    default=16,
                    min=0,
                    max=100_000_000,
                    tooltip="Patches with fewer pixels than this are left out.",
                ),
                io.Int.Input(
                    "max_regions",
                    default=16,
                    min=1,
                    max=1024,
                    tooltip="At most so many regions, the largest. Each takes the memory of a whole mask.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    display_name="masks",
                    tooltip="A mask for each region, [N, H, W]; a single empty one if there is none.",
                ),
                io.Int.Output(display_name="count", tooltip="How many regions there are; 0 for an empty mask."),
            ],
        )

    @classmethod
    def validate_inputs(cls, order: str | None) -> bool | str:
        return check_choices(cls, order=order)

    @classmethod
    def execute(cls, mask: Tensor, order: str, min_area: int, max_regions: int) -> io.NodeOutput:
        mask = clear_near_zero(as_mask(mask))
        regions = split(mask, order, max_regions, min_area)
        count = len(regions.masks)
        messages = [f"{count} region{'s' if count > 1 else ''}:"]
        if not count:
            messages = [f"No region of {min_area} px or more." if mask.any() else "No region: the mask is empty."]
        for number, (area, box, frame) in enumerate(zip(regions.areas, regions.boxes, regions.frames, strict=True)):
            where = f" of mask {frame}" if len(mask) > 1 else ""
            messages.append(f"{number}{where}: {area:,} px, {box.width}x{box.height} at {box.x}, {box.y}")
        if regions.left_out:
            messages.append(f"{regions.left_out} smaller regions were left out.")
        masks = regions.masks if count else torch.zeros_like(mask[:1])
        return io.NodeOutput(masks, count, ui={**preview(masks, None), "text": ("\n".join(messages),)})
