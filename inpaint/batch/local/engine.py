"""Pictures without ComfyUI, in processes of this computer."""

from __future__ import annotations

import argparse
import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..crew import Crew
from ..engine import Deliver
from ..pairs import Pair
from .asked import Asked
from .job import Job
from .worker import Child, Worker

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Local:
    """As `Engine`: pictures are made in processes.

    Args:
        options: of the command line.
        names: names of the pictures.

    Raises:
        InpaintError: as `Asked` does.
    """

    at_a_time = 1

    def __init__(self, options: argparse.Namespace, names: Sequence[str]) -> None:
        self._name, self._asked = options.engine, Asked(options.engine, options, names)
        # More than pictures would only be started.
        count = min(options.processes or self._asked.kind.processes or CORES, max(len(names), 1))
        self._threads = max(1, CORES // count)
        self.hands = [f"process {number}" for number in range(1, count + 1)]
        self.facts = self._asked.facts

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        return self._asked.recorded(name)

    def described(self) -> list[str]:
        return [f"Engine {self._asked.described()} Processes: {len(self.hands)}."]

    def workers(self, crew: Crew, pairs: Mapping[str, Pair], deliver: Deliver) -> Sequence[threading.Thread]:
        choice = self._asked.choice

        def starts(card: int) -> Callable[[], Child]:
            return functools.partial(Child, self._name, replace(choice, card=card), self._threads)

        def job_of(name: str) -> Job:
            return self._asked.job_of(pairs[name])

        return [
            Worker(crew, hand, starts(card), job_of, choice.at_once, deliver) for card, hand in enumerate(self.hands)
        ]

    def last_words(self) -> list[str]:
        return []
