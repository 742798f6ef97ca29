"""A table of settings: CSV with a head, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from ..core.errors import InpaintError, about_file

NAME = "name"


def read_table(table: Path) -> list[dict[str, Any]]:
    """Return the rows by column.

    Raises:
        InpaintError: if it cannot be read, or has no column of names.
    """
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
