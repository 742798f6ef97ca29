"""Latents of models that sample a video and its sound together."""

from __future__ import annotations

from typing import Any

import torch
from comfy.nested_tensor import NestedTensor
from torch import Tensor

from ...inpaint.core.errors import InpaintError
from ...inpaint.core.latents import streams_of

# Class of the host whose models cannot sample a video without sound.
NEEDS_SOUND = "MiniMaxH3"
CHANNELS, ROWS = 32, 2


def needs_sound(model: Any) -> bool:
    """Whether a MODEL cannot sample a video without sound."""
    return type(model.model).__name__ == NEEDS_SOUND


def with_sound(samples: Tensor, mask: Tensor | None, sound: dict[str, Any] | None) -> dict[str, Any]:
    """Join the latents of videos with those of their sound.

    Args:
        samples: [B, C, T, h, w], the videos.
        mask: [B, 1, T, h, w], or None.
        sound: a LATENT of sound, which is kept; of several streams the last counts. None: sound is made.

    Returns:
        A LATENT of two streams, with a noise mask of two.

    Raises:
        InpaintError: if there are more or fewer sounds than videos.
    """
    batch, frames = len(samples), samples.shape[2]
    if sound is None:
        heard = samples.new_zeros(batch, CHANNELS, ROWS, sound_length(frames))
    else:
        heard = streams_of(sound["samples"])[-1].to(samples)
        if len(heard) not in (1, batch):
            raise InpaintError(
                f"sound: expected one, or one for each of {batch} videos, got {len(heard)}. Encode the sound of this "
                "video."
            )
        heard = heard.expand(batch, *heard.shape[1:]).clone()
    latent = {"samples": NestedTensor([samples, heard])}
    if mask is not None:
        made = torch.full_like(heard[:, :1], float(sound is None))
        latent["noise_mask"] = NestedTensor([mask, made])
    return latent


def sound_length(frames: int) -> int:
    """Return the length of the sound's latent for a video's.

    Args:
        frames: T of the video's latent: 2 for 5 frames, and 5 for each 17 more.

    Source: comfy_extras/nodes_minimax_h3.py of the host; 24 pictures and 40 latents of sound a second.
    """
    pictures = 5 + 17 * max(0, -(-(frames - 2) // 5))
    return round(pictures / 24 * 40)
