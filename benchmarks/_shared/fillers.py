"""Ways to fill a hole with a model that knows whole pictures only, and how far each is from the true fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks._shared.toys import Toy
from inpaint.sampling.coherent import Level, coherent, flow_level, noise_in, ratio_level

Denoise = Callable[[Tensor, int], Tensor]
Noise = Callable[[], Tensor]
# Of the host's karras scheduler, for SD 1.5 and SDXL.
LARGEST_RATIO, SMALLEST_RATIO, KARRAS = 14.6, 0.03, 7


def replacement(denoise: Denoise, x: Tensor, levels: Sequence[Level], reference: Tensor, keep: Tensor) -> Tensor:
    """The host's noise mask with its sampler euler: N calls for N steps.

    Before each call the known part is replaced by the picture with the noise of the start, after it by the picture.

    Args:
        denoise, x, levels, reference, keep: as for `coherent`; the last level has no noise.

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
    """RePaint: every step is taken this many times, with new noise in between: (N - 1) times + 1 calls for N steps.

    Args:
        denoise, x, levels, reference, keep, noise: as for `coherent`; the last level has no noise.
        times: how often each step is taken; but the last, which has no noise to renew, is taken once.

    Returns:
        [B, ...] as x.

    Source: Lugmayr et al. 2022, arXiv:2201.09865, algorithm 1, with jumps of one step.
    """
    for i, (level, lower) in enumerate(pairwise(levels)):
        shrink = level.alpha / lower.alpha
        added = level.sigma**2 - (shrink * lower.sigma) ** 2  # from the lower level to this one
        renewed = added * (lower.sigma / level.sigma) ** 2  # of DDPM's way down
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
    """Of a flow model, times evenly spaced."""
    return [flow_level(1 - i / steps) for i in range(steps + 1)]


def karras_levels(steps: int) -> list[Level]:
    """Of a model like SD 1.5 or SDXL, with the host's scheduler karras."""
    most, least = LARGEST_RATIO ** (1 / KARRAS), SMALLEST_RATIO ** (1 / KARRAS)
    spaced = torch.linspace(most, least, steps).tolist()
    return [*(ratio_level(root**KARRAS) for root in spaced), Level(1.0, 0.0)]


@dataclass(frozen=True)
class Filler:
    """run: denoise, start, levels, reference, keep, noise to pictures. steps: how many a number of calls allows."""

    name: str
    run: Callable[[Denoise, Tensor, Sequence[Level], Tensor, Tensor, Noise], Tensor]
    steps: Callable[[int], int]


TIMES = 5
FILLERS = {
    filler.name: filler
    for filler in (
        Filler("replacement", lambda *given: replacement(*given[:5]), lambda calls: calls),
        Filler("RePaint", lambda *given: repaint(*given, TIMES), lambda calls: (calls - 1) // TIMES + 1),
        Filler("delayed", coherent, lambda calls: calls),
        Filler("full", lambda *given: coherent(*given, full=True), lambda calls: (calls + 1) // 2),
    )
}


class Score(NamedTuple):
    """How far fills are from the true ones, 0 = not at all, as a share of how far true fills scatter.

    mean: of their means. covariance: of their covariances. distance: energy distance, which sees any difference.
    """

    mean: float
    covariance: float
    distance: float


def score(toy: Toy, known: Tensor, fills: Tensor, random: torch.Generator) -> Score:
    """Compare fills with the true ones.

    Errors are squared by multiplying those of one half of the fills by those of the other, so that chance cancels:
    true fills score 0 on average, however few.

    Args:
        toy: what they are of.
        known: [K, size], pictures.
        fills: [K, M, values in the hole], M fills for each.
        random: for the true ones.
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
    """Between two distributions, from [M, D] of each: 0 where they are the same, and then by chance just below.

    Source: Szekely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018, its unbiased form.
    """

    def within(points: Tensor) -> Tensor:
        return torch.cdist(points, points).sum() / (len(points) * (len(points) - 1))

    return float(2 * torch.cdist(some, others).mean() - within(some) - within(others))


def fill(toy: Toy, filler: Filler, levels: Sequence[Level], known: Tensor, count: int, seed: int) -> Score:
    """Fill each of these pictures this many times, from noise, and compare.

    Args:
        toy: what the pictures are of, and the model.
        levels: as for `coherent`.
        known: [K, size].
    """
    random = torch.Generator().manual_seed(seed)
    reference = known.repeat_interleave(count, dim=0)

    def noise() -> Tensor:
        return torch.randn(reference.shape, generator=random, dtype=reference.dtype)

    keep = (~toy.hole).to(reference)
    pictures = filler.run(lambda x, i: toy.denoise(x, levels[i]), noise(), levels, reference, keep, noise)
    return score(toy, known, pictures[:, toy.hole].unflatten(0, (len(known), count)), random)
