"""What a run has to make: what is there already, what is missing, what has changed since."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .host_nodes import is_link
from .manifest import FILE, Manifest, Record, is_ours, settled, what_changed
from .pairs import Pair
from .settings import Settings
from .workflow import Workflow

CHUNK = 1 << 20


def planned_records(
    pairs: list[Pair], workflow: Workflow, settings: Settings, models: Mapping[str, Mapping[str, str]]
) -> dict[str, Record]:
    """Return a record of each picture as it is to be made."""
    hashes = {name: sorted(set(filter(None, by_host.values()))) for name, by_host in models.items()}
    base = {f"{node}.{name}": value for (node, name), value in _widgets(workflow).items()}
    planned, mask_hash = {}, functools.cache(_hash)
    for pair in pairs:
        values = {f"{node}.{name}": value for (node, name), value in settings.of(pair.name).items()}
        seeds = {f"{node}.{name}" for node, name in settings.seeded(pair.name)}
        own = {key: value for key, value in {**base, **values}.items() if key not in seeds}
        files = {
            f"{key}{FILE}": hashes[value] for key, value in own.items() if isinstance(value, str) and hashes.get(value)
        }
        planned[pair.name] = Record(
            pair.name,
            image=str(pair.image),
            mask=str(pair.mask or ""),
            image_hash=_hash(pair.image) or "",
            mask_hash=(mask_hash(pair.mask) or "") if pair.mask else "",
            settings=json.dumps({**own, **files, "workflow": _shape(workflow)}, sort_keys=True),
            seed=str(settings.seed_of(pair.name)) if seeds else "",
            output=pair.name,
        )
    return planned


def _widgets(workflow: Workflow) -> dict[tuple[str, str], Any]:
    doors = {workflow.picture, workflow.mask}
    return {
        (node, name): value
        for node, given in workflow.prompt.items()
        for name, value in given["inputs"].items()
        if not is_link(value) and (node, name) not in doors
    }


def _shape(workflow: Workflow) -> str:
    """Return a hash of the workflow's nodes and links."""
    shape = {
        node: [given["class_type"], {name: value for name, value in given["inputs"].items() if is_link(value)}]
        for node, given in workflow.prompt.items()
    }
    return hashlib.sha256(json.dumps([shape, workflow.result], sort_keys=True).encode()).hexdigest()


def plan_run(
    manifest: Manifest, before: Mapping[str, Record], planned: Mapping[str, Record], pairs: list[Pair], output: Path
) -> tuple[list[Record], int]:
    """Write what is to be done into the manifest. Returns the records that are to be made, and how many are done."""
    todo, others, done = [], [], 0
    for pair in pairs:
        record, was = planned[pair.name], before.get(pair.name)
        path = output / record.output
        there = _hash(path)
        if was is not None:
            was = settled(was, there)
            if is_ours(was, there):
                record = replace(record, replaces=there or "")
        if pair.error:
            others.append(replace(record, state="failed", error=pair.error))
            continue
        if was is not None and was.state == "done":
            reason = what_changed(was, record, there)
            changed_by_somebody = there is not None and not record.replaces
            if reason and changed_by_somebody:
                _say(pair, f"{reason}. But its result was changed by somebody: it stays. Delete it to have it made.")
            if not reason or changed_by_somebody:
                others.append(was)
                done += 1
                continue
            _say(pair, f"done again, for {reason}.")
        elif there is not None and not record.replaces:
            error = f"{path} is there already, and no run made it. Move it, or choose another folder."
            others.append(replace(record, state="failed", error=error))
            continue
        todo.append(record)
    manifest.put(*others, *todo)
    return todo, done


def _say(pair: Pair, what: str) -> None:
    print(f"{pair.name}: {what}", file=sys.stderr)


def _hash(path: Path) -> str | None:
    """Return the SHA-256 of a file, None if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
