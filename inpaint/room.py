"""Memory for results."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def room(shape: Sequence[int], like: Tensor) -> Tensor:
    """An uninitialised tensor with dtype and device of another.

    On the CPU numpy provides it: it asks the system for huge pages and torch does not, which makes the first writing of
    a large one several times faster.
    """
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    memory = torch.from_numpy(np.empty(int(np.prod(shape)) * like.element_size(), np.uint8))
    return memory.view(like.dtype).view(*shape)


def copy_of(tensor: Tensor) -> Tensor:
    """The same numbers in memory of their own."""
    return room(tensor.shape, tensor).copy_(tensor)
