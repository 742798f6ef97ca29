"""How long work reports its progress, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar

# Called with the amount done and the total. An exception that it raises cancels the work.
Progress = Callable[[float, int], None]

Item = TypeVar("Item", covariant=True)


class _Items(Iterable[Item], Sized, Protocol[Item]):
    """Items of a known number."""


@dataclass(frozen=True)
class _Running:
    """The work that runs."""

    progress: Progress
    check: Callable[[], None]


_running: ContextVar[_Running | None] = ContextVar("running", default=None)


@contextmanager
def reporting(progress: Progress, check: Callable[[], None]) -> Iterator[None]:
    """Report the work inside the context.

    Args:
        progress: called before each item of `steps`, and after the last.
        check: called by `pulse`. An exception that it raises cancels the work.
    """
    token = _running.set(_Running(progress, check))
    try:
        yield
    finally:
        _running.reset(token)


def steps(items: _Items[Item]) -> Iterator[Item]:
    """Yield the items of a loop whose rounds take long, and report before each; only yield, without `reporting`."""
    running = _running.get()
    for number, item in enumerate(items):
        if running is not None:
            running.progress(number, len(items))
        yield item
    if running is not None and len(items):
        running.progress(len(items), len(items))


def pulse() -> None:
    """Notice a cancellation, from inside one round of long work."""
    running = _running.get()
    if running is not None:
        running.check()
