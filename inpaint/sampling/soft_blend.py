"""Soft inpainting as A1111 has it: at every step old and new are mixed by the mask and by the noise that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InpaintError


@dataclass(frozen=True)
class SoftBlend:
    """A1111's settings of soft inpainting, by its own names and with its defaults.

    schedule_bias: how the change is spread over the sampling. 1 is even; more keeps the original longer, less lets it
        go sooner.
    preservation_strength: how strongly soft areas are kept. 0 keeps nothing but what the mask leaves out.
    transition_contrast_boost: how much of the contrast that mixing costs is given back. 1 gives back none of what
        differs; more favours the stronger of the two.

    Raises:
        InpaintError: if one of them is out of its range.
    """

    schedule_bias: float = 1.0
    preservation_strength: float = 0.5
    transition_contrast_boost: float = 4.0

    def __post_init__(self) -> None:
        for name, least in (("schedule_bias", 0), ("preservation_strength", 0), ("transition_contrast_boost", 1)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise InpaintError(f"{name}: expected {least} or more, got {value}.")


def repainted(mask: Tensor, sigma: Tensor | float, soft: SoftBlend) -> Tensor:
    """How much of what the model makes is taken at this noise; 0 and 1 stay what they are.

    Args:
        mask: [B, ...] float in 0..1.
        sigma: the noise as the sampler has it, above 0; one number, or one for every picture [B].
        soft: the settings.

    Returns:
        like `mask`.

    Source: A1111's soft inpainting: mask ^ (sigma ^ bias * strength), as if it had been mixed as many times.
    """
    if isinstance(sigma, Tensor) and sigma.ndim:
        sigma = sigma.reshape(-1, *(1,) * (mask.ndim - 1))
    times = sigma**soft.schedule_bias * soft.preservation_strength
    return torch.where(mask > 0, mask**times, mask)


def blend(original: Tensor, made: Tensor, share: Tensor, soft: SoftBlend) -> Tensor:
    """Mix two latents, and give the mixture the strength that the two have between them: a mean of unlike vectors is
    shorter than either, which shows as a loss of contrast.

    Args:
        original, made: [B, C, ...] float.
        share: how much of `made`, [B, 1 or C, ...] in 0..1; of several channels the first counts for the strength.
        soft: the settings.

    Returns:
        like `made`.

    Source: A1111's soft inpainting: the lengths over the channels are mixed as a power mean of that exponent.
    """
    share = share.to(made)
    mixed = torch.lerp(original.to(made), made, share)
    one, power = share[:, :1].double(), soft.transition_contrast_boost
    lengths = (latent.to(made).norm(dim=1, keepdim=True).double() for latent in (original, made))
    old, new = lengths
    wanted = ((1 - one) * old**power + one * new**power) ** (1 / power)
    return mixed * (wanted / (mixed.norm(dim=1, keepdim=True).double() + 1e-5)).to(made)
