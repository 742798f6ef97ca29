"""Soft masks as a schedule: a pixel's mask value decides from which sampling step on it may change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..core.checks import check_choice
from ..core.errors import InpaintError

Curve = Literal["linear", "smooth", "power"]


@dataclass(frozen=True)
class Soft:
    """How the values of a soft mask are used.

    Raises:
        InpaintError: if a value is out of its range.
    """

    strength: float = 1.0
    """0..1. 1 keeps a pixel until its step and repaints it from then on. 0 blends it by its mask value at every step,
    as the host does. Values between mix the two."""
    curve: Curve = "linear"
    """What a mask value m becomes. "linear": m. "smooth": 3m^2 - 2m^3, which flattens both ends of a ramp. "power":
    m^power."""
    power: float = 1.0
    """Above 0; exponent of the curve "power". Above 1 soft areas are repainted from a later step, below 1 earlier."""
    least: float = 0.0
    """0..1, the minimum denoise. Soft values start at this instead of at 0. 0 stays 0."""

    def __post_init__(self) -> None:
        check_choice("curve", self.curve, get_args(Curve))
        settings = (
            ("strength", self.strength, "Use 1 for the schedule alone."),
            ("minimum_denoise", self.least, "Use 0 for none."),
        )
        for name, value, advice in settings:
            if not 0 <= value <= 1:
                raise InpaintError(f"{name}: expected 0 to 1, got {value}. {advice}")
        if not 0 < self.power < math.inf:
            raise InpaintError(f"power: expected more than 0, got {self.power}. 1 changes nothing.")


def shaped(mask: Tensor, soft: Soft) -> Tensor:
    """Apply curve and minimum denoise to the mask. 0 and 1 stay exactly 0 and 1.

    Args:
        mask: float in 0..1, any shape.
        soft: the settings.

    Returns:
        Shape, dtype and device of `mask`.
    """
    if soft.curve == "smooth":
        mask = mask * mask * (3 - 2 * mask)
    elif soft.curve == "power":
        mask = mask**soft.power
    if soft.least:
        # 1 is left out, because least + (1 - least) can round to less than 1.
        mask = torch.where((mask > 0) & (mask < 1), soft.least + (1 - soft.least) * mask, mask)
    return mask


def done(sigma: Tensor, sigmas: Tensor) -> Tensor:
    """Return the fraction of the sampling done at a model call: i/n at step i of n, counted from 0.

    A sampler may call the model between two steps of the schedule. The call then belongs to the earlier step.

    Args:
        sigma: noise level of the call, one number in a tensor. Samplers round it to half precision if latents are; the
            nearest sigma of the schedule is then taken.
        sigmas: [n + 1], the schedule, descending.

    Returns:
        One number in 0..1, float32, on the device of `sigmas`. The call does not synchronise with the device.
    """
    steps = len(sigmas) - 1
    starts, now = sigmas[:-1], sigma.to(sigmas)
    distances = (starts - now).abs()
    nearest = distances.argmin()
    is_nearest = distances[nearest] <= max(torch.finfo(sigma.dtype).eps, 1e-5) * now
    return torch.where(is_nearest, nearest, (starts >= now).sum() - 1).clamp(min=0) / steps


def repaintable_mask(mask: Tensor, done: Tensor | float, soft: Soft | None = None) -> Tensor:
    """Return the part of a soft mask that is repainted at this point of the sampling.

    A pixel is kept if and only if 1 - mask > done. So 0 is never repainted and 1 always is, whatever the schedule. A
    pixel with mask m is repainted in the last fraction m of the steps, as if it were sampled with denoise m.

    Args:
        mask: float in 0..1, any shape.
        done: fraction of the sampling done, from `done`.
        soft: the settings; None for the defaults, which use the mask as it is.

    Returns:
        Shape, dtype and device of `mask`. 1 = repaint, 0 = keep; values between only if the strength is below 1.

    Source: Levin & Fried 2023, arXiv:2306.00950, whose code keeps what `map > thresholds` with map = 1 - mask and
    thresholds = i/n.
    """
    soft = soft or Soft()
    mask = shaped(mask, soft)
    free = ((1 - mask) <= done).to(mask.dtype)
    return free if soft.strength == 1 else torch.lerp(mask, free, soft.strength)


def put_back(sampled: Tensor, original: Tensor, mask: Tensor) -> Tensor:
    """Restore the original latent where the mask is exactly 0, bit for bit.

    Args:
        sampled, original: [B, C, h, w] or [B, C, T, h, w].
        mask: the same shape, but its batch may be 1 and its channels may be 1.

    Returns:
        Shape, dtype and device of `sampled`.
    """
    return torch.where(mask.to(sampled.device) == 0, original.to(sampled), sampled)
