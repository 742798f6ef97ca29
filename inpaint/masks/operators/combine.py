"""Set operations on masks."""

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from ...core.checks import as_bhw, as_mask, check_choice, match_mask
from ...core.threads import one_thread
from .values import inverted

# On hard masks these are the set operations of the same names; on soft masks, the usual fuzzy ones (Zadeh 1965).
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
        mask: any mask that `as_mask` takes. The result has its size, dtype and device.
        other: any mask; stretched to the size of `mask`. A batch of 1, of either, is repeated.
        operation: "add" (in either), "subtract" (in `mask` only), "intersect" (in both), "exclude" (in exactly one), or
            "multiply" (the product of the values).

    Returns:
        [B, H, W] in 0..1, B the larger of the two batches.

    Raises:
        InpaintError: if either is no mask, the batches differ and neither is 1, or `operation` is unknown.
    """
    check_choice("operation", operation, OPERATIONS)
    mask = as_mask(mask)
    batch = len(as_bhw(other, "other")) if len(mask) == 1 else len(mask)
    height, width = mask.shape[1:]
    other = match_mask(other, height, width, batch, "other").to(mask)
    with one_thread():
        return OPERATIONS[operation](mask.expand(batch, -1, -1), other)


def combine_all(mask: Tensor, operation: str) -> Tensor:
    """Combine the masks of a batch into one.

    Args:
        mask: any mask that `as_mask` takes.
        operation: as in `combine`, of the first mask and the second, of their result and the third, and so on.
            "subtract" leaves what is in the first mask only, "exclude" what is in an odd number of (hard) masks.

    Returns:
        [1, H, W] in 0..1.

    Raises:
        InpaintError: if `mask` is no mask or `operation` is unknown.
    """
    check_choice("operation", operation, OPERATIONS)
    return reduce(OPERATIONS[operation], as_mask(mask).split(1))


def _without(mask: Tensor, other: Tensor) -> Tensor:
    """Subtract `other` from `mask`: min(mask, 1 - other)."""
    rest = inverted(other)
    return torch.minimum(mask, rest, out=rest)
