"""What is set for each picture: prompts, seeds, values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import InpaintError
from .pairs import key_of
from .table import NAME, read_table
from .values import Input, checked

# Columns of a table that are no settings of an engine.
PROMPT, SEED = "prompt", "seed"
SET = "--set"

# A setting: its name, after the node's id where nodes have it.
Place = tuple[str, ...]


class Places(Protocol):
    """The settings that an engine has."""

    form: str
    """How `--set` is written, for messages."""

    def find(self, words: str, where: str) -> tuple[Place, Input]:
        """Return the setting that a person calls so.

        Args:
            words: what stands before "=", or at the head of a column.
            where: how messages name it.

        Raises:
            InpaintError: if there is none, or several.
        """

    def prompt(self) -> Place:
        """Return the setting that says what should be there.

        Raises:
            InpaintError: if that is not clear.
        """

    def seeds(self) -> Mapping[Place, int]:
        """Return the settings that take a seed, with the largest that each takes."""


@dataclass(frozen=True)
class Settings:
    """What is set for each picture."""

    common: Mapping[Place, Any]
    """Values for all pictures."""
    own: Mapping[str, Mapping[Place, Any]]
    """The same for single pictures, by their names."""
    seeds: Mapping[Place, int]
    """Settings that take a seed, with the largest that each takes."""
    seed: int
    """From which, with its name, each picture's seed is made."""
    own_seeds: Mapping[str, int] = field(default_factory=dict)
    """Seeds that the table names. They are closer than what is set for all."""

    def seed_of(self, name: str) -> int:
        """Return a picture's seed. It depends on its name, not on the order or the number of pictures."""
        if name in self.own_seeds:
            return self.own_seeds[name]
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big")

    def seeded(self, name: str) -> list[Place]:
        """Return the settings that get a picture's seed: those that are not set to another."""
        other = self.own.get(name, {}) if name in self.own_seeds else {**self.common, **self.own.get(name, {})}
        return [place for place in self.seeds if place not in other]

    def recorded(self, name: str, defaults: Mapping[Place, Any]) -> tuple[dict[str, Any], str]:
        """Return what changes a picture, as `Engine.recorded` does.

        Args:
            name: the picture's.
            defaults: values of settings that are not set.
        """
        seeds = self.seeded(name)
        values = {**defaults, **self.of(name)}
        own = {".".join(place): value for place, value in values.items() if place not in seeds}
        return own, str(self.seed_of(name)) if seeds else ""

    def of(self, name: str) -> dict[Place, Any]:
        """Return what is set for a picture."""
        seed = self.seed_of(name)
        seeds = {place: seed % (self.seeds[place] + 1) for place in self.seeded(name)}
        return {**self.common, **self.own.get(name, {}), **seeds}


def settings_of(places: Places, sets: Iterable[str], table: Path | None, seed: int, names: Iterable[str]) -> Settings:
    """Read and check what is to be set.

    Args:
        places: the settings that there are.
        sets: "NAME=value" each.
        table: CSV with a head, or JSON lines. Columns: name (of a picture), prompt, seed, and any setting.
        seed: from which each picture's seed is made.
        names: names of the pictures.

    Raises:
        InpaintError: if there is no such setting, choice or picture.
    """
    common: dict[Place, Any] = {}
    for words in sets:
        called, equals, value = words.partition("=")
        if not equals:
            raise InpaintError(f"{SET}: expected {places.form}, got {words!r}. Write it so.")
        common.update([_set(places, called, value, SET)])
    own: dict[str, dict[Place, Any]] = {}
    own_seeds: dict[str, int] = {}
    seeds = places.seeds()
    known = {key_of(name): name for name in names}
    for number, row in enumerate(read_table(table) if table is not None else ()):
        where = f"--prompts, row {number + 1}"
        given = str(row.pop(NAME, ""))
        if key_of(given) not in known:
            raise InpaintError(
                f"{where}: expected the name of one of the {len(known)} pictures, got {given!r}. Correct the name, or "
                "remove the row."
            )
        name = known[key_of(given)]
        if name in own:
            raise InpaintError(f"{where}: {name} has a row already. Remove one.")
        values: dict[Place, Any] = {}
        for column, value in row.items():
            if value is None or value == "":
                continue
            if column == SEED:
                own_seeds[name] = _seed(value, seeds, where)
            elif column == PROMPT:
                values[places.prompt()] = str(value)
            else:
                values.update([_set(places, column, value, where)])
        own[name] = values
    return Settings(common, own, seeds, seed, own_seeds)


def _set(places: Places, words: str, value: object, where: str) -> tuple[Place, Any]:
    place, kind = places.find(words, where)
    return place, checked(value, kind, f"{where}: {words}")


def _seed(value: object, seeds: Mapping[Place, int], where: str) -> int:
    if not seeds:
        raise InpaintError(f"{where}: nothing here takes a seed. Remove the column {SEED!r}.")
    most = min(seeds.values())
    try:
        seed = int(str(value))
    except ValueError:
        seed = -1
    if not 0 <= seed <= most:
        raise InpaintError(
            f"{where}: seed: expected a whole number from 0 to {most}, got {value!r}. Correct it, or leave it empty."
        )
    return seed
