"""Filling a hole with a model that was never trained to inpaint, so that the hole agrees with what is around it.

A noise mask puts the picture, freshly noised, back into the known part at every step, whatever the model made of the
hole meanwhile. The noise in the hole and the noise around it then have nothing to do with each other, and the fill is
biased: more steps do not help. Here the noise around the hole is what the model itself sees there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

# How far the model's picture may be off what is known, in units of the data.
OBSERVATION_NOISE = 0.01
# Pure noise still holds this much of the picture, so that nothing is divided by 0.
LEAST_ALPHA = 1e-6


class Level(NamedTuple):
    """How noisy a sample is: x = alpha * picture + sigma * noise."""

    alpha: float
    sigma: float


class Guess(NamedTuple):
    """Where the next sample lies, as far as the model can tell: Gaussian, `variance` that of every value."""

    mean: Tensor
    variance: float


def flow_level(time: float) -> Level:
    """The level of flow models, time 0 (picture) to 1 (noise)."""
    return Level(max(1 - time, LEAST_ALPHA), time)


def ratio_level(ratio: float) -> Level:
    """The variance-preserving level with this much noise for each part of the picture."""
    alpha = (1 + ratio**2) ** -0.5
    return Level(alpha, ratio * alpha)


def coherent(
    denoise: Callable[[Tensor, int], Tensor],
    x: Tensor,
    levels: Sequence[Level],
    reference: Tensor,
    keep: Tensor,
    noise: Callable[[], Tensor],
    full: bool = False,
    on_step: Callable[[int, Tensor, Tensor], None] | None = None,
) -> Tensor:
    """Sample what fits the known part: decoupled inpainting guidance (DInG).

    With nothing to keep, it is a plain ancestral sampler.

    Args:
        denoise: (x, i) to the picture that the model sees in x, a sample at level i.
        x: [B, ...] float, a sample at the first level.
        levels: from noise to picture. Where the last has no noise, the last step is the model's picture itself.
        reference: the known picture, broadcastable to x.
        keep: 0..1, 1 = known, 0 = hole, broadcastable to x. Between, what is known counts for less.
        noise: gives standard normal numbers of x's shape, new ones at each call.
        full: see with the model what noise a next sample would hold, with a second call. Otherwise ("delayed") the
            noise seen in this sample stands for it. For N steps to a picture that is 2 N - 1 calls instead of N.
        on_step: called once a step with its number, its x, and the model's picture with the known part in place.

    Returns:
        x's shape and dtype: a picture with the known part in place, or the sample at the last level if that is noisy.

    Source: Moufad et al. 2026, arXiv:2512.18365, written from its formulas. Softness divides the observation noise.
    """
    dtype = x.dtype
    x = x.to(torch.promote_types(dtype, torch.float32))
    reference, keep = reference.to(x), keep.to(x)
    for i, (level, lower) in enumerate(pairwise(levels)):
        picture = denoise(x, i)
        pinned = torch.lerp(picture, reference, keep)
        if on_step:
            on_step(i, x, pinned)
        if lower.sigma == 0:
            return pinned.to(dtype)
        seen = noise_in(x, picture, level)
        guess = next_sample(picture, seen, lower)
        if full:
            trial = guess.mean + guess.variance**0.5 * noise()
            seen = noise_in(trial, denoise(trial, i + 1), lower)
        known = lower.alpha * reference + lower.sigma * seen
        x = draw(guess, known, OBSERVATION_NOISE * lower.alpha, keep, noise())
    return x.to(dtype)


def noise_in(x: Tensor, picture: Tensor, level: Level) -> Tensor:
    """What is left of x without the picture, in units of standard normal noise."""
    return (x - level.alpha * picture) / level.sigma


def next_sample(picture: Tensor, seen: Tensor, lower: Level) -> Guess:
    """From the picture and the noise that the model sees in a sample, the sample at the next level.

    Much of the noise is new early on, next to none late.
    """
    variance = (1 - lower.alpha) ** 2 * lower.sigma**2
    return Guess(lower.alpha * picture + (lower.sigma**2 - variance) ** 0.5 * seen, variance)


def draw(guess: Guess, known: Tensor, spread: float, keep: Tensor, noise: Tensor) -> Tensor:
    """A sample of the guess, given that an observation of it with this spread came out as `known`.

    Both are Gaussian, so it is exact: the mean moves by `gain` to what is known, the variance falls by as much. In the
    hole the gain is 0, and the sample is one of the guess alone.
    """
    trust = keep**2 * guess.variance
    gain = trust / (trust + spread**2)
    return torch.lerp(guess.mean, known, gain) + (guess.variance * (1 - gain)).sqrt() * noise
