"""Halving and doubling a picture's sides, and from them a smooth surface through what is known of one."""

from __future__ import annotations

import torch
from torch import Tensor

# A cell of a coarser level whose pixels are trusted by this much on average is taken as it is; one trusted less is
# mixed with what the level above it has there.
ENOUGH = 0.25


def halve(values: Tensor) -> Tensor:
    """The mean of every block of 2 x 2 pixels. An odd side's last row or column counts twice.

    Args:
        values: [..., H, W].

    Returns:
        [..., ceil(H / 2), ceil(W / 2)].
    """
    rows = values[..., 0::2, :] + _other(values, -2)
    return (rows[..., 0::2] + _other(rows, -1)).mul_(0.25)


def double(values: Tensor, height: int, width: int) -> Tensor:
    """Twice the size, bilinear between the centres of pixels; done again and again, a quadratic spline.

    Args:
        values: [..., ceil(height / 2), ceil(width / 2)].

    Returns:
        [..., height, width].
    """
    return double_rows(values, 0, height, width)


def double_rows(values: Tensor, first: int, last: int, width: int) -> Tensor:
    """Rows `first` (which is even) to before `last` of what `double` gives, without the rest."""
    top, bottom = first // 2 - 1, (last + 1) // 2 + 1
    edges = (int(top < 0), int(bottom > values.shape[-2]))
    near = values[..., max(top, 0) : bottom, :]
    near = torch.cat([near[..., : edges[0], :], near, near[..., near.shape[-2] - edges[1] :, :]], dim=-2)
    near = torch.cat([near[..., :1], near, near[..., -1:]], dim=-1)
    rows = _between(near, -2)
    return _between(rows, -1)[..., : last - first, :width]


def pull_push(values: Tensor, trust: Tensor) -> Tensor:
    """The values where they are trusted, and a smooth surface that goes on from there where they are not.

    Means over ever larger blocks of what is trusted; then from the largest to the smallest, each level's detail
    wherever there is enough to trust, and otherwise the level above it made twice as large. So detail fades out within
    a few of its own pixels, and the deeper in a gap, the wider the mean. A constant stays that constant. It costs a
    few passes over the pixels, however large the gaps.

    Args:
        values: [..., C, H, W] float32, finite.
        trust: [..., 1, H, W] float32, 0 = unknown, 1 = known.

    Returns:
        [..., C, H, W]; 0 where nothing is trusted anywhere.

    Source: the pull-push algorithm of Gortler, Grzeszczuk, Szeliski and Cohen 1996, doi:10.1145/237170.237200.
    """
    height, width = values.shape[-2:]
    if (height, width) == (1, 1):
        return torch.where(trust > 0, values, 0)
    weight = halve(trust)
    coarse = pull_push(halve(values * trust).div_(weight.clamp(min=torch.finfo(weight.dtype).tiny)), weight)
    return torch.lerp(double(coarse, height, width), values, (trust / ENOUGH).clamp_(max=1))


def _other(values: Tensor, dim: int) -> Tensor:
    """Each second row or column; where the last has no second, that last one."""
    line = values.movedim(dim, 0)
    second = torch.cat([line[1::2], line[-1:]]) if len(line) % 2 else line[1::2]
    return second.movedim(0, dim)


def _between(values: Tensor, dim: int) -> Tensor:
    """Two for each but the first and the last: a quarter of the way to the one before, and to the one after."""
    line = values.movedim(dim, 0)
    shape = list(values.shape)
    shape[dim] = 2 * (len(line) - 2)
    pairs = values.new_empty(shape)
    torch.lerp(line[1:-1], line[:-2], 0.25, out=pairs.movedim(dim, 0)[0::2])
    torch.lerp(line[1:-1], line[2:], 0.25, out=pairs.movedim(dim, 0)[1::2])
    return pairs
