"""Inpainting with a model that was not trained for it, so that the fill agrees with its surroundings.

A noise mask alone replaces the known part by the freshly noised picture at every step. That noise is independent of the
noise in the hole, so the fill is biased, and more steps do not help. Here the known part gets the noise that the model
itself predicts there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

# Standard deviation of the model's picture from the known pixels, in units of the data.
OBSERVATION_NOISE = 0.01
# Alpha of pure noise. It is not 0, so that nothing is divided by 0.
LEAST_ALPHA = 1e-6


class Level(NamedTuple):
    """The noise level of a sample: x = alpha * picture + sigma * noise."""

    alpha: float
    """Factor of the picture."""
    sigma: float
    """Factor of the noise, which is standard normal."""


class Guess(NamedTuple):
    """A Gaussian prediction of the next sample."""

    mean: Tensor
    """[B, ...] float; shape of the sample."""
    variance: float
    """Variance of every value."""


def flow_level(time: float) -> Level:
    """Return the level of a flow model at a time in 0..1, 0 = picture, 1 = noise."""
    return Level(max(1 - time, LEAST_ALPHA), time)


def ratio_level(ratio: float) -> Level:
    """Return the variance-preserving level with sigma / alpha = ratio."""
    alpha = (1 + ratio**2) ** -0.5
    return Level(alpha, ratio * alpha)


def coherent(
    denoise: Callable[[Tensor, int], Tensor],
    x: Tensor,
    levels: Sequence[Level],
    reference: Tensor,
    keep: Tensor | Callable[[int], Tensor],
    noise: Callable[[], Tensor],
    renew: bool = False,
    on_step: Callable[[int, Tensor, Tensor], None] | None = None,
) -> Tensor:
    """Sample a fill that agrees with the known part: decoupled inpainting guidance (DInG).

    With `keep` 0 everywhere, it is a plain ancestral sampler.

    Args:
        denoise: (x, i) -> the clean picture that the model predicts from x, a sample at levels[i].
        x: [B, ...] float; a sample at levels[0].
        levels: from noise to picture. If the last sigma is 0, the last step returns the predicted picture.
        reference: the known picture, broadcastable to x.
        keep: float in 0..1, 1 = known, 0 = hole; broadcastable to x. Values between mix the two. Or a function that
            returns it for step i; what it sets free starts from the reference with new noise.
        noise: returns new standard normal noise of x's shape at each call.
        renew: draw all noise anew after every step, as LCM's sampler does, for models distilled to a few steps: where
            true fills are known it is mostly nearer to them with 4 to 8 steps of such a model, and farther with others.
        on_step: called once per step with i, x and the predicted picture with the known part pasted in.

    Returns:
        x's shape and dtype. The picture with the known part pasted in if the last sigma is 0, else the sample at the
        last level.

    Source: Moufad et al. 2026, arXiv:2512.18365, written from its formulas: the variant with one model call a step
    ("delayed"). The one with two came out nearer in no comparison at equal calls. Renewed noise: Luo et al. 2023,
    arXiv:2310.04378, algorithm 2.
    """
    dtype = x.dtype
    x = x.to(torch.promote_types(dtype, torch.float32))
    reference = reference.to(x)

    def kept_at(i: int) -> Tensor:
        return (keep(i) if callable(keep) else keep).to(x)

    kept, steps = kept_at(0), len(levels) - 1
    for i, (level, lower) in enumerate(pairwise(levels)):
        picture = denoise(x, i)
        pasted = torch.lerp(picture, reference, kept)
        if on_step:
            on_step(i, x, pasted)
        if lower.sigma == 0:
            return pasted.to(dtype)
        if renew:
            x, kept = lower.alpha * pasted + lower.sigma * noise(), kept_at(min(i + 1, steps - 1))
            continue
        predicted = noise_in(x, picture, level)
        guess = next_sample(picture, predicted, lower)
        known = lower.alpha * reference + lower.sigma * predicted
        drawn = noise()
        x = draw(guess, known, OBSERVATION_NOISE * lower.alpha, kept, drawn)
        # What is set free starts from new noise, as an image-to-image run does: the predicted noise would lead back
        # to the reference, and leave a seam in a soft edge.
        still_kept = kept_at(min(i + 1, steps - 1))
        x = torch.lerp(x, lower.alpha * reference + lower.sigma * drawn, (kept - still_kept).clamp(min=0))
        kept = still_kept
    return x.to(dtype)


def noise_in(x: Tensor, picture: Tensor, level: Level) -> Tensor:
    """Return the noise in x, given its picture, scaled to standard normal."""
    return (x - level.alpha * picture) / level.sigma


def next_sample(picture: Tensor, predicted: Tensor, lower: Level) -> Guess:
    """Predict the sample at the next level from the picture and the noise that the model predicts.

    Much of its noise is new in the first steps, almost none in the last ones.
    """
    variance = (1 - lower.alpha) ** 2 * lower.sigma**2
    return Guess(lower.alpha * picture + (lower.sigma**2 - variance) ** 0.5 * predicted, variance)


def draw(guess: Guess, known: Tensor, spread: float, keep: Tensor, noise: Tensor) -> Tensor:
    """Draw from the guess, conditioned on an observation `known` with standard deviation `spread` where `keep` is 1.

    Both are Gaussian, so the result is exact: the mean moves to `known` by the fraction `gain`, and the variance is
    multiplied by 1 - gain. In the hole the gain is 0, so the guess alone is sampled. Between, the gain is `keep` times
    as large. An observation that is only less sure would not do: noise of 0.01 / keep is little for any keep.
    """
    gain = keep * (guess.variance / (guess.variance + spread**2))
    return torch.lerp(guess.mean, known, gain) + (guess.variance * (1 - gain)).sqrt() * noise
