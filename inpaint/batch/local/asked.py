"""What a run asks of a kind of engine: its model, and what is set for each picture."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import InpaintError
from ..pairs import Pair
from ..settings import Place, settings_of
from ..values import Input
from .choice import ModelChoice
from .job import Job
from .kinds import KINDS, Kind
from .models import fingerprint


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


class Asked:
    """What a run asks of a kind of engine.

    Args:
        kind: one of `KINDS`.
        options: of the command line.
        names: names of the pictures.

    Raises:
        InpaintError: if packages or the model are missing, or a setting is not there.
    """

    def __init__(self, kind: str, options: argparse.Namespace, names: Sequence[str]) -> None:
        self.kind = KINDS[kind]
        _check(self.kind, options)
        self.choice = ModelChoice(
            options.model, options.config, options.allow_download, options.dtype, options.offload, options.batch
        )
        model = {} if options.model is None else {"model": fingerprint(options.model)}
        dtype = {"dtype": options.dtype} if self.kind.loads else {}
        self._name = kind
        # The same on every engine that runs this kind, so that a run can go on with another.
        self._fixed = {**model, **dtype, "engine": kind}
        places = LocalSettings(kind, self.kind.settings)
        self._defaults: dict[Place, Any] = {(name,): each.options["default"] for name, each in places.settings.items()}
        self._settings = settings_of(places, options.sets, options.prompts, options.seed, names)
        self.facts = {} if options.model is None else {"models": {str(options.model): model["model"]}}

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        """As `Engine.recorded`."""
        own, seed = self._settings.recorded(name, self._defaults)
        return {**own, **self._fixed}, seed

    def job_of(self, pair: Pair) -> Job:
        """Return what is needed to make a picture."""
        values = {**self._defaults, **self._settings.of(pair.name)}
        return Job(pair.name, pair.image, pair.mask, {place[-1]: each for place, each in values.items()})

    def described(self) -> str:
        """Return what is set for all, for a dry run."""
        common = {**self._defaults, **self._settings.common}
        values = ", ".join(f"{place[-1]} {value}" for place, value in common.items() if place != ("seed",))
        model = f" with {self.choice.path}" if self.choice.path else ""
        return f"{self._name}{model}: {values}."


def _check(kind: Kind, options: argparse.Namespace) -> None:
    missing = [name for name in kind.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise InpaintError(
            f"--engine {options.engine}: needs {', '.join(missing)}. Install them: python -m pip install "
            f"'mend-inpaint[batch,{kind.extra}]'."
        )
    if kind.model and options.model is None:
        raise InpaintError(f"--model: expected {kind.model}, got none. Name it.")
