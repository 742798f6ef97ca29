"""What a run has to make: what is there already, what is missing, what has changed since."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .engine import Engine
from .manifest import Manifest, Record, is_ours, settled, what_changed
from .pairs import Pair

CHUNK = 1 << 20


def planned_records(pairs: list[Pair], engine: Engine) -> dict[str, Record]:
    """Return a record of each picture as it is to be made."""
    planned: dict[str, Record] = {}
    mask_hash = functools.cache(_hash)
    for pair in pairs:
        settings, seed = engine.recorded(pair.name)
        planned[pair.name] = Record(
            pair.name,
            image=str(pair.image),
            mask=str(pair.mask or ""),
            image_hash=_hash(pair.image) or "",
            mask_hash=(mask_hash(pair.mask) or "") if pair.mask else "",
            settings=json.dumps(settings, sort_keys=True),
            seed=seed,
            output=pair.name,
        )
    return planned


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
