"""Laplace's equation on the pixels of holes of any shape, for a whole batch of pictures at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.progress import pulse
from .pyramid import pull_push

# The solver stops when the estimated error of every pixel is below this, for values in 0..1. The true error can be a
# few times larger, which is still invisible in 8 bits (1 / 255 = 0.0039).
TOLERANCE = 1e-4
# Upper bound of the loop, in case rounding keeps the estimate above the tolerance. Holes need 8 to 25 steps.
MOST_STEPS = 100
# Weight of one Jacobi smoothing step.
DAMPING = 0.8
# Inputs with at most this many values are solved with all channels in one batch.
BATCHED_VALUES = 2**18


def harmonic(values: Tensor, known: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Interpolate unknown pixels with the smoothest surface: each is the mean of its neighbours.

    Neighbours are the up to four pixels that share an edge, so nothing flows across the picture's border.

    Args:
        values: [B, C, H, W] float32, around 0..1 at known pixels. Values at unknown pixels are ignored.
        known: [B, 1, H, W] bool.
        tolerance: stop when the estimated error of every pixel is below this.

    Returns:
        [B, C, H, W] float32. Unknown pixels are within a few times `tolerance` of the exact solution, or 0 in a frame
        without known pixels. Values at known pixels are undefined.

    Source: conjugate gradients, preconditioned by a multigrid cycle over blocks of pixels. The coarse grids are those
        of aggregation (Braess 1995, doi:10.1007/BF02238488). Their links are halved, because blocks lie twice as far
        apart.
    """
    if values.numel() <= BATCHED_VALUES:
        # One channel is one frame: with so few values, calling an operator costs more than its work.
        known = known.repeat_interleave(values.shape[1], dim=0)
        return _solve(_grids(known), values.reshape(-1, 1, *values.shape[-2:]), known, tolerance).view_as(values)
    grids = _grids(known)
    # One channel at a time: the system provides and clears memory of this size anew for every result.
    return torch.cat([_solve(grids, channel, known, tolerance) for channel in values.split(1, dim=1)], dim=1)


def _solve(grids: list[_Grid], values: Tensor, known: Tensor, tolerance: float) -> Tensor:
    """Solve for [B, C, H, W] by conjugate gradients; `grids` runs from fine to coarse."""
    finest = grids[0]
    values = torch.where(known, values, 0)
    solution = pull_push(values, known.float())
    residual = finest.residual(_sum_of_neighbours(values).masked_fill_(known, 0), solution)
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
    """The unknown cells of one grid level, as a network of conductors. The solution is the voltage at each cell."""

    right: Tensor
    """[B, 1, H, W - 1] conductance from each cell to its right neighbour."""
    down: Tensor
    """[B, 1, H - 1, W] conductance from each cell to the one below."""
    leak: Tensor
    """[B, 1, H, W] conductance from each cell to known pixels."""
    total: Tensor
    """[B, 1, H, W] sum of a cell's conductances; 0 where there is nothing to solve."""
    inverse: Tensor
    """[B, 1, H, W] 1 / total; 0 where total is 0."""

    @classmethod
    def of(cls, right: Tensor, down: Tensor, leak: Tensor) -> _Grid:
        """Make a grid from its conductances."""
        pulse()
        total = _add_neighbours(leak.clone(), torch.ones_like(leak), right, down, 1)
        return cls(right, down, leak, total, _ratio(torch.ones_like(total), total))

    def apply(self, voltage: Tensor) -> Tensor:
        """Return the current that leaves each cell."""
        return _add_neighbours(self.total * voltage, voltage, self.right, self.down, -1)

    def residual(self, current: Tensor, voltage: Tensor) -> Tensor:
        """Return `current` minus the current that leaves each cell at this voltage."""
        left = torch.addcmul(current, self.total, voltage, value=-1)
        return _add_neighbours(left, voltage, self.right, self.down, 1)

    def local_solution(self, current: Tensor) -> Tensor:
        """Return the voltage of each cell if all its neighbours were at 0 (the Jacobi step)."""
        return current * self.inverse

    def coarser(self) -> _Grid:
        """Return the grid of blocks of 2 x 2 cells.

        Links are halved, because blocks lie twice as far apart. Leaks keep 0.75, because known pixels do not move away.
        """
        return _Grid.of(
            0.5 * _pair_rows(self.right[..., 1::2]),
            0.5 * _pair_columns(self.down[..., 1::2, :]),
            0.75 * _pair_columns(_pair_rows(self.leak)),
        )


def _grids(known: Tensor) -> list[_Grid]:
    """Build the grids from single pixels (first) to a single block (last)."""
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
    """Estimate the voltage for `current` by a multigrid V-cycle: smooth, correct from the coarser grid, smooth."""
    pulse()
    grid, coarser = grids[0], grids[1:]
    if not coarser:
        return grid.local_solution(current)
    voltage = grid.local_solution(current).mul_(DAMPING)
    blocks = _cycle(coarser, _pair_columns(_pair_rows(grid.residual(current, voltage))))
    for row, column in itertools.product((0, 1), repeat=2):
        quarter = voltage[..., row::2, column::2]
        quarter += blocks[..., : quarter.shape[-2], : quarter.shape[-1]]
    return voltage.addcmul_(grid.residual(current, voltage), grid.inverse, value=DAMPING)


def _sum_of_neighbours(values: Tensor) -> Tensor:
    one = values.new_ones(())
    return _add_neighbours(torch.zeros_like(values), values, one, one, 1)


def _add_neighbours(total: Tensor, values: Tensor, right: Tensor, down: Tensor, sign: int) -> Tensor:
    """Add each cell's neighbours, weighted by the links to them, to `total` in place; subtract them if `sign` is -1."""
    total[..., :-1].addcmul_(right, values[..., 1:], value=sign)
    total[..., 1:].addcmul_(right, values[..., :-1], value=sign)
    total[..., :-1, :].addcmul_(down, values[..., 1:, :], value=sign)
    total[..., 1:, :].addcmul_(down, values[..., :-1, :], value=sign)
    return total


def _pair_rows(values: Tensor) -> Tensor:
    """Add rows in pairs. An odd last row is added to 0."""
    if values.shape[-2] % 2:
        values = F.pad(values, (0, 0, 0, 1))
    return values[..., 0::2, :] + values[..., 1::2, :]


def _pair_columns(values: Tensor) -> Tensor:
    """Add columns in pairs. An odd last column is added to 0."""
    if values.shape[-1] % 2:
        values = F.pad(values, (0, 1))
    return values[..., 0::2] + values[..., 1::2]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the dot product over H and W, [B, C, 1, 1]."""
    return torch.linalg.vecdot(a.flatten(-2), b.flatten(-2))[..., None, None]


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole, and 0 where `whole` is 0: there is nothing left to solve."""
    return torch.where(whole > 0, part / whole, 0)
