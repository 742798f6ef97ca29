"""Menu Mend/Crop: extend a picture's canvas for outpainting."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import check_image
from ...inpaint.core.geometry import Sides, Size
from ...inpaint.crops.outpaint import FILLS, GREY, UNITS, pad_for_outpaint, sides_of, sides_to_aspect, sides_to_size
from ...inpaint.imaging.color_names import parse_color
from ...inpaint.masks.clean import coverage
from ..shared.choices import check_choices, option
from ..shared.widgets import all_advanced, pixels, share

SIZE, ASPECT = "to a size", "to an aspect"


class PadForOutpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendPadForOutpaint",
            display_name="Pad for Outpainting",
            category="Mend/Crop",
            description="Adds room around a picture and masks it: soft for sampling, so that old and new grow "
            "together, and hard for the model's mask input. The picture itself stays bit-identical.",
            inputs=[
                io.Image.Input("image", tooltip="The picture. Alpha is kept; the new area is opaque."),
                io.Combo.Input(
                    "unit",
                    options=[*UNITS, SIZE, ASPECT],
                    default=UNITS[0],
                    tooltip="What the four sides are given in; or add what is missing to a size, or to an aspect.",
                ),
                *(_side(name) for name in Sides._fields),
                io.Combo.Input(
                    "fill",
                    options=list(FILLS),
                    default="edge",
                    tooltip="What the new area holds until it is painted. edge: the border's pixels. reflect: the "
                    "picture mirrored. harmonic: a smooth surface that goes on from the border.",
                ),
                pixels("feather", 40.0, "How far the denoise mask reaches into the picture, in pixels."),
                io.Mask.Input("mask", optional=True, tooltip="What of the picture itself is to be repainted besides."),
                *all_advanced(
                    io.Int.Input("width", default=16, min=1, max=16384, tooltip="Of the size, or the aspect."),
                    io.Int.Input("height", default=9, min=1, max=16384, tooltip="Of the size, or the aspect."),
                    share("x", 0.5, "Size, aspect: where the picture lies. 0 is at the left, 1 at the right."),
                    share("y", 0.5, "Size, aspect: where the picture lies. 0 is at the top, 1 at the bottom."),
                    io.String.Input("color", default="#808080", tooltip="For fill color: #rrggbb or a name."),
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The picture with its room."),
                io.Mask.Output(display_name="denoise", tooltip="Soft. For Encode for Inpainting, or any noise mask."),
                io.Mask.Output(display_name="conditioning", tooltip="0 and 1. The mask for the model itself."),
            ],
        )

    @classmethod
    def validate_inputs(cls, unit: str | None, fill: str | None) -> bool | str:
        return check_choices(cls, unit=unit, fill=fill)

    @classmethod
    def execute(
        cls,
        image: Tensor,
        unit: str,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: str,
        feather: float,
        mask: Tensor | None = None,
        width: int = 16,
        height: int = 9,
        x: float = 0.5,
        y: float = 0.5,
        color: str = "#808080",
    ) -> io.NodeOutput:
        check_image(image)
        picture = Size(image.shape[2], image.shape[1])
        if unit == SIZE:
            sides = sides_to_size(picture, Size(width, height), x, y)
        elif unit == ASPECT:
            sides = sides_to_aspect(picture, Size(width, height), x, y)
        else:
            sides = sides_of(picture, left, top, right, bottom, unit)
        # Other fills ignore the color, so an unreadable one is no error there.
        rgb = parse_color(color) if option(fill) == "color" else GREY
        padded = pad_for_outpaint(image, sides, mask, feather, option(fill), rgb)
        size = Size(padded.image.shape[2], padded.image.shape[1])
        message = f"From {picture} to {size}: {', '.join(f'{side} {name}' for name, side in sides._asdict().items())}."
        return io.NodeOutput(*padded, ui={"text": ("\n".join([message, coverage(padded.conditioning)]),)})


def _side(name: str) -> io.Float.Input:
    default = 128.0 if name in ("left", "right") else 0.0
    return io.Float.Input(name, default=default, min=0.0, max=8192.0, step=8.0, tooltip="What to add there.")
