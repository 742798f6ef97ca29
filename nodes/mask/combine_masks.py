"""Combine Masks: combine two masks into one."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.masks import combine
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
            "and one mask serves a whole batch.",
            inputs=[
                io.Mask.Input("mask", tooltip="The first mask. The result has its size."),
                io.Mask.Input("other", tooltip="The second mask: as many as the first, or one for all."),
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
    def execute(cls, mask: Tensor, other: Tensor, operation: str) -> io.NodeOutput:
        return shown(combine(mask, other, operation), None)
