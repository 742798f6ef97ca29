"""Soft masks as a schedule: how much a pixel is to change decides from which step of the sampling on it may."""

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
    """How the values of a soft mask are read.

    strength: 1 frees a pixel from its step on and keeps it before; 0 blends it at every step by its mask value, as
        the host does; between the two, a mix.
    curve: "linear" takes the mask as it is; "smooth" flattens both ends of its ramps (3m^2 - 2m^3); "power" takes
        m^power.
    power: for "power"; above 1 frees soft areas later, below 1 sooner.
    least: minimum denoise, 0..1: soft areas start from here instead of from 0. What is 0 stays 0.

    Raises:
        InpaintError: if one of them is out of its range.
    """

    strength: float = 1.0
    curve: Curve = "linear"
    power: float = 1.0
    least: float = 0.0

    def __post_init__(self) -> None:
        check_choice("curve", self.curve, get_args(Curve))
        for name, value in (("strength", self.strength), ("minimum_denoise", self.least)):
            if not 0 <= value <= 1:
                raise InpaintError(f"{name}: expected 0 to 1, got {value}.")
        if not 0 < self.power < math.inf:
            raise InpaintError(f"power: expected more than 0, got {self.power}. 1 changes nothing.")


def shaped(mask: Tensor, soft: Soft) -> Tensor:
    """The mask with its curve and its minimum denoise applied; 0 and 1 stay what they are, exactly.

    Args:
        mask: float in 0..1, any shape.
        soft: how it is read.

    Returns:
        the same shape, dtype and device.
    """
    if soft.curve == "smooth":
        mask = mask * mask * (3 - 2 * mask)
    elif soft.curve == "power":
        mask = mask**soft.power
    if soft.least:
        # Ends in 1 exactly: least + (1 - least) may be a bit below it.
        mask = torch.where((mask > 0) & (mask < 1), soft.least + (1 - soft.least) * mask, mask)
    return mask


def done(sigma: Tensor, sigmas: Tensor) -> Tensor:
    """How much of the sampling is done when the model is called with this noise: i/n for step i of n, counted from 0.

    A sampler may call the model between two steps of the schedule: that counts to the step that it is on the way from.

    Args:
        sigma: of the call, one number in a tensor. Rounded to half precision, as samplers hand it on with such latents,
            it is taken for the nearest of the schedule.
        sigmas: [n + 1], the schedule, falling.

    Returns:
        one number in 0..1, float32, on the device of `sigmas`. Nothing waits for the device.
    """
    steps = len(sigmas) - 1
    begun, now = sigmas[:-1], sigma.to(sigmas)
    apart = (begun - now).abs()
    nearest = apart.argmin()
    same = apart[nearest] <= max(torch.finfo(sigma.dtype).eps, 1e-5) * now
    return torch.where(same, nearest, (begun >= now).sum() - 1).clamp(min=0) / steps


def repaintable_mask(mask: Tensor, done: Tensor | float, soft: Soft | None = None) -> Tensor:
    """What of a soft mask is repainted at this point of the sampling; the rest is kept for now.

    A pixel is kept if and only if 1 - mask > done: 0 is never freed and 1 always is, whatever the schedule. A pixel of
    mask m gets, so, the last m of the steps, as if it had been sampled with a denoise of m.

    Args:
        mask: float in 0..1, any shape.
        done: how much of the sampling is done, see `done`.
        soft: how the mask is read; left out, as it is.

    Returns:
        the same shape, dtype and device: 0 and 1, and with a strength below 1 what lies between.

    Source: Levin & Fried 2023, arXiv:2306.00950, whose code keeps what `map > thresholds` with map = 1 - mask and
    thresholds = i/n.
    """
    soft = soft or Soft()
    mask = shaped(mask, soft)
    free = ((1 - mask) <= done).to(mask.dtype)
    return free if soft.strength == 1 else torch.lerp(mask, free, soft.strength)


def put_back(sampled: Tensor, original: Tensor, mask: Tensor) -> Tensor:
    """The sampled latent with the original where the mask is exactly 0, bit for bit.

    Args:
        sampled, original: [B, C, h, w] or [B, C, T, h, w].
        mask: the same with one channel or C, and B or 1 rows.

    Returns:
        like `sampled`.
    """
    return torch.where(mask.to(sampled.device) == 0, original.to(sampled), sampled)
