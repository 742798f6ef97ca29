"""Pictures without ComfyUI, in processes of this computer."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.errors import InpaintError
from ..crew import Crew
from ..engine import Deliver
from ..pairs import Pair
from ..settings import Place, settings_of
from ..values import Input
from .choice import ModelChoice
from .job import Job
from .kinds import KINDS, Kind
from .models import fingerprint
from .worker import Child, Worker

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class LocalSettings:
    """As `Places`: what a kind of engine has."""

    name: str
    """Its name, for messages."""
    settings: Mapping[str, Input]
    """What can be set."""

    form = "NAME=value"

    def find(self, words: str, where: str) -> tuple[Place, Input]:
        if words not in self.settings:
            raise InpaintError(
                f"{where}: --engine {self.name} has {', '.join(self.settings)}, but no {words!r}. Choose one of them."
            )
        return (words,), self.settings[words]

    def prompt(self) -> Place:
        return self.find("prompt", "--prompts")[0]

    def seeds(self) -> Mapping[Place, int]:
        return {("seed",): int(self.settings["seed"].options["max"])} if "seed" in self.settings else {}


class Local:
    """As `Engine`: pictures are made in processes.

    Args:
        options: of the command line.
        names: names of the pictures.

    Raises:
        InpaintError: if packages or the model are missing, or a setting is not there.
    """

    at_a_time = 1

    def __init__(self, options: argparse.Namespace, names: Sequence[str]) -> None:
        self._name, self._kind = options.engine, KINDS[options.engine]
        self._model = options.model
        _check(self._kind, options)
        model = {} if self._model is None else {"model": fingerprint(self._model)}
        dtype = {"dtype": options.dtype} if self._kind.loads else {}
        self._fixed = {**model, **dtype, "engine": self._name}
        places = LocalSettings(self._name, self._kind.settings)
        self._defaults: dict[Place, Any] = {(name,): each.options["default"] for name, each in places.settings.items()}
        self._settings = settings_of(places, options.sets, options.prompts, options.seed, names)
        # More than pictures would only be started.
        count = min(options.processes or self._kind.processes or CORES, max(len(names), 1))
        self._choice = ModelChoice(
            options.model, options.config, options.allow_download, options.dtype, options.offload, options.batch
        )
        self._threads = max(1, CORES // count)
        self.hands = [f"process {number}" for number in range(1, count + 1)]
        self.facts = {} if self._model is None else {"models": {str(self._model): model["model"]}}

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        own, seed = self._settings.recorded(name, self._defaults)
        return {**own, **self._fixed}, seed

    def described(self) -> list[str]:
        common = {**self._defaults, **self._settings.common}
        values = ", ".join(f"{place[-1]} {value}" for place, value in common.items() if place != ("seed",))
        model = f" with {self._model}" if self._model else ""
        return [f"Engine {self._name}{model}, processes: {len(self.hands)}. {values}."]

    def workers(self, crew: Crew, pairs: Mapping[str, Pair], deliver: Deliver) -> Sequence[threading.Thread]:
        def job_of(name: str) -> Job:
            values = {**self._defaults, **self._settings.of(name)}
            return Job(name, pairs[name].image, pairs[name].mask, {place[-1]: each for place, each in values.items()})

        def starts(card: int) -> Callable[[], Child]:
            return functools.partial(Child, self._name, replace(self._choice, card=card), self._threads)

        return [
            Worker(crew, hand, starts(card), job_of, self._choice.at_once, deliver)
            for card, hand in enumerate(self.hands)
        ]

    def last_words(self) -> list[str]:
        return []


def _check(kind: Kind, options: argparse.Namespace) -> None:
    missing = [name for name in kind.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise InpaintError(
            f"--engine {options.engine}: needs {', '.join(missing)}. Install them: python -m pip install "
            f"'mend-inpaint[batch,{kind.extra}]'."
        )
    if kind.model and options.model is None:
        raise InpaintError(f"--model: expected {kind.model}, got none. Name it.")
