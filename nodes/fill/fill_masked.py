"""Menu Mend/Fill: fill the masked area without a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint import fills
from ...inpaint.core.checks import match, match_mask
from ...inpaint.core.progress import Progress
from ...inpaint.imaging.color_names import parse_color
from ..shared.choices import check_choices, option
from ..shared.widgets import all_advanced, pixels


@dataclass(frozen=True)
class _Settings:
    """The node's inputs beside the method."""

    source: Tensor | None
    """[B, H, W], 1 = take texture from here. None takes it from everywhere outside the mask."""
    color: str
    """`#rrggbb` or a color name."""
    radius: float
    """Radius in pixels of telea and navier-stokes."""
    seed: int
    """Seed of noise and patchmatch."""
    patch_size: int
    """Side of a patch in pixels, for patchmatch."""
    progress: Progress
    """Called with the work done and the total."""


def _patchmatch(image: Tensor, mask: Tensor, how: _Settings) -> Tensor:
    from ...inpaint.patchmatch import fill_patchmatch

    return fill_patchmatch(image, mask, how.source, how.seed, how.patch_size, how.progress)


METHODS: dict[str, Callable[[Tensor, Tensor, _Settings], Tensor]] = {
    "harmonic": lambda image, mask, how: fills.fill_harmonic(image, mask, how.progress),
    "neutral": lambda image, mask, how: fills.fill_neutral(image, mask),
    "color": lambda image, mask, how: fills.fill_color(image, mask, parse_color(how.color)),
    "edge": lambda image, mask, how: fills.fill_edge(image, mask, how.progress),
    "blur": lambda image, mask, how: fills.fill_blur(image, mask, how.progress),
    "noise": lambda image, mask, how: fills.fill_noise(image, mask, how.seed, how.progress),
    "telea": lambda image, mask, how: fills.fill_telea(image, mask, how.radius, how.progress),
    "navier-stokes": lambda image, mask, how: fills.fill_navier_stokes(image, mask, how.radius, how.progress),
    "patchmatch": _patchmatch,
}


class FillMasked(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendFillMasked",
            display_name="Fill Masked Area",
            category="Mend/Fill",
            description="Fills the masked area from its surroundings, without a model. For removals that need no more, "
            "or as a start for a low-denoise inpaint.",
            inputs=[
                io.Image.Input(
                    "image", tooltip="The picture. Pixels outside the mask stay as they are, and so does alpha."
                ),
                io.Mask.Input("mask", tooltip="Every pixel above 0 is filled."),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default="harmonic",
                    tooltip="harmonic: the smoothest surface that meets the surroundings at the border, for smooth "
                    "ground and scratches. neutral: mid grey. color: one color. edge: the nearest pixel. blur: wide "
                    "means of what is around. noise: harmonic with the grain of what is around. telea, navier-stokes: "
                    "OpenCV's, for thin holes. patchmatch: pieces of the picture itself, for texture.",
                ),
                io.Float.Input(
                    "fade_width",
                    default=0.0,
                    min=0.0,
                    max=512.0,
                    step=0.5,
                    optional=True,
                    tooltip="Over how many pixels inside the mask's edge the picture fades into the fill. It lets what "
                    "the mask held show through there: 0 to remove something, more as a start for low denoise.",
                ),
                *all_advanced(
                    io.String.Input("color", default="#808080", tooltip="For method color: #rrggbb or a name."),
                    pixels(
                        "radius",
                        fills.RADIUS,
                        "For telea and navier-stokes: how far each pixel looks for others, in pixels. More is "
                        "smoother, and slower.",
                        least=1.0,
                        most=100.0,
                    ),
                    io.Int.Input(
                        "seed",
                        default=0,
                        min=0,
                        max=0xFFFFFFFFFFFFFFFF,
                        control_after_generate=False,
                        tooltip="For noise and patchmatch: another seed gives another fill.",
                    ),
                    io.Int.Input(
                        "patch_size",
                        default=7,
                        min=3,
                        max=15,
                        step=2,
                        tooltip="For patchmatch: side of the pieces in pixels. Larger ones keep larger structures, and "
                        "take longer.",
                    ),
                ),
                io.Mask.Input(
                    "source",
                    optional=True,
                    tooltip="For patchmatch: take texture from where this is 0.5 or more. Without it, from all that is "
                    "not filled.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The filled picture.")],
        )

    @classmethod
    def validate_inputs(cls, method: str | None) -> bool | str:
        return check_choices(cls, method=method)

    @classmethod
    def execute(
        cls,
        image: Tensor,
        mask: Tensor,
        method: str,
        fade_width: float = 0.0,
        color: str = "#808080",
        radius: float = fills.RADIUS,
        seed: int = 0,
        patch_size: int = 7,
        source: Tensor | None = None,
    ) -> io.NodeOutput:
        image, mask = match(image, mask)
        if source is not None and method == "patchmatch":
            source = match_mask(source, image.shape[1], image.shape[2], len(image), "source")
        how = _Settings(source, color, radius, seed, patch_size, host.progress_bar())
        filled = METHODS[option(method)](image, mask, how)
        return io.NodeOutput(fills.fade_in(image, filled, mask, fade_width))
