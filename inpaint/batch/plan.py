"""What a run has to make: what is there already, what is missing, what has changed since."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .files.atomic import sweep
from .host_nodes import is_link
from .manifest import Manifest, Record, settled, what_changed
from .pairs import Pair
from .settings import Settings
from .workflow import Workflow

CHUNK = 1 << 20


def planned_records(
    pairs: list[Pair], workflow: Workflow, settings: Settings, models: Mapping[str, Mapping[str, str]]
) -> dict[str, Record]:
    """Return a record of each picture as it is to be made."""
    files = {f"{place} (file)": sorted(set(filter(None, list(model.values())[1:]))) for place, model in models.items()}
    base = {f"{node}.{name}": value for (node, name), value in _widgets(workflow).items()}
    planned = {}
    for pair in pairs:
        values = {f"{node}.{name}": value for (node, name), value in settings.of(pair.name).items()}
        seeds = {f"{node}.{name}" for node, name in settings.seeded(pair.name)}
        own = {key: value for key, value in {**base, **values}.items() if key not in seeds}
        planned[pair.name] = Record(
            pair.name,
            image=str(pair.image),
            mask=str(pair.mask or ""),
            image_hash=_hash(pair.image) or "",
            mask_hash=(_hash(pair.mask) or "") if pair.mask else "",
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
    manifest: Manifest, before: Mapping[str, Record], planned: dict[str, Record], pairs: list[Pair], output: Path
) -> tuple[list[str], int]:
    """Write what is to be done into the manifest. Returns the names that are to be made, and how many are done."""
    todo, records, done = [], [], 0
    for pair in pairs:
        record, was = planned[pair.name], before.get(pair.name)
        there = _hash(output / record.output)
        if was is not None:
            if was.state == "writing":
                sweep((output / record.output).parent)
            was = settled(was, there)
        if pair.error:
            records.append(replace(record, state="failed", error=pair.error))
            continue
        if was is not None and was.state == "done":
            reason = what_changed(was, record, there)
            if not reason:
                records.append(was)
                done += 1
                continue
            print(f"{pair.name}: done again, for {reason}.", file=sys.stderr)
        elif there is not None and (was is None or was.output_hash != there):
            error = f"{output / record.output} is there already, and no run made it. Move it, or choose another folder."
            records.append(replace(record, state="failed", error=error))
            continue
        records.append(record)
        todo.append(pair.name)
    manifest.put(*records)
    return todo, done


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
