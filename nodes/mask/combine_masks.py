"""Combine Masks: combine two masks, or all masks of a batch, into one."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import as_bhw
from ...inpaint.masks import combine, combine_all
from ...inpaint.masks.operators.combine import OPERATIONS
from ..shared.choices import check_choices
from ..shared.mask_preview import shown


class CombineMasks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendCombineMasks",
            display_name="Combine Masks",
            category="Mend/Mask",
            description="Adds, subtracts or intersects two masks of any size. The second is stretched to the first, "
            "and one mask serves a whole batch. With one input, the masks of a batch become one: those of a detector, "
            "for one picture.",
            inputs=[
                io.Mask.Input("mask", tooltip="The first mask, or a batch to unite. The result has its size."),
                io.Mask.Input(
                    "other",
                    optional=True,
                    tooltip="The second mask: as many as the first, or one for all. Not connected: the masks of the "
                    "batch are combined with each other.",
                ),
                io.Combo.Input(
                    "operation",
                    options=list(OPERATIONS),
                    default="add",
                    tooltip="add: what is in either. subtract: the first without the second. intersect: what is in "
                    "both. exclude: what is in only one. multiply: one soft mask weakens the other.",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="The combined mask, [B, H, W] in 0..1.")],
        )

    @classmethod
    def validate_inputs(cls, operation: str | None) -> bool | str:
        return check_choices(cls, operation=operation)

    @classmethod
    def execute(cls, mask: Tensor, operation: str, other: Tensor | None = None) -> io.NodeOutput:
        if other is not None:
            return shown(combine(mask, other, operation), None)
        count = len(as_bhw(mask))
        message = f"Combined {count} masks." if count > 1 else "One mask: there is nothing to combine it with."
        return shown(combine_all(mask, operation), None, message)
