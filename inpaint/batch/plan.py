"""What a run has to make: what is there already, what is missing, what has changed since."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .engine import Engine
from .files.atomic import sweep
from .manifest import Manifest, Record, settled, what_changed
from .pairs import Pair

CHUNK = 1 << 20


def planned_records(pairs: list[Pair], engine: Engine) -> dict[str, Record]:
    """Return a record of each picture as it is to be made."""
    planned = {}
    for pair in pairs:
        settings, seed = engine.recorded(pair.name)
        planned[pair.name] = Record(
            pair.name,
            image=str(pair.image),
            mask=str(pair.mask or ""),
            image_hash=_hash(pair.image) or "",
            mask_hash=(_hash(pair.mask) or "") if pair.mask else "",
            settings=json.dumps(settings, sort_keys=True),
            seed=seed,
            output=pair.name,
        )
    return planned


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
