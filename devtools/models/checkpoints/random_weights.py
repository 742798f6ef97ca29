"""Untrained weights: seeded random numbers that keep the variance of their input."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from devtools.models.sparse_file import TORCH_NAMES, Hole

Weights = dict[str, Tensor]
WithHoles = dict[str, Tensor | Hole]


class Maker:
    """Makes weights of one dtype from one random sequence.

    float16 holds every number exactly, whatever the dtype, so float32 arithmetic sees the same numbers everywhere.
    """

    def __init__(self, seed: int, dtype: torch.dtype = torch.float16) -> None:
        self.dtype = dtype
        self._random = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, std: float | None = None) -> Tensor:
        """Return normal random weights. std defaults to fan_in**-0.5, which keeps the variance of the input."""
        fan_in = math.prod(shape[1:])
        numbers = torch.empty(shape, dtype=torch.float16).normal_(std=std or fan_in**-0.5, generator=self._random)
        return numbers.to(self.dtype)

    def zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype)

    def ones(self, *shape: int) -> Tensor:
        return torch.ones(shape, dtype=self.dtype)

    def hole(self, *shape: int) -> Hole:
        return Hole(shape, TORCH_NAMES[str(self.dtype).removeprefix("torch.")])

    def linear(self, name: str, *shape: int, bias: bool = True, std: float | None = None) -> Weights:
        """Return a linear layer (outputs, inputs) or a convolution (outputs, inputs, height, width)."""
        weights = {f"{name}.weight": self.normal(*shape, std=std)}
        return weights | {f"{name}.bias": self.zeros(shape[0])} if bias else weights

    def norm(self, name: str, width: int) -> Weights:
        return {f"{name}.weight": self.ones(width), f"{name}.bias": self.zeros(width)}


class QuickMaker(Maker):
    """A maker whose large tensors repeat a million random numbers: ten times as fast.

    The count is prime, so that no two rows of a matrix are the same.
    """

    COUNT = 1_000_003

    def __init__(self, seed: int, dtype: torch.dtype = torch.float16) -> None:
        super().__init__(seed, dtype)
        self._numbers = torch.empty(self.COUNT, dtype=torch.float16).normal_(generator=self._random)

    def normal(self, *shape: int, std: float | None = None) -> Tensor:
        count = math.prod(shape)
        numbers = (self._numbers * (std or math.prod(shape[1:]) ** -0.5)).to(self.dtype)
        return numbers.repeat(-(-count // self.COUNT))[:count].reshape(shape)


def under(prefix: str, weights: Mapping[str, Tensor | Hole]) -> WithHoles:
    return {prefix + name: tensor for name, tensor in weights.items()}
