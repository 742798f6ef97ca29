"""Methods to inpaint with a model trained on whole pictures only, and their distance from the true fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.shared.toys import Toy
from inpaint.sampling.coherent import Level, coherent, flow_level, noise_in, ratio_level

Denoise = Callable[[Tensor, int], Tensor]
Noise = Callable[[], Tensor]
# The host's karras scheduler for SD 1.5 and SDXL: largest and smallest sigma, and rho.
LARGEST_RATIO, SMALLEST_RATIO, KARRAS = 14.6, 0.03, 7


def replacement(denoise: Denoise, x: Tensor, levels: Sequence[Level], reference: Tensor, keep: Tensor) -> Tensor:
    """Sample like the host's noise mask with the sampler euler: N calls for N steps.

    Before each call the known part is replaced by the picture plus the initial noise. After it, by the picture.

    Args:
        denoise, x, levels, reference, keep: as for `coherent`. The last level has no noise.

    Returns:
        [B, ...] as x.
    """
    start = x
    for i, (level, lower) in enumerate(pairwise(levels)):
        x = torch.lerp(x, level.alpha * reference + level.sigma * start, keep)
        picture = torch.lerp(denoise(x, i), reference, keep)
        x = lower.alpha * picture + lower.sigma * noise_in(x, picture, level)
    return x


def repaint(
    denoise: Denoise,
    x: Tensor,
    levels: Sequence[Level],
    reference: Tensor,
    keep: Tensor,
    noise: Noise,
    times: int,
) -> Tensor:
    """Sample by RePaint: each step is repeated `times` times with new noise. N steps take (N - 1) * times + 1 calls.

    Args:
        denoise, x, levels, reference, keep, noise: as for `coherent`. The last level has no noise.
        times: repetitions of each step. The last step has no noise to renew and is taken once.

    Returns:
        [B, ...] as x.

    Source: Lugmayr et al. 2022, arXiv:2201.09865, algorithm 1, with jumps of one step.
    """
    for i, (level, lower) in enumerate(pairwise(levels)):
        shrink = level.alpha / lower.alpha
        added = level.sigma**2 - (shrink * lower.sigma) ** 2  # variance that leads from the lower level to this one
        renewed = added * (lower.sigma / level.sigma) ** 2  # variance of DDPM's posterior
        for again in reversed(range(times)):
            x = torch.lerp(x, level.alpha * reference + level.sigma * noise(), keep)
            picture = denoise(x, i)
            if lower.sigma == 0:
                return torch.lerp(picture, reference, keep)
            x = lower.alpha * picture + (lower.sigma**2 - renewed) ** 0.5 * noise_in(x, picture, level)
            x = x + renewed**0.5 * noise()
            if again:
                x = shrink * x + added**0.5 * noise()
    return x


def flow_levels(steps: int) -> list[Level]:
    """Return the levels of a flow model, evenly spaced in time."""
    return [flow_level(1 - i / steps) for i in range(steps + 1)]


def karras_levels(steps: int) -> list[Level]:
    """Return the levels of SD 1.5 or SDXL with the host's scheduler karras."""
    most, least = LARGEST_RATIO ** (1 / KARRAS), SMALLEST_RATIO ** (1 / KARRAS)
    spaced = torch.linspace(most, least, steps).tolist()
    return [*(ratio_level(root**KARRAS) for root in spaced), Level(1.0, 0.0)]


@dataclass(frozen=True)
class Filler:
    """A method to inpaint."""

    name: str
    """Its name in the tables."""
    run: Callable[[Denoise, Tensor, Sequence[Level], Tensor, Tensor, Noise], Tensor]
    """Takes denoise, initial noise, levels, reference, keep and noise; returns pictures."""
    steps: Callable[[int], int]
    """Number of steps for a number of model calls."""


TIMES = 5
FILLERS = {
    filler.name: filler
    for filler in (
        Filler("replacement", lambda *given: replacement(*given[:5]), lambda calls: calls),
        Filler("RePaint", partial(repaint, times=TIMES), lambda calls: (calls - 1) // TIMES + 1),
        Filler("delayed", coherent, lambda calls: calls),
        Filler("renewed", partial(coherent, renew=True), lambda calls: calls),
    )
}


class Score(NamedTuple):
    """Errors of fills relative to the spread of true fills; 0 = no error."""

    mean: float
    """Error of the mean."""
    covariance: float
    """Error of the covariance."""
    distance: float
    """Energy distance, which is sensitive to any difference of the distributions."""


def score(toy: Toy, known: Tensor, fills: Tensor, random: torch.Generator) -> Score:
    """Compare fills with the true ones.

    A squared error is the product of the errors of two halves of the fills, so that sampling noise cancels: true
    fills score 0 on average, whatever their number.

    Args:
        toy: the distribution of the pictures.
        known: [K, size], pictures.
        fills: [K, M, values in the hole], M fills for each picture.
        random: generator of the true fills.
    """
    off = torch.zeros(3, dtype=fills.dtype)
    scale = torch.zeros(3, dtype=fills.dtype)
    for picture, own in zip(known, fills, strict=True):
        mean, covariance = toy.moments(picture)
        half, other = own.chunk(2)
        off[0] += (half.mean(dim=0) - mean) @ (other.mean(dim=0) - mean)
        off[1] += ((_covariance(half) - covariance) * (_covariance(other) - covariance)).sum()
        off[2] += energy_distance(own, toy.fills(picture, len(own), random))
        scale += torch.stack([covariance.trace(), covariance.square().sum(), covariance.trace().sqrt()])
    means, covariances, distance = (off / scale).tolist()
    return Score(max(means, 0.0) ** 0.5, max(covariances, 0.0) ** 0.5, distance)


def _covariance(points: Tensor) -> Tensor:
    return torch.cov(points.T).reshape(points.shape[1], points.shape[1])


def energy_distance(some: Tensor, others: Tensor) -> float:
    """Estimate the energy distance of two distributions from samples [M, D] of each.

    0 if they are equal, up to sampling noise of either sign.

    Source: Szekely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018, the unbiased form.
    """

    def within(points: Tensor) -> Tensor:
        return torch.cdist(points, points).sum() / (len(points) * (len(points) - 1))

    return float(2 * torch.cdist(some, others).mean() - within(some) - within(others))


def fill(toy: Toy, filler: Filler, levels: Sequence[Level], known: Tensor, count: int, seed: int) -> Score:
    """Fill each picture `count` times from noise, and score the fills.

    Args:
        toy: the distribution of the pictures, and the model.
        filler: the method.
        levels: as for `coherent`.
        known: [K, size], pictures.
        count: fills of each picture.
        seed: seed of the noise and of the true fills.
    """
    random = torch.Generator().manual_seed(seed)
    reference = known.repeat_interleave(count, dim=0)

    def noise() -> Tensor:
        return torch.randn(reference.shape, generator=random, dtype=reference.dtype)

    keep = (~toy.hole).to(reference)
    pictures = filler.run(lambda x, i: toy.denoise(x, levels[i]), noise(), levels, reference, keep, noise)
    return score(toy, known, pictures[:, toy.hole].unflatten(0, (len(known), count)), random)
