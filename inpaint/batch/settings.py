"""What is set for each picture: prompts, seeds, values of nodes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import InpaintError, about_file
from .client import Prompt
from .host_nodes import Descriptions, checked, described, inputs_of, is_link, nodes_called, title_of
from .pairs import key_of
from .workflow import Workflow

SEEDS = ("seed", "noise_seed")
# Columns of a table of prompts that are no inputs of nodes.
NAME, PROMPT, SEED = "name", "prompt", "seed"
PROMPT_TITLE = "Prompt"
SET = "--set"

Place = tuple[str, str]


@dataclass(frozen=True)
class Settings:
    """What is set for each picture."""

    common: Mapping[Place, Any]
    """By node and input: values for all pictures."""
    own: Mapping[str, Mapping[Place, Any]]
    """The same for single pictures, by their names."""
    seeds: Mapping[Place, int]
    """Inputs that take a seed, with the largest that each takes."""
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
        """Return the inputs that get a picture's seed: those that are not set to another."""
        other = self.own.get(name, {}) if name in self.own_seeds else {**self.common, **self.own.get(name, {})}
        return [place for place in self.seeds if place not in other]

    def of(self, name: str) -> dict[Place, Any]:
        """Return what is set for a picture, by node and input."""
        seed = self.seed_of(name)
        seeds = {place: seed % (self.seeds[place] + 1) for place in self.seeded(name)}
        return {**self.common, **self.own.get(name, {}), **seeds}


def settings_of(
    workflow: Workflow, nodes: Descriptions, sets: Iterable[str], table: Path | None, seed: int, names: Iterable[str]
) -> Settings:
    """Read and check what is to be set.

    Args:
        workflow: where it is set.
        nodes: the host's descriptions.
        sets: "NODE.input=value" each; NODE is an id, a title or a class.
        table: CSV with a head, or JSON lines. Columns: name (of a picture), prompt, seed, and any NODE.input.
        seed: from which each picture's seed is made.
        names: names of the pictures.

    Raises:
        InpaintError: if there is no such node, input, choice or picture.
    """
    prompt = workflow.prompt
    common: dict[Place, Any] = {}
    for words in sets:
        place, equals, value = words.partition("=")
        if not equals:
            raise InpaintError(f"{SET}: expected NODE.input=value, got {words!r}. Write it so.")
        common.update([_set(prompt, nodes, place, value, SET)])
    own: dict[str, dict[Place, Any]] = {}
    own_seeds: dict[str, int] = {}
    seeds = _seeds(prompt, nodes)
    known = {key_of(name): name for name in names}
    for number, row in enumerate(_rows(table) if table is not None else ()):
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
                values[_prompt_input(prompt, nodes)] = str(value)
            else:
                values.update([_set(prompt, nodes, column, value, where)])
        own[name] = values
    return Settings(common, own, seeds, seed, own_seeds)


def _set(prompt: Prompt, nodes: Descriptions, place: str, value: object, where: str) -> tuple[Place, Any]:
    node, name = _place(prompt, nodes, place, where)
    return (node, name), checked(value, inputs_of(nodes[prompt[node]["class_type"]])[name], f"{where}: {place}")


def _place(prompt: Prompt, nodes: Descriptions, place: str, where: str) -> Place:
    """Return node and input of "NODE.input"."""
    word, dot, name = place.rpartition(".")
    if not dot:
        columns = "" if where == SET else f"{NAME}, {PROMPT}, {SEED} or "
        listed = "; ".join(described(prompt, node) for node in prompt)
        raise InpaintError(
            f"{where}: expected {columns}NODE.input, got {place!r}. NODE is the id, title or class of one of: {listed}."
        )
    found = nodes_called(prompt, word)
    if len(found) != 1:
        what = "fits several nodes: " if found else "fits no node that leads to the result. There are: "
        listed = "; ".join(described(prompt, node) for node in found or prompt)
        raise InpaintError(
            f"{where}: expected NODE.input with a node's id, title or class; {word!r} {what}{listed}. Name one by its "
            "id."
        )
    inputs = inputs_of(nodes[prompt[found[0]]["class_type"]])
    if name not in inputs:
        raise InpaintError(
            f"{where}: node {described(prompt, found[0])} has {', '.join(inputs)}, but no {name!r}. Choose one of them."
        )
    return found[0], name


def _prompt_input(prompt: Prompt, nodes: Descriptions) -> Place:
    """Return the input that takes what should be there."""
    texts = [
        (node, name)
        for node in prompt
        for name, kind in inputs_of(nodes[prompt[node]["class_type"]]).items()
        if kind.kind == "STRING" and name in ("prompt", "text") and not is_link(prompt[node]["inputs"].get(name))
    ]
    titled = [place for place in texts if title_of(prompt, place[0]) == PROMPT_TITLE]
    for found in (titled, [place for place in texts if place[1] == "prompt"], texts):
        if len(found) == 1:
            return found[0]
    listed = "; ".join(f"{described(prompt, node)}.{name}" for node, name in texts) or "none"
    raise InpaintError(
        f"--prompts: it is not clear which input takes the prompt: {listed}. Title the node {PROMPT_TITLE}, or name "
        "the column NODE.input instead of prompt."
    )


def _seeds(prompt: Prompt, nodes: Descriptions) -> dict[Place, int]:
    return {
        (node, name): int(kind.options.get("max", 2**64 - 1))
        for node in prompt
        for name, kind in inputs_of(nodes[prompt[node]["class_type"]]).items()
        if name in SEEDS and kind.kind == "INT" and not is_link(prompt[node]["inputs"].get(name))
    }


def _seed(value: object, seeds: Mapping[Place, int], where: str) -> int:
    if not seeds:
        raise InpaintError(f"{where}: no node of the workflow takes a seed. Remove the column {SEED!r}.")
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


def _rows(table: Path) -> list[dict[str, Any]]:
    with about_file(table):
        try:
            text = table.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InpaintError(f"expected text in UTF-8: {error}. Save it as UTF-8.") from None
        rows = _json_lines(text) if table.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(text)
        if any(NAME not in row for row in rows):
            raise InpaintError(f"expected a column {NAME!r} with the names of pictures. Add it.")
    return rows


def _csv_rows(text: str) -> list[dict[str, Any]]:
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    if any(None in row for row in rows):
        raise InpaintError("a row has more values than the head has columns. Put texts with commas in quotes.")
    return [dict(row) for row in rows]


def _json_lines(text: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InpaintError(f"line {number} is no JSON: {error}. Write one object a line.") from None
        if not isinstance(row, dict):
            raise InpaintError(f"line {number}: expected an object, got {line[:40]!r}. Write one object a line.")
        rows.append(row)
    return rows
