"""LATENTs as the host's KSampler reads them for a MODEL."""

from __future__ import annotations

import inspect
from typing import Any

import comfy.sample
from torch import Tensor

from ...inpaint.core.checks import describe
from ...inpaint.core.errors import InpaintError
from ...inpaint.core.latents import check_latent, is_nested, streams_of
from ...inpaint.model_families.latent_check import check_samples
from ...inpaint.sampling.conditioning import repeat_to
from .inputs import in_model_scale, model_inputs
from .sound import needs_sound, takes_sound

# Keys by which newer hosts' Empty Latent nodes say what their cells stand for.
RATIOS = ("downscale_ratio_spacial", "downscale_ratio_temporal")
DEFAULT_RATIO = 8


def fitted(model: Any, latent: dict[str, Any], name: str = "latent") -> dict[str, Any]:
    """Return a LATENT with the samples that the host's KSampler would work on.

    The host gives empty latents (all 0) the model's channels, and on newer versions its size. For a video model,
    pictures become videos of one frame.

    Raises:
        InpaintError: if `latent` is no LATENT, or the model cannot sample it.
    """
    check_latent(latent, name)
    samples, form, inputs = latent["samples"], model.get_model_object("latent_format"), model_inputs(model)
    channels, dimensions = int(form.latent_channels), int(form.latent_dimensions)
    advice = "Encode the picture for this model and with its VAE, by Encode for Inpainting."
    if is_nested(samples):
        # Nothing is known of the streams of a format that the table lacks.
        if inputs.latents is not None:
            if not takes_sound(model):
                raise InpaintError(
                    f"{name}: expected one latent for {inputs.label}, got {len(streams_of(samples))} nested ones, such "
                    f"as video with audio. {advice}"
                )
            # The host's number of channels is that of the widest stream.
            channels = inputs.latents.shape.channels
            check_samples(streams_of(samples)[0], channels, dimensions, inputs.label, advice, name)
        return latent
    if samples.ndim == dimensions + 2 or (samples.ndim == 4 and dimensions == 3):
        fix = comfy.sample.fix_empty_latent_channels
        # Older hosts have no arguments for the ratios.
        ratios = {key: latent[key] for key in RATIOS if key in latent and key in inspect.signature(fix).parameters}
        samples = fix(model, samples, **ratios)
        # One picture with the noise of several: the host's sampler repeats it.
        index = latent.get("batch_index")
        samples = samples if index is None else repeat_to(samples, len(index))
        latent = {**{key: value for key, value in latent.items() if key not in ratios}, "samples": samples}
        if is_nested(samples):
            return latent
    if needs_sound(model):
        raise InpaintError(
            f"{name}: expected nested latents of a video and its sound for {inputs.label}, got {describe(samples)}. "
            f"{advice}"
        )
    check_samples(samples, channels, dimensions, inputs.label, advice, name)
    return latent


def picture_latents(model: Any, latent: dict[str, Any], name: str = "latent") -> Tensor:
    """Return the latents of pictures in the scale that a MODEL samples in.

    Returns:
        [B, C, h, w]. Of a video of one frame, the frame; of nested latents, such as video with audio, the first.

    Raises:
        InpaintError: if `latent` is no LATENT, does not fit the model, or holds videos.
    """
    check_latent(latent, name)
    samples = streams_of(latent["samples"])[0]
    frames = samples.shape[2] if samples.ndim == 5 else 1
    if frames > 1:
        raise InpaintError(
            f"{name}: expected the latents of pictures, got {list(samples.shape)}, a video of {frames} frames. For "
            "videos, use Composite Masked on their frames."
        )
    if samples.ndim == 5 and model.get_model_object("latent_format").latent_dimensions == 2:
        samples = samples.squeeze(2)
    scaled = in_model_scale(model, fitted(model, {"samples": samples}, name)["samples"])
    return scaled.squeeze(2) if scaled.ndim == 5 else scaled


def latent_ratio(model: Any) -> int:
    """Return the pixels per latent cell of a MODEL along each side; `DEFAULT_RATIO` if nothing is known of it."""
    stated = getattr(model.get_model_object("latent_format"), "spacial_downscale_ratio", None)
    latents = model_inputs(model).latents
    return int(stated or (DEFAULT_RATIO if latents is None else latents.ratio))
