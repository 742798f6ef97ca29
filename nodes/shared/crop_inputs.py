"""Shared by the crop nodes: inputs for the crop's size, inputs for the stitch, and the report of the result."""

from functools import partial
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.compositing import METHODS, color, max_change
from ...inpaint.compositing.finish import Aligning, Finish
from ...inpaint.compositing.registration import registered
from ...inpaint.compositing.seam_score import seam, worst
from ...inpaint.core.geometry import Area, Size
from ...inpaint.crops.crop_plan import Context, Target
from ...inpaint.edits import laid_on_original
from ...inpaint.imaging.padding import BORDERS
from ...inpaint.model_families.sizes import native_side, side_multiple
from .notes import report_output, reported
from .widgets import all_advanced, count, pixels, share

OWN, MEGAPIXELS, GIVEN, KEEP = "model's own", "megapixels", "width and height", "keep"
SHIFT_AND_SIZE, FULL = "shift and size", "full"


def context_inputs() -> list[io.Input]:
    return [
        io.Float.Input(
            "context_factor",
            default=1.5,
            min=1.0,
            max=16.0,
            step=0.05,
            tooltip="How much of the picture to show: 1.5 is half as much again as the mask is wide and high.",
        ),
        count("context_pixels", 32, "Pixels of the picture to show besides, on every side.", most=8192),
        io.Combo.Input(
            "size",
            options=[OWN, MEGAPIXELS, GIVEN, KEEP],
            default=OWN,
            tooltip="What the crop is scaled to. model's own: the number of pixels that the model was trained on "
            "(connect it; 1024x1024 without). keep: it is not scaled.",
        ),
    ]


def model_inputs() -> list[io.Input]:
    return [
        io.Model.Input(
            "model", optional=True, tooltip="Tells the size it was trained on, and the multiple it asks for."
        ),
        io.Vae.Input("vae", optional=True, tooltip="Tells how many pixels a latent cell has; 8 without."),
    ]


def size_inputs() -> list[io.Input]:
    return [
        io.Float.Input("megapixels", default=1.0, min=0.01, max=64.0, step=0.01, tooltip="Of 1024x1024 pixels."),
        io.Int.Input("width", default=1024, min=8, max=16384, tooltip="For width and height, in pixels."),
        io.Int.Input("height", default=1024, min=8, max=16384, tooltip="For width and height, in pixels."),
    ]


def scaling_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "border",
            options=list(BORDERS),
            default="reflect",
            tooltip="What is shown beyond the picture where it is smaller than the crop. It is never repainted.",
        ),
        io.Boolean.Input(
            "linear_light",
            default=False,
            tooltip="Average light in scaling, not its code: fine bright detail keeps its brightness.",
        ),
    ]


def planned(
    model: Any,
    vae: Any,
    context_factor: float,
    context_pixels: int,
    size: str,
    megapixels: float = 1.0,
    width: int = 1024,
    height: int = 1024,
) -> dict[str, Any]:
    """Return the keyword arguments `context`, `target` and `multiple` of the functions that plan boxes."""
    inputs = None if model is None else host.model_inputs(model)
    family = None if inputs is None else inputs.family
    targets: dict[str, Target] = {
        OWN: Area.square(native_side(family, inputs is not None and inputs.v_prediction)),
        MEGAPIXELS: Area.megapixels(megapixels),
        GIVEN: Size(width, height),
        KEEP: None,
    }
    multiple = side_multiple(family, None if vae is None else host.vae_ratio(vae))
    return {"context": Context(context_factor, context_pixels), "target": targets[size], "multiple": multiple}


def stitched(original: Tensor, result: Tensor, composite: Tensor, unusable: int, notes: list[str]) -> io.NodeOutput:
    """Build the output of a stitch: picture, composite mask, and the report.

    Args:
        original, result: [B, H, W, C]; the original's batch may be 1.
        composite: [B or 1, H, W], 0 where the original is kept.
        unusable: number of repainted pixels that were NaN or infinite.
        notes: lines of the report on what was done to the crops.
    """
    kept = composite == 0
    pasted = 1 - float(kept.count_nonzero()) / kept.numel()
    outside = max_change(original.expand_as(result), result, kept.expand(result.shape[:3]))
    del kept
    composite = composite.expand(result.shape[:3])
    messages = [f"Pasted over {pasted:.1%} of the picture. Largest change outside: {outside:g}.", *notes]
    if unusable:
        messages.append(f"{unusable:,} repainted pixels were NaN or infinite: the original pixels were kept there.")
    messages.append(worst(seam(result, composite)).report())
    return reported(result, composite, messages=messages)


def stitch_outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="image", tooltip="The whole picture."),
        io.Mask.Output(display_name="composite_mask", tooltip="How much was pasted where."),
        report_output(),
    ]


def finish_inputs() -> list[io.Input]:
    return [
        pixels(
            "feather",
            16.0,
            "Width of the soft edge around the mask, in pixels of the picture. 0: the mask's own values.",
        ),
        io.Combo.Input(
            "blend",
            options=list(METHODS),
            default="multiband",
            tooltip="feather mixes along the soft edge. multiband mixes what is coarse over a wide edge and detail "
            "over a narrow one. poisson keeps the crop's detail and takes the values around it.",
        ),
        io.Combo.Input(
            "color_match",
            options=list(color.METHODS),
            default="auto",
            tooltip="Corrects the crop's color by what is known around the mask. mean-std: one shift and contrast for "
            "all. field: besides, a smooth field, different on every side. none leaves it. auto: the simplest of these "
            "that is sure to help.",
        ),
        *all_advanced(
            share("color_strength", 1.0, "How much of the correction is made."),
            pixels("ring_width", 32.0, "Width in pixels of the known ring that color and place are fitted on."),
            io.Boolean.Input(
                "align",
                default=False,
                tooltip="Undo a shift or a change of size that the model gave to the whole crop, as edit models do. It "
                "is found on the known ring, and left where that is not sure.",
            ),
            io.Combo.Input(
                "registration",
                options=[SHIFT_AND_SIZE, FULL],
                default=SHIFT_AND_SIZE,
                tooltip="For align. full: besides, turns, stretches, tilts and smooth bends, found on all of the crop "
                "that is known; with color_match, also the change of light of the whole crop. It takes longer.",
            ),
        ),
    ]


def finish_of(
    blend: str,
    color_match: str,
    color_strength: float,
    ring_width: float,
    align: bool,
    registration: str,
) -> Finish:
    """Make what `finish_inputs` asks for."""
    light = 0.0 if color_match == "none" else color_strength
    ways: dict[str, Aligning] = {
        SHIFT_AND_SIZE: partial(registered, ring=ring_width),
        FULL: partial(laid_on_original, light=light),
    }
    return Finish(blend, color_match, color_strength, ring_width, ways[registration] if align else None)
