"""Laplace's equation on the pixels of a hole, for a whole batch of pictures and holes of any shape at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .pyramid import pull_push

# Stop when the estimated error of every pixel is below this, on values in 0..1. The estimate can be a few times too
# small, which still leaves the error invisible in 8 bits (1 / 255 = 0.0039).
TOLERANCE = 1e-4
# Far more than any hole needs (8 to 25); it only bounds the loop if rounding keeps the estimate above the tolerance.
MOST_STEPS = 100
DAMPING = 0.8
# Of so many values or fewer, all channels are solved for at once.
BATCHED_CFG = 2**18


def harmonic(values: Tensor, known: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """The smoothest surface through the known pixels: every other pixel is the mean of its neighbours.

    Neighbours are the up to four pixels that share an edge, so nothing flows across the picture's border.

    Args:
        values: [B, C, H, W] float32, around 0..1 where known; elsewhere not looked at.
        known: [B, 1, H, W] bool.
        tolerance: stop when the estimated error of every pixel is below this.

    Returns:
        [B, C, H, W] float32: where not known, the surface, within a few times `tolerance` of the exact one, or 0 in a
        frame with no known pixel; where known, nothing of use.

    Source: conjugate gradients, preconditioned by a multigrid cycle over blocks of pixels. The coarse grids are those
        of aggregation (Braess 1995, doi:10.1007/BF02238488) with their links halved, for blocks lie twice as far
        apart.
    """
    if values.numel() <= BATCHED_CFG:
        # As frames of their own: for so few, operators take less time than calling them.
        known = known.repeat_interleave(values.shape[1], dim=0)
        return _solve(_grids(known), values.reshape(-1, 1, *values.shape[-2:]), known, tolerance).view_as(values)
    grids = _grids(known)
    # Channel by channel: memory that large is asked of the system, and cleared by it, for every single result.
    return torch.cat([_solve(grids, channel, known, tolerance) for channel in values.split(1, dim=1)], dim=1)


def _solve(grids: list[_Grid], values: Tensor, known: Tensor, tolerance: float) -> Tensor:
    finest = grids[0]
    values = torch.where(known, values, 0)
    solution = pull_push(values, known.float())
    residual = finest.missing(_sum_of_neighbours(values).masked_fill_(known, 0), solution)
    direction = torch.zeros_like(residual)
    energy = torch.ones_like(residual[..., :1, :1])
    for _ in range(MOST_STEPS):
        correction = _cycle(grids, residual)
        low, high = correction.aminmax()
        if max(-low, high) < tolerance:
            break
        previous, energy = energy, _dot(residual, correction)
        direction.mul_(_ratio(energy, previous)).add_(correction)
        change = finest.apply(direction)
        step = _ratio(energy, _dot(direction, change))
        solution.addcmul_(step, direction)
        residual.addcmul_(step, change, value=-1)
    return solution


@dataclass(frozen=True)
class _Grid:
    """Unknown cells as a net of conductors: its solution is the voltage at each cell.

    right: [B, 1, H, W - 1] from a cell to the one on its right; down: [B, 1, H - 1, W] to the one below it.
    leak: [B, 1, H, W] to known pixels.
    total: [B, 1, H, W] all that leaves a cell; 0 where there is nothing to solve, and then so is its inverse.
    """

    right: Tensor
    down: Tensor
    leak: Tensor
    total: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, right: Tensor, down: Tensor, leak: Tensor) -> _Grid:
        total = _add_neighbours(leak.clone(), torch.ones_like(leak), right, down, 1)
        return cls(right, down, leak, total, _ratio(torch.ones_like(total), total))

    def apply(self, voltage: Tensor) -> Tensor:
        """The current that leaves every cell."""
        return _add_neighbours(self.total * voltage, voltage, self.right, self.down, -1)

    def missing(self, current: Tensor, voltage: Tensor) -> Tensor:
        """Of the current that is to leave every cell, what does not at this voltage."""
        left = torch.addcmul(current, self.total, voltage, value=-1)
        return _add_neighbours(left, voltage, self.right, self.down, 1)

    def local_solution(self, current: Tensor) -> Tensor:
        """The voltage of every cell, were its neighbours at 0."""
        return current * self.inverse

    def coarser(self) -> _Grid:
        """The same net for blocks of 2 x 2 cells, links halved; less for leaks, as known pixels do not move away."""
        return _Grid.of(
            0.5 * _pair_rows(self.right[..., 1::2]),
            0.5 * _pair_columns(self.down[..., 1::2, :]),
            0.75 * _pair_columns(_pair_rows(self.leak)),
        )


def _grids(known: Tensor) -> list[_Grid]:
    """From single pixels to a single block."""
    unknown = (~known).float()
    grids = [
        _Grid.of(
            unknown[..., :-1] * unknown[..., 1:],
            unknown[..., :-1, :] * unknown[..., 1:, :],
            unknown * _sum_of_neighbours(known.float()),
        )
    ]
    while grids[-1].total.shape[-2:] != (1, 1):
        grids.append(grids[-1].coarser())
    return grids


def _cycle(grids: list[_Grid], current: Tensor) -> Tensor:
    """An estimate of the voltage that `current` asks for: smooth, correct from the coarser grid, smooth again."""
    grid, coarser = grids[0], grids[1:]
    if not coarser:
        return grid.local_solution(current)
    voltage = grid.local_solution(current).mul_(DAMPING)
    blocks = _cycle(coarser, _pair_columns(_pair_rows(grid.missing(current, voltage))))
    for row, column in itertools.product((0, 1), repeat=2):
        quarter = voltage[..., row::2, column::2]
        quarter += blocks[..., : quarter.shape[-2], : quarter.shape[-1]]
    return voltage.addcmul_(grid.missing(current, voltage), grid.inverse, value=DAMPING)


def _sum_of_neighbours(values: Tensor) -> Tensor:
    one = values.new_ones(())
    return _add_neighbours(torch.zeros_like(values), values, one, one, 1)


def _add_neighbours(total: Tensor, values: Tensor, right: Tensor, down: Tensor, sign: int) -> Tensor:
    """`total` with each cell's neighbours added (or taken away), weighted by the links to them."""
    total[..., :-1].addcmul_(right, values[..., 1:], value=sign)
    total[..., 1:].addcmul_(right, values[..., :-1], value=sign)
    total[..., :-1, :].addcmul_(down, values[..., 1:, :], value=sign)
    total[..., 1:, :].addcmul_(down, values[..., :-1, :], value=sign)
    return total


def _pair_rows(values: Tensor) -> Tensor:
    if values.shape[-2] % 2:
        values = F.pad(values, (0, 0, 0, 1))
    return values[..., 0::2, :] + values[..., 1::2, :]


def _pair_columns(values: Tensor) -> Tensor:
    if values.shape[-1] % 2:
        values = F.pad(values, (0, 1))
    return values[..., 0::2] + values[..., 1::2]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vecdot(a.flatten(-2), b.flatten(-2))[..., None, None]


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where the whole is 0: nothing is left to solve there."""
    return torch.where(whole > 0, part / whole, 0)
