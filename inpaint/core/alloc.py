"""Allocation of results, and batches made of one repeated frame."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .progress import steps
from .threads import one_thread


def allocate(shape: Sequence[int], like: Tensor) -> Tensor:
    """Allocate an uninitialised tensor with the dtype and device of `like`.

    On the CPU the memory comes from numpy. Unlike torch, numpy asks the system for huge pages, which makes the first
    write to a large tensor several times faster.
    """
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    memory = torch.from_numpy(np.empty(int(np.prod(shape)) * like.element_size(), np.uint8))
    return memory.view(like.dtype).view(*shape)


@one_thread()
def copy_of(tensor: Tensor) -> Tensor:
    """Copy a tensor into newly allocated memory."""
    return allocate(tensor.shape, tensor).copy_(tensor)


def unexpand(batch: Tensor) -> Tensor:
    """Return `batch[:1]` if `expand` repeated a single item (stride 0); else the batch itself."""
    return batch[:1] if len(batch) > 1 and batch.stride(0) == 0 else batch


@one_thread()
def repeated(batch: Tensor, count: int) -> Tensor:
    """Copy a batch of 1 or `count` into newly allocated memory for `count`; a single item is repeated."""
    result = allocate((count, *batch.shape[1:]), batch)
    return result.copy_(batch.expand_as(result))


@one_thread()
def stacked(count: int, make: Callable[[int], Tensor]) -> Tensor:
    """Build a batch from `make(0)` to `make(count - 1)`, each [1, ...]. Each part is freed before the next is made."""
    first = make(0)
    if count == 1:
        return first
    batch = allocate((count, *first.shape[1:]), first)
    batch[0] = first[0]
    del first
    for index in steps(range(1, count)):
        batch[index] = make(index)[0]
    return batch
