"""Whether latents belong to a model or a VAE, checked by their shape."""

from __future__ import annotations

from torch import Tensor

from ..core.checks import describe
from ..core.errors import InpaintError
from .latents import LatentShape
from .vae_check import BEST_KNOWN

# How latents are laid out, by the number of dimensions of a picture in them.
LAYOUTS = {1: "[B, {}, N]", 2: "[B, {}, h, w]", 3: "[B, {}, T, h, w]"}


def check_samples(samples: Tensor, channels: int, dimensions: int, whose: str, advice: str, name: str) -> None:
    """Check that latents have the shape that a model or a VAE works on.

    Args:
        samples: the latents.
        channels: the number of channels expected.
        dimensions: 2 for [B, C, h, w], 3 for [B, C, T, h, w], 1 for [B, C, N].
        whose: what expects them, for users.
        advice: the last sentence of the error.
        name: the input's name, for the error.

    Raises:
        InpaintError: if the latents have another number of dimensions or channels.
    """
    if samples.ndim == dimensions + 2 and samples.shape[1] == channels:
        return
    known = BEST_KNOWN.get(LatentShape(samples.shape[1], samples.ndim == 5)) if samples.ndim in (4, 5) else None
    made_by = f" (those of {known})" if known else ""
    expected = LAYOUTS[dimensions].format(channels)
    raise InpaintError(f"{name}: expected latents {expected} of {whose}, got {describe(samples)}{made_by}. {advice}")
