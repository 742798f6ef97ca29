"""Two masks made one."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...core.checks import as_bhw, as_mask, check_choice, match_mask
from .values import invert

# On hard masks the set operations of these names; on soft ones the usual fuzzy ones (Zadeh 1965).
OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.maximum,
    "subtract": lambda mask, other: _without(mask, other),
    "intersect": torch.minimum,
    "exclude": lambda mask, other: torch.maximum(_without(mask, other), _without(other, mask)),
    "multiply": torch.mul,
}


def combine(mask: Tensor, other: Tensor, operation: str) -> Tensor:
    """Combine two masks.

    Args:
        mask: anything `as_mask` reads. Its size, dtype and device are the result's.
        other: another mask; stretched to the first's size. One of either serves many of the other.
        operation: "add" (what is in either), "subtract" (what is in the first only), "intersect" (what is in both),
            "exclude" (what is in one but not in both), or "multiply" (one soft mask weakens the other).

    Returns:
        [B, H, W] in 0..1, B the larger of the two batches.

    Raises:
        InpaintError: if either is no mask, neither batch is 1 and they differ, or `operation` is unknown.
    """
    check_choice("operation", operation, OPERATIONS)
    mask = as_mask(mask)
    batch = len(as_bhw(other, "other")) if len(mask) == 1 else len(mask)
    height, width = mask.shape[1:]
    other = match_mask(other, height, width, batch, "other").to(mask)
    return OPERATIONS[operation](mask.expand(batch, -1, -1), other)


def _without(mask: Tensor, other: Tensor) -> Tensor:
    rest = invert(other)
    return torch.minimum(mask, rest, out=rest)
