"""What is done, in a file in the output folder that survives the end of the program at any moment."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from ..core.errors import InpaintError

# After the name of an input that takes a model file: the hash of that file, where it is known.
FILE = " (file)"

# In the output folder: the folder of manifest and report.
FOLDER, MANIFEST = "mend-batch", "manifest.sqlite"

State = Literal["waiting", "writing", "done", "failed"]

COLUMNS = """
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'writing', 'done', 'failed')),
    image TEXT NOT NULL,
    mask TEXT NOT NULL,
    image_hash TEXT NOT NULL,
    mask_hash TEXT NOT NULL,
    settings TEXT NOT NULL,
    seed TEXT NOT NULL,
    host TEXT NOT NULL,
    seconds REAL NOT NULL,
    error TEXT NOT NULL,
    notes TEXT NOT NULL,
    output TEXT NOT NULL,
    output_hash TEXT NOT NULL,
    replaces TEXT NOT NULL
"""


@dataclass(frozen=True)
class Record:
    """What is known of one picture."""

    name: str
    """Its name, which no other has."""
    state: State = "waiting"
    """writing: its result has a hash, and may be in its place or not."""
    image: str = ""
    """The file."""
    mask: str = ""
    """The mask's file; "" for the picture's own alpha."""
    image_hash: str = ""
    """SHA-256 of the file."""
    mask_hash: str = ""
    """The same of the mask."""
    settings: str = ""
    """JSON of the workflow's hash and of all that was set in it for this picture, its seed left out."""
    seed: str = ""
    """Its seed. A text, for SQLite's numbers end at 2^63."""
    host: str = ""
    """The host that made the result."""
    seconds: float = 0.0
    """How long it took there, its turn in the queue included."""
    error: str = ""
    """Why it failed."""
    notes: str = ""
    """What differs from the source outside of what was repainted, a line each."""
    output: str = ""
    """The result, relative to the output folder."""
    output_hash: str = ""
    """SHA-256 of the result."""
    replaces: str = ""
    """SHA-256 of an earlier result, which is in its place until this one is."""


NAMES = tuple(column.name for column in fields(Record))


class Manifest:
    """The records of a run, as a context manager. One program at a time has it open.

    Raises:
        InpaintError: if the file cannot be opened, is not a manifest, or another run has it open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=1, isolation_level=None)
            # Locked until it is closed, or the program ends.
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute("BEGIN EXCLUSIVE")
            self._base.execute(f"CREATE TABLE IF NOT EXISTS pictures ({COLUMNS})")
            self._base.execute("CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            self._base.execute("COMMIT")
            # Of another version of this program, or no manifest at all.
            self._base.execute(f"SELECT {', '.join(NAMES)} FROM pictures LIMIT 0")
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                raise InpaintError(
                    f"--output: another run is writing to {path.parent}. Wait for it, or choose another folder."
                ) from error
            raise InpaintError(
                f"--output: {path} cannot be opened: {error}. Check the folder, or choose another."
            ) from error

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def records(self) -> dict[str, Record]:
        """Return all records by name."""
        rows = self._base.execute(f"SELECT {', '.join(NAMES)} FROM pictures ORDER BY name")
        return {row[0]: Record(*row) for row in rows}

    def put(self, *records: Record) -> None:
        """Write records in the place of those of the same names, all or none."""
        marks = ", ".join("?" * len(NAMES))
        self._write(
            f"INSERT OR REPLACE INTO pictures ({', '.join(NAMES)}) VALUES ({marks})",
            [tuple(getattr(record, name) for name in NAMES) for record in records],
        )

    def note(self, **facts: Any) -> None:
        """Write facts of the run: versions, workflow, hosts."""
        rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in facts.items()]
        self._write("INSERT OR REPLACE INTO run (key, value) VALUES (?, ?)", rows)

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        rows = [tuple(map(_text, row)) for row in rows]
        try:
            self._base.execute("BEGIN")
            self._base.executemany(statement, rows)
            self._base.execute("COMMIT")
        except sqlite3.Error as error:  # a full disk, for one
            raise InpaintError(
                f"--output: {self._path} cannot be written: {error}. Then go on with --resume."
            ) from error

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run."""
        return {key: json.loads(value) for key, value in self._base.execute("SELECT key, value FROM run")}


def is_report(folder: Path) -> bool:
    """Whether a folder is the one of a run's manifest and report."""
    return folder.name == FOLDER and (folder / MANIFEST).is_file()


def _text(value: Any) -> Any:
    """Return a text without what SQLite does not take: the bytes of a path that are no UTF-8."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def what_changed(before: Record, now: Record, output_hash: str | None) -> str:
    """Return why a picture that was done has to be done again, in a few words; "" if it has not.

    Args:
        before: as it was done.
        now: as it is to be done.
        output_hash: of its result now; None if that is gone.
    """
    if before.image_hash != now.image_hash:
        return "the picture changed"
    if (before.mask == "") != (now.mask == "") or before.mask_hash != now.mask_hash:
        return "the mask changed"
    if changed := _differences(json.loads(before.settings), json.loads(now.settings)):
        return f"settings changed: {changed}"
    if before.seed != now.seed:
        return "the seed changed"
    return "the result is gone" if output_hash is None else ""


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the names of what differs. Of a file that is not known in one of both, nothing is known to differ."""
    unknown = {key for key in before.keys() ^ now.keys() if key.endswith(FILE)}
    return ", ".join(sorted(key for key in (before.keys() | now.keys()) - unknown if before.get(key) != now.get(key)))


def settled(record: Record, output_hash: str | None) -> Record:
    """Return what a record is after a program that ended at any moment: a result in its place is done.

    Args:
        record: as it was left.
        output_hash: of the file in its result's place; None if there is none.
    """
    if record.state != "writing":
        return record
    return replace(record, state="done" if output_hash == record.output_hash else "waiting")


def is_ours(record: Record, output_hash: str | None) -> bool:
    """Whether a file is the result of a run, and not of somebody.

    Args:
        record: as it was left.
        output_hash: of the file in its result's place; None if there is none.
    """
    return output_hash is not None and output_hash in (record.output_hash, record.replaces)
