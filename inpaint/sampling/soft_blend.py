"""Soft inpainting as in A1111: every step mixes the original and the new latent by mask and noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InpaintError


@dataclass(frozen=True)
class SoftBlend:
    """A1111's settings of soft inpainting, with its names and defaults.

    Raises:
        InpaintError: if a value is out of its range.
    """

    schedule_bias: float = 1.0
    """0 or more. 1 spreads the change evenly over the sampling. Above 1 keeps the original longer, below 1 shorter."""
    preservation_strength: float = 0.5
    """0 or more. How strongly soft areas are kept; 0 keeps only where the mask is 0."""
    transition_contrast_boost: float = 4.0
    """1 or more. Mixing loses contrast, so the mixture is scaled to the power mean of both latents' lengths. This is
    its exponent: 1 is the plain mean, larger values are closer to the longer latent."""

    def __post_init__(self) -> None:
        settings = (("schedule_bias", 0, 1), ("preservation_strength", 0, 0.5), ("transition_contrast_boost", 1, 4))
        for name, least, usual in settings:
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise InpaintError(f"{name}: expected {least} or more, got {value}. A1111 uses {usual}.")


def repainted(mask: Tensor, sigma: Tensor | float, soft: SoftBlend) -> Tensor:
    """Return the weight of the model's result at this noise level. 0 and 1 stay exactly 0 and 1.

    Args:
        mask: [B, ...] float in 0..1.
        sigma: the sampler's noise level, above 0; one number, or [B], one per picture.
        soft: the settings.

    Returns:
        Shape and dtype of `mask`.

    Source: A1111's soft inpainting: mask ^ (sigma ^ bias * strength); the exponent stands for a number of mixes.
    """
    if isinstance(sigma, Tensor) and sigma.ndim:
        sigma = sigma.reshape(-1, *(1,) * (mask.ndim - 1))
    times = sigma**soft.schedule_bias * soft.preservation_strength
    return torch.where(mask > 0, mask**times, mask)


def blend(original: Tensor, made: Tensor, share: Tensor, soft: SoftBlend) -> Tensor:
    """Mix two latents, and scale the mixture to the mean of their lengths over the channels.

    The mean of two different vectors is shorter than the vectors. Unscaled, this shows as a loss of contrast.

    Args:
        original, made: [B, C, ...] float.
        share: [B, 1 or C, ...] float in 0..1; weight of `made`. The first channel is the weight of its length.
        soft: the settings.

    Returns:
        Shape, dtype and device of `made`.

    Source: A1111's soft inpainting: the length is a weighted power mean with the exponent transition_contrast_boost.
    """
    share = share.to(made)
    mixed = torch.lerp(original.to(made), made, share)
    weight, power = share[:, :1].double(), soft.transition_contrast_boost
    lengths = (latent.to(made).norm(dim=1, keepdim=True).double() for latent in (original, made))
    old, new = lengths
    target = ((1 - weight) * old**power + weight * new**power) ** (1 / power)
    return mixed * (target / (mixed.norm(dim=1, keepdim=True).double() + 1e-5)).to(made)
