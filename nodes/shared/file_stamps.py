"""Whether a model file was replaced."""

import os
from collections.abc import Sequence

from ... import host


def stamp(path: str) -> tuple[str, int, int]:
    stat = os.stat(path)
    return path, stat.st_mtime_ns, stat.st_size


def stamps(files: Sequence[tuple[str, str | None]]) -> tuple | None:
    """Another value where a file was replaced. A name that comes over a link is not known here."""
    known = [(folder, name) for folder, name in files if name is not None]
    if len(known) < len(files):
        return None
    return tuple(stamp(host.model_path(folder, name)) for folder, name in known)
