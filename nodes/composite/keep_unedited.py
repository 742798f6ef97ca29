"""Menu Mend/Composite: keep every pixel of the original that an edit did not change."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.compositing import METHODS
from ...inpaint.edits import MASK_USES, Settings, keep_unedited
from ..shared.choices import check_choices
from ..shared.mask_preview import preview
from ..shared.widgets import all_advanced, pixels


class KeepUnedited(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendKeepUnedited",
            display_name="Keep Unedited Pixels",
            category="Mend/Composite",
            description="Takes an edited version of a picture, from an edit model, an online editor or any other "
            "program, and puts nothing but the edit back into the original. Shifts, zooms, other colors and "
            "recompression of the whole picture are undone. Every other pixel stays bit-identical.",
            inputs=[
                io.Image.Input("original", tooltip="The picture before the edit. Alpha is kept."),
                io.Image.Input(
                    "edited",
                    tooltip="The picture after the edit, of any size: one for all originals, or one for each.",
                ),
                io.Float.Input(
                    "more",
                    default=0.0,
                    min=-1.0,
                    max=1.0,
                    step=0.05,
                    tooltip="What counts as edited. Above 0 also fainter changes, below 0 only clearer ones. At 1 half "
                    "the difference is enough, at -1 twice as much is needed.",
                ),
                pixels("feather", 8.0, "Width in pixels of the soft edge around what is put back."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="An area of the original that was edited too, or the only one that may be: see mask_use.",
                ),
                io.Combo.Input(
                    "mask_use",
                    options=list(MASK_USES),
                    default=MASK_USES[0],
                    optional=True,
                    tooltip="add: the mask is put back beside what is found. only inside: nothing outside the mask is "
                    "put back.",
                ),
                *all_advanced(
                    io.Boolean.Input(
                        "align",
                        default=True,
                        tooltip="Find how the edited picture was shifted, zoomed, turned, cropped or bent, and undo "
                        "it. Off only resizes it to the original.",
                    ),
                    io.Boolean.Input(
                        "match_color",
                        default=True,
                        tooltip="Find how light and color of the whole picture changed, and undo it.",
                    ),
                    io.Combo.Input(
                        "blend",
                        options=list(METHODS),
                        default="multiband",
                        tooltip="How the edit meets the original. feather: as it is. multiband: the rest of a "
                        "difference fades, over the wider an area the smoother it is. poisson: spread over the whole "
                        "edit.",
                    ),
                    io.Boolean.Input(
                        "video",
                        default=False,
                        tooltip="The pictures are frames of a video: their alignment is smoothed over time.",
                    ),
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The original with nothing but the edit."),
                io.Mask.Output(
                    display_name="mask", tooltip="How much was put back where. Exactly 0 where the original is kept."
                ),
                io.Image.Output(
                    display_name="aligned",
                    tooltip="The whole edited picture, at the original's size, place, light and color.",
                ),
                io.Float.Output(
                    display_name="confidence",
                    tooltip="How much of the original's detail was found in the edited picture, 0 to 1. 0 if it is not "
                    "sure how they lie on each other. The least of a batch.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, mask_use: str | None = None, blend: str | None = None) -> bool | str:
        return check_choices(cls, mask_use=mask_use, blend=blend)

    @classmethod
    def execute(
        cls,
        original: Tensor,
        edited: Tensor,
        more: float,
        feather: float,
        mask: Tensor | None = None,
        mask_use: str = MASK_USES[0],
        align: bool = True,
        match_color: bool = True,
        blend: str = "multiband",
        video: bool = False,
    ) -> io.NodeOutput:
        settings = Settings(more, feather, mask_use, align, match_color, blend, video)
        kept = keep_unedited(original, edited, settings, mask)
        shown = {**preview(kept.mask, kept.image), "text": (kept.report(),)}
        return io.NodeOutput(kept.image, kept.mask, kept.aligned, kept.confidence, ui=shown)
