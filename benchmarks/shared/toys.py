"""Toy distributions of tiny pictures, whose optimal denoiser and true fills have closed forms."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from inpaint.sampling.coherent import Level, ratio_level


class Toy(ABC):
    """A distribution of pictures of `size` values, and a hole in them."""

    hole: Tensor
    """[size] bool."""

    @property
    def size(self) -> int:
        return len(self.hole)

    @abstractmethod
    def pictures(self, count: int, random: Generator) -> Tensor:
        """Sample pictures: [count, size]."""

    @abstractmethod
    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """Return the posterior mean of the picture given noisy x [N, size]: the optimal denoiser."""

    @abstractmethod
    def fills(self, known: Tensor, count: int, random: Generator) -> Tensor:
        """Sample true fills given the known values of a picture [size]: [count, values in the hole]."""

    @abstractmethod
    def moments(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and covariance of the true fills."""


class Line(Toy):
    """A stationary AR(1) process; the middle third is missing.

    It is Gaussian, so the optimal denoiser is linear: the easiest case.
    """

    def __init__(self, size: int = 24, likeness: float = 0.9) -> None:
        place = torch.arange(size, dtype=torch.float64)
        self.hole = (place >= size // 3) & (place < size - size // 3)
        self.covariance = likeness ** (place[:, None] - place).abs()
        self._strengths, self._waves = torch.linalg.eigh(self.covariance)
        around = self.covariance[~self.hole][:, ~self.hole]
        across = self.covariance[self.hole][:, ~self.hole]
        self._weights = torch.linalg.solve(around, across.T).T
        self._spread = self.covariance[self.hole][:, self.hole] - self._weights @ across.T

    def pictures(self, count: int, random: Generator) -> Tensor:
        return _normal(count, self.covariance, random)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        signal = level.alpha * self._strengths
        return (x @ self._waves) * (signal / (level.alpha * signal + level.sigma**2)) @ self._waves.T

    def fills(self, known: Tensor, count: int, random: Generator) -> Tensor:
        mean, covariance = self.moments(known)
        return mean + _normal(count, covariance, random)

    def moments(self, known: Tensor) -> tuple[Tensor, Tensor]:
        return self._weights @ known[~self.hole], self._spread


class Clouds(Toy):
    """A mixture of equally likely isotropic Gaussians. A fill has to choose a cloud that agrees with the known values.

    Args:
        centres: [clouds, size], their means.
        spread: standard deviation of every value within a cloud.
        hole: [size] bool.
    """

    def __init__(self, centres: Tensor, spread: float, hole: Tensor) -> None:
        self.centres, self.variance, self.hole = centres, spread**2, hole

    def pictures(self, count: int, random: Generator) -> Tensor:
        cloud = torch.randint(len(self.centres), (count,), generator=random)
        return self._around(self.centres[cloud], random)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        variance = level.alpha**2 * self.variance + level.sigma**2
        away = x[:, None] - level.alpha * self.centres
        likely = (away.square().sum(dim=-1) / (-2 * variance)).softmax(dim=-1)
        centre = likely @ self.centres
        return centre + level.alpha * self.variance / variance * (x - level.alpha * centre)

    def fills(self, known: Tensor, count: int, random: Generator) -> Tensor:
        cloud = torch.multinomial(self._likely(known), count, replacement=True, generator=random)
        return self._around(self.centres[cloud][:, self.hole], random)

    def moments(self, known: Tensor) -> tuple[Tensor, Tensor]:
        likely, centres = self._likely(known), self.centres[:, self.hole]
        mean = likely @ centres
        away = centres - mean
        within = self.variance * torch.eye(len(mean), dtype=mean.dtype)
        return mean, within + (likely * away.T) @ away

    def _likely(self, known: Tensor) -> Tensor:
        """Return the probability of each cloud given the known values."""
        away = (known - self.centres)[:, ~self.hole]
        return (away.square().sum(dim=-1) / (-2 * self.variance)).softmax(dim=-1)

    def _around(self, centres: Tensor, random: Generator) -> Tensor:
        return centres + self.variance**0.5 * torch.randn(centres.shape, generator=random, dtype=centres.dtype)


def waves() -> Clouds:
    """Return six cosine waves of eight values with some noise; the second half is missing.

    The known half determines the wave, as the surroundings of a hole mostly determine its content.
    """
    pitch, place = torch.arange(1.0, 7, dtype=torch.float64), torch.arange(8, dtype=torch.float64)
    centres = 2**0.5 * torch.cos(math.pi / 8 * pitch[:, None] * (place + 0.5))
    return Clouds(centres, 0.3, place >= 4)


def spiral() -> Clouds:
    """Return six clouds along a spiral with the first coordinate known.

    The known coordinate leaves two or three clouds, which fills must choose with the right probabilities.
    """
    turn = torch.arange(6, dtype=torch.float64) / 6
    radius, angle = 0.5 + 1.5 * turn, 1 + 2 * math.pi * turn
    centres = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    return Clouds(centres, 0.25, torch.tensor([False, True]))


class Distilled(Toy):
    """A toy whose model answers as one distilled to few steps: with the end point of the probability-flow ODE.

    Source: Song et al. 2021, arXiv:2011.13456, section 4.3; in y = x / alpha over ratio = sigma / alpha it is
    dy / dratio = (y - picture) / ratio. Heun's method with `STEPS` steps, evenly spaced in the logarithm.
    """

    STEPS = 24
    MOST_RATIO, LEAST_RATIO = 200.0, 0.01

    def __init__(self, toy: Toy) -> None:
        self.toy, self.hole = toy, toy.hole

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        ratio = level.sigma / level.alpha
        # Pure noise, of which no picture is left to divide by.
        y = x / level.alpha if ratio <= self.MOST_RATIO else x / level.sigma * self.MOST_RATIO
        ratio = min(ratio, self.MOST_RATIO)
        if ratio > self.LEAST_RATIO:
            shrink = (self.LEAST_RATIO / ratio) ** (1 / self.STEPS)
            for step in range(self.STEPS):
                here, lower = ratio * shrink**step, ratio * shrink ** (step + 1)
                slope = (y - self._picture(y, here)) / here
                ahead = y + (lower - here) * slope
                y = y + (lower - here) * (slope + (ahead - self._picture(ahead, lower)) / lower) / 2
            ratio = self.LEAST_RATIO
        return self._picture(y, ratio)

    def _picture(self, y: Tensor, ratio: float) -> Tensor:
        level = ratio_level(ratio)
        return self.toy.denoise(y * level.alpha, level)

    def pictures(self, count: int, random: Generator) -> Tensor:
        return self.toy.pictures(count, random)

    def fills(self, known: Tensor, count: int, random: Generator) -> Tensor:
        return self.toy.fills(known, count, random)

    def moments(self, known: Tensor) -> tuple[Tensor, Tensor]:
        return self.toy.moments(known)


TOYS: dict[str, Callable[[], Toy]] = {"line": Line, "waves": waves, "spiral": spiral}


def _normal(count: int, covariance: Tensor, random: Generator) -> Tensor:
    values = torch.randn(count, len(covariance), generator=random, dtype=torch.float64)
    return values @ torch.linalg.cholesky(covariance).T
