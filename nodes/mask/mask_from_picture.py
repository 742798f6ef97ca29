"""Menu Mend/Mask: make a mask from a picture's color, its alpha, or its difference from another picture."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.imaging.color_names import parse_color
from ...inpaint.masks import from_alpha, from_color, from_difference
from ...inpaint.masks import invert as inverted
from ..shared.mask_preview import shown


class MaskFromColor(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendMaskFromColor",
            display_name="Mask from Color",
            category="Mend/Mask",
            description="Masks every pixel of one color, such as a green screen, a sky or a marker stroke. White (1) "
            "is repainted.",
            inputs=[
                io.Image.Input("image", tooltip="The picture in which the color is looked for. Alpha plays no part."),
                io.String.Input(
                    "color",
                    default="#00ff00",
                    tooltip="The color to mask: #rrggbb, #rgb, a name such as red, rgb(255, 0, 0), "
                    "hsl(0, 100%, 50%), or three numbers 0 to 255 such as 255, 0, 0.",
                ),
                _tolerance(
                    10.0,
                    "How far from the color a pixel may be and still be masked, in Delta E: about 2.3 is just "
                    "noticeable, 10 another shade.",
                ),
                _softness("Beyond the tolerance the mask falls to 0"),
                _invert(),
            ],
            outputs=[_mask()],
        )

    @classmethod
    def execute(cls, image: Tensor, color: str, tolerance: float, softness: float, invert: bool) -> io.NodeOutput:
        return _shown(image, from_color(image, parse_color(color), tolerance, softness), invert)


class MaskFromAlpha(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendMaskFromAlpha",
            display_name="Mask from Alpha",
            category="Mend/Mask",
            description="Masks what is transparent in a picture with alpha, such as the empty border of an extended "
            "picture. White (1) is repainted.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="A picture with alpha (4 channels). Load Image gives none: there, use its MASK output.",
                ),
                _invert(),
            ],
            outputs=[_mask()],
        )

    @classmethod
    def execute(cls, image: Tensor, invert: bool) -> io.NodeOutput:
        return _shown(image, from_alpha(image), invert)


class MaskFromDifference(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendMaskFromDifference",
            display_name="Mask from Difference",
            category="Mend/Mask",
            description="Masks where two pictures of the same size differ, such as before and after an edit. White "
            "(1) is repainted.",
            inputs=[
                io.Image.Input("image", tooltip="One picture, or many. Alpha plays no part."),
                io.Image.Input(
                    "other",
                    tooltip="What it is compared with, of the same size in pixels: one picture for all, or as many "
                    "as image has.",
                ),
                _tolerance(
                    5.0,
                    "How much two pixels may differ and still count as the same, in Delta E: about 2.3 is just "
                    "noticeable. 0 masks every difference.",
                ),
                _softness("Beyond the tolerance the mask rises to 1"),
                _invert(),
            ],
            outputs=[_mask()],
        )

    @classmethod
    def execute(cls, image: Tensor, other: Tensor, tolerance: float, softness: float, invert: bool) -> io.NodeOutput:
        return _shown(image, from_difference(image, other, tolerance, softness), invert)


def _tolerance(default: float, tooltip: str) -> io.Float.Input:
    return io.Float.Input("tolerance", default=default, min=0.0, max=200.0, step=0.5, tooltip=tooltip)


def _softness(what_happens: str) -> io.Float.Input:
    return io.Float.Input(
        "softness",
        default=0.0,
        min=0.0,
        max=200.0,
        step=0.5,
        tooltip=f"{what_happens} evenly over this much more Delta E. 0 gives a hard edge.",
    )


def _invert() -> io.Boolean.Input:
    return io.Boolean.Input("invert", default=False, tooltip="Swap what is repainted and what is kept.")


def _mask() -> io.Mask.Output:
    return io.Mask.Output(display_name="mask", tooltip="The mask, [B, H, W] in 0..1: 1 is repainted.")


def _shown(image: Tensor, mask: Tensor, invert: bool) -> io.NodeOutput:
    return shown(inverted(mask) if invert else mask, image)
