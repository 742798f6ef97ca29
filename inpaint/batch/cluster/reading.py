"""Pictures read on the cluster. Nothing here imports torch: a worker that reads stays small."""

from __future__ import annotations

from typing import Any

import fsspec

from ..local.job import Job

# A row of the stream.
Row = dict[str, Any]


def read(row: Row) -> Row:
    """Read a picture's files, wherever fsspec finds them. What cannot be read is said in the row."""
    job: Job = row["job"]
    try:
        contents = [_content(str(path)) for path in (job.image, job.mask) if path is not None]
    except Exception as error:  # storage raises whatever it likes
        return {**row, "contents": [], "error": f"{job.name}: cannot be read: {type(error).__name__}: {error}"}
    return {**row, "contents": contents, "error": ""}


def _content(path: str) -> bytes:
    with fsspec.open(path, "rb") as file:
        return file.read()  # type: ignore[union-attr]
