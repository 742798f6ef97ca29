"""Latents of models that sample a video and its sound together."""

from __future__ import annotations

from typing import Any

import torch
from comfy.nested_tensor import NestedTensor
from torch import Tensor

from ...inpaint.core.checks import describe
from ...inpaint.core.errors import InpaintError
from ...inpaint.core.latents import check_latent, streams_of

# The latents of one sound, by the host's latent format of the models. None: of any length.
SOUNDS: dict[str, tuple[int | None, ...]] = {"LTXAV": (8, None, 16), "MiniMaxH3AV": (32, 2, None)}
# The format of the models that cannot sample a video without sound.
NEEDS_SOUND = "MiniMaxH3AV"
CHANNELS, ROWS = 32, 2
PICTURES = (1, 4, 4, 4, 4)


def takes_sound(model: Any) -> bool:
    """Whether a MODEL samples a video with its sound."""
    return _format(model) in SOUNDS


def needs_sound(model: Any) -> bool:
    """Whether a MODEL cannot sample a video without sound."""
    return _format(model) == NEEDS_SOUND


def check_sound(model: Any, label: str, sound: dict[str, Any], videos: int) -> None:
    """Raise if a LATENT is no sound for a MODEL.

    Args:
        model: the MODEL.
        label: its name for users.
        sound: a LATENT of sound; of several streams the last counts.
        videos: the number of videos that it belongs to.

    Raises:
        InpaintError: if the model samples no sound, or the latent's shape or number does not fit.
    """
    if not takes_sound(model):
        raise InpaintError(
            f"sound: expected nothing for {label}, which samples pictures alone, got a latent. Disconnect it."
        )
    check_latent(sound, "sound")
    heard = streams_of(sound["samples"])[-1]
    expected = SOUNDS[_format(model)]
    fits = heard.ndim == len(expected) + 1 and all(
        wanted in (None, got) for wanted, got in zip(expected, heard.shape[1:], strict=True)
    )
    if not fits:
        shape = ", ".join("T" if length is None else str(length) for length in expected)
        raise InpaintError(
            f"sound: expected a latent [B, {shape}] for {label}, got {describe(heard)}. Encode the sound with the "
            "model's audio VAE."
        )
    if len(heard) not in (1, videos):
        raise InpaintError(
            f"sound: expected one, or one for each of {videos} videos, got {len(heard)}. Encode the sound of this "
            "video."
        )


def with_sound(samples: Tensor, mask: Tensor | None, sound: dict[str, Any] | None) -> dict[str, Any]:
    """Join the latents of videos with those of their sound.

    Args:
        samples: [B, C, T, h, w], the videos.
        mask: [B, 1, T, h, w], or None.
        sound: a LATENT of sound, see `check_sound`, which is kept. None: MiniMax H3 makes the sound.

    Returns:
        A LATENT of two streams, with a noise mask of two.
    """
    batch, frames = len(samples), samples.shape[2]
    if sound is None:
        heard = samples.new_zeros(batch, CHANNELS, ROWS, sound_length(frames))
    else:
        heard = streams_of(sound["samples"])[-1].to(samples)
        heard = heard.expand(batch, *heard.shape[1:]).clone()
    latent = {"samples": NestedTensor([samples, heard])}
    if mask is not None:
        made = torch.full_like(heard[:, :1], float(sound is None))
        latent["noise_mask"] = NestedTensor([mask, made])
    return latent


def sound_length(frames: int) -> int:
    """Return the length of the latent of MiniMax H3's sound for a video's.

    Args:
        frames: T of the video's latent. Of five in a row, the first stands for one picture and the others for four.

    Source: comfy/latent_formats.py of the host (MiniMaxH3AV); 24 pictures and 40 latents of sound a second.
    """
    pictures = sum(PICTURES[index % len(PICTURES)] for index in range(frames))
    return round(pictures / 24 * 40)


def _format(model: Any) -> str:
    """Return the host's name of the latents that a MODEL works on."""
    return type(model.model.latent_format).__name__
