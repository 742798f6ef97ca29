"""The number of CPU threads that torch uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's CPU operators of the calling thread on that thread alone. Also works as a decorator.

    Meant for many operators on small tensors. With several threads, each operator ends with the threads waiting for
    each other. On a busy machine, or in a container with less CPU time than cores, the wait takes a hundred times as
    long as the work. Operators on a GPU are not affected.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
