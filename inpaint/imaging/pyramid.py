"""Halving and doubling of pictures, and pull-push interpolation, which builds on them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.progress import pulse

# Pull-push keeps a cell's own value if its trust is at least this. With less trust, the value is mixed with that of
# the next coarser level.
ENOUGH = 0.25


def halve(values: Tensor) -> Tensor:
    """Average every block of 2 x 2 pixels. The last row or column of an odd side counts twice.

    Args:
        values: [..., H, W].

    Returns:
        [..., ceil(H / 2), ceil(W / 2)].
    """
    rows = values[..., 0::2, :] + _odd_lines(values, -2)
    return (rows[..., 0::2] + _odd_lines(rows, -1)).mul_(0.25)


def double(values: Tensor, height: int, width: int) -> Tensor:
    """Enlarge to twice the size, bilinearly between pixel centres. Repeated, it converges to a quadratic spline.

    Args:
        values: [..., ceil(height / 2), ceil(width / 2)].

    Returns:
        [..., height, width].
    """
    return double_rows(values, 0, height, width)


def double_rows(values: Tensor, first: int, last: int, width: int) -> Tensor:
    """Compute only rows `first` to `last` - 1 of `double`'s result.

    Args:
        values: [..., h, w].
        first: even.
        last: the row after the last.
        width: of the result.

    Returns:
        [..., last - first, width].
    """
    top, bottom = first // 2 - 1, (last + 1) // 2 + 1
    edges = (int(top < 0), int(bottom > values.shape[-2]))
    near = values[..., max(top, 0) : bottom, :]
    near = torch.cat([near[..., : edges[0], :], near, near[..., near.shape[-2] - edges[1] :, :]], dim=-2)
    near = torch.cat([near[..., :1], near, near[..., -1:]], dim=-1)
    rows = _double_inner(near, -2)
    return _double_inner(rows, -1)[..., : last - first, :width]


def pull_push(values: Tensor, trust: Tensor) -> Tensor:
    """Keep known values and fill the rest with a smooth continuation of them.

    Pull: each coarser level holds the trust-weighted means of blocks of 2 x 2. Push: from coarse to fine, each level
    keeps its own values where trust is high enough, and takes the doubled coarser level elsewhere. Detail fades out
    within a few pixels of its level; deeper in a gap, the mean covers a larger area. A constant stays constant. The
    cost is a few passes over the pixels, for gaps of any size.

    Args:
        values: [..., C, H, W] float32, finite.
        trust: [..., 1, H, W] float32, 0 = unknown, 1 = known.

    Returns:
        [..., C, H, W]; 0 if no pixel is known.

    Source: the pull-push algorithm of Gortler, Grzeszczuk, Szeliski and Cohen 1996, doi:10.1145/237170.237200.
    """
    height, width = values.shape[-2:]
    if (height, width) == (1, 1):
        return torch.where(trust > 0, values, 0)
    pulse()
    weight = halve(trust)
    coarse = pull_push(halve(values * trust).div_(weight.clamp(min=torch.finfo(weight.dtype).tiny)), weight)
    return torch.lerp(double(coarse, height, width), values, (trust / ENOUGH).clamp_(max=1))


def _odd_lines(values: Tensor, dim: int) -> Tensor:
    """Return the rows or columns 1, 3, 5 ...; if their number is odd, also the last."""
    lines = values.movedim(dim, 0)
    odd = torch.cat([lines[1::2], lines[-1:]]) if len(lines) % 2 else lines[1::2]
    return odd.movedim(0, dim)


def _double_inner(values: Tensor, dim: int) -> Tensor:
    """Replace each row or column but the first and last by two: a quarter of the way to the one before and after."""
    lines = values.movedim(dim, 0)
    shape = list(values.shape)
    shape[dim] = 2 * (len(lines) - 2)
    pairs = values.new_empty(shape)
    torch.lerp(lines[1:-1], lines[:-2], 0.25, out=pairs.movedim(dim, 0)[0::2])
    torch.lerp(lines[1:-1], lines[2:], 0.25, out=pairs.movedim(dim, 0)[1::2])
    return pairs
