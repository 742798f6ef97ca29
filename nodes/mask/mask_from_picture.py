"""Menu Mend/Mask: make a mask from a picture's color, its alpha, or its difference from another picture."""

from comfy_api.latest import io
from torch import Tensor

from ...inpaint.imaging.color_names import parse_color
from ...inpaint.masks import above_noise, colors_at, from_alpha, from_color, from_difference, keep_at
from ...inpaint.masks import invert as inverted
from ..shared.mask_preview import shown
from ..shared.widgets import advanced, count, share

LARGEST_SIDE = 65_536


class MaskFromColor(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendMaskFromColor",
            display_name="Mask from Color",
            category="Mend/Mask",
            description="Masks every pixel of one color, such as a green screen, a sky or a marker stroke, or only "
            "those connected to a point. White (1) is repainted.",
            inputs=[
                io.Image.Input("image", tooltip="The picture in which the color is looked for. Alpha plays no part."),
                io.String.Input(
                    "color",
                    default="#00ff00",
                    tooltip="The color to mask: #rrggbb, #rgb, a name such as red, rgb(255, 0, 0), "
                    "hsl(0, 100%, 50%), or three numbers 0 to 255 such as 255, 0, 0. Empty for the color of the pixel "
                    "at x, y.",
                ),
                _tolerance(
                    15.0,
                    "How far from the color a pixel may be and still be masked, in Delta E: about 2.3 is just "
                    "noticeable, 10 another shade.",
                ),
                _softness("Beyond the tolerance the mask falls to 0"),
                _invert(),
                io.Boolean.Input(
                    "contiguous",
                    default=False,
                    optional=True,
                    tooltip="Mask only the connected area at x, y, as a magic wand does. Pixels that touch at a corner "
                    "are connected.",
                ),
                _pixel("x", "Column of the point, in pixels from the left."),
                _pixel("y", "Row of the point, in pixels from the top."),
                advanced(
                    share(
                        "lightness",
                        0.5,
                        "How much lightness counts beside hue and chroma. Shade changes lightness most: at 0.5 more of "
                        "it is masked than at 1. For grays, lightness always counts in full.",
                    )
                ),
            ],
            outputs=[_mask()],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        color: str,
        tolerance: float,
        softness: float,
        invert: bool,
        contiguous: bool = False,
        x: int = 0,
        y: int = 0,
        lightness: float = 0.5,
    ) -> io.NodeOutput:
        wanted = parse_color(color) if color.strip() else colors_at(image, x, y)
        mask = from_color(image, wanted, tolerance, softness, lightness)
        if not contiguous:
            return _shown(image, mask, invert)
        area = keep_at(mask, x, y)
        missed = int((area[:, y, x] == 0).sum())
        messages = [_missed(x, y, missed, len(image))] if missed else []
        return _shown(image, area, invert, *messages)


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
                    3.0,
                    "How much two pixels may differ and still count as the same, in Delta E: about 2.3 is just "
                    "noticeable. ignore_noise raises it where the pictures are noisy. 0 masks every difference.",
                ),
                _softness("Beyond the tolerance the mask rises to 1"),
                _invert(),
                io.Boolean.Input(
                    "ignore_noise",
                    default=True,
                    optional=True,
                    tooltip="Measure how much the pictures differ everywhere, from JPEG, a VAE, resizing or blur, and "
                    "mask only what differs more, by means of 5 x 5 pixels. Off compares pixel by pixel at the "
                    "tolerance as it is set.",
                ),
            ],
            outputs=[_mask()],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        other: Tensor,
        tolerance: float,
        softness: float,
        invert: bool,
        ignore_noise: bool = True,
    ) -> io.NodeOutput:
        if not ignore_noise:
            return _shown(image, from_difference(image, other, tolerance, softness), invert)
        difference = above_noise(image, other, tolerance, softness)
        return _shown(image, difference.mask, invert, difference.report())


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


def _pixel(name: str, tooltip: str) -> io.Int.Input:
    port = count(name, 0, f"{tooltip} Used if contiguous is on or color is empty.", most=LARGEST_SIDE)
    port.optional = True
    return port


def _invert() -> io.Boolean.Input:
    return io.Boolean.Input("invert", default=False, tooltip="Swap what is repainted and what is kept.")


def _mask() -> io.Mask.Output:
    return io.Mask.Output(display_name="mask", tooltip="The mask, [B, H, W] in 0..1: 1 is repainted.")


def _missed(x: int, y: int, missed: int, pictures: int) -> str:
    where = f" in {missed} of {pictures} pictures" if pictures > 1 else ""
    return f"The pixel at {x}, {y} has another color{where}: no area is found. Raise tolerance, or leave color empty."


def _shown(image: Tensor, mask: Tensor, invert: bool, *messages: str) -> io.NodeOutput:
    return shown(inverted(mask) if invert else mask, image, *messages)
