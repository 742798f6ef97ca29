"""How many of the processor's threads torch uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch's operators of this thread work on it alone; a decorator as well.

    For many operators on little: threads wait for each other at the end of every one, and on a busy machine, or where a
    container has less time than processors, that takes a hundred times as long as the work. What runs on a card is not
    affected.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
