"""Counts work instead of time, so that a test does not depend on how busy the machine is."""

import cProfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Work:
    calls: int = 0
    """Calls of Python and C functions."""


@contextmanager
def counted() -> Iterator[Work]:
    """Count what this thread calls inside a `with` block; the figure is there when the block ends."""
    work, profile = Work(), cProfile.Profile()
    profile.enable()
    try:
        yield work
    finally:
        profile.disable()
        work.calls = sum(entry.callcount for entry in profile.getstats())
