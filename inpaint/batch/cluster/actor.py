"""What an actor of the cluster does: it opens a model once, and makes pictures with it."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import local
from ..local.choice import ModelChoice
from ..local.job import Job
from ..local.kinds import KINDS
from ..local.process import made


class Actor:
    """Opens a model once, and makes batches of pictures with it.

    Args:
        kind: one of `KINDS`.
        model: what is to be opened.
    """

    def __init__(self, kind: str, model: ModelChoice) -> None:
        package = local.__name__
        self._paint = importlib.import_module(f"{package}.{KINDS[kind].module}").opened(model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Make the pictures of a batch. One that cannot be made has an error in its row."""
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        with tempfile.TemporaryDirectory() as folder:
            jobs = [
                _placed(row["job"], row["contents"], Path(folder, str(number)))
                for number, row in enumerate(rows)
                if not row["error"]
            ]
            results = dict(zip((job.name for job in jobs), made(self._paint, jobs), strict=True))
        columns = ("data", "notes", "error", "seconds")
        out: dict[str, Any] = {name: [] for name in ("name", *columns)}
        for row in rows:
            name, result = row["job"].name, results.get(row["job"].name)
            out["name"].append(name)
            out["data"].append(result.data if result else b"")
            out["notes"].append("\n".join(result.notes) if result else "")
            out["error"].append(result.error if result else row["error"])
            out["seconds"].append(result.seconds if result else 0.0)
        return out


def _placed(job: Job, contents: list[bytes], folder: Path) -> Job:
    """Write a picture's files where this worker can read them, under their own names."""
    folder.mkdir()
    places = []
    for number, (path, content) in enumerate(zip((job.image, job.mask), contents, strict=False)):
        assert path is not None
        places.append(folder / f"{number}" / path.name)
        places[-1].parent.mkdir()
        places[-1].write_bytes(content)
    return replace(job, image=places[0], mask=places[1] if len(places) > 1 else None)
