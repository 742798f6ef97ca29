"""What makes pictures, as a run sees it: ComfyUI hosts, or processes here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .crew import Crew
from .pairs import Pair


@dataclass(frozen=True)
class Outcome:
    """What became of one picture."""

    name: str
    """Its name."""
    host: str
    """Who tried it last: a host's address, or the name of a process."""
    seconds: float
    """How long it took there."""
    data: bytes = b""
    """The result's file."""
    notes: tuple[str, ...] = ()
    """What differs from the source outside of what was repainted."""
    error: str = ""
    """Why there is no result."""


# Takes each outcome that is final. It may make the caller wait.
Deliver = Callable[[Outcome], None]


class Engine(Protocol):
    """Makes pictures."""

    @property
    def hands(self) -> Sequence[str]:
        """Who works: addresses of hosts, names of processes."""

    @property
    def at_a_time(self) -> int:
        """How many pictures each has at a time."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a report says of the run: versions, models, the workflow. As JSON."""

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        """Return all that changes a picture's result but its seed, as JSON; and its seed, "" if it has none."""

    def described(self) -> list[str]:
        """Return what a dry run says of it, a line each."""

    def workers(self, crew: Crew, pairs: Mapping[str, Pair], deliver: Deliver) -> Sequence[threading.Thread]:
        """Return threads that make the crew's pictures until there are no more, not yet started."""

    def last_words(self) -> list[str]:
        """Return what a person is to know at the end, a line each."""
