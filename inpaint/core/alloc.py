"""Memory: what results get, and what a batch of equals takes."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .threads import one_thread


def allocate(shape: Sequence[int], like: Tensor) -> Tensor:
    """An uninitialised tensor with dtype and device of another.

    On the CPU numpy provides it: it asks the system for huge pages and torch does not, which makes the first writing of
    a large one several times faster.
    """
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    memory = torch.from_numpy(np.empty(int(np.prod(shape)) * like.element_size(), np.uint8))
    return memory.view(like.dtype).view(*shape)


@one_thread()
def copy_of(tensor: Tensor) -> Tensor:
    """The same numbers in memory of their own."""
    return allocate(tensor.shape, tensor).copy_(tensor)


def one_of_equal(batch: Tensor) -> Tensor:
    """One for all where a batch is one tensor repeated, as `expand` does without memory; else the batch itself."""
    return batch[:1] if len(batch) > 1 and batch.stride(0) == 0 else batch


@one_thread()
def repeated(batch: Tensor, count: int) -> Tensor:
    """A batch of `count` in memory of its own, from as many or from one for all."""
    result = allocate((count, *batch.shape[1:]), batch)
    return result.copy_(batch.expand_as(result))


@one_thread()
def stacked(count: int, make: Callable[[int], Tensor]) -> Tensor:
    """A batch of what is made one by one, [1, ...] each, of which none outlives the next."""
    first = make(0)
    if count == 1:
        return first
    batch = allocate((count, *first.shape[1:]), first)
    batch[0] = first[0]
    del first
    for index in range(1, count):
        batch[index] = make(index)[0]
    return batch
