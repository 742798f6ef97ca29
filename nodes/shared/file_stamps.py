"""Detect a replaced model file."""

import os
from collections.abc import Sequence

from ... import host


def stamp(path: str) -> tuple[str, int, int]:
    """Return path, modification time in nanoseconds, and size in bytes."""
    stat = os.stat(path)
    return path, stat.st_mtime_ns, stat.st_size


def stamps(files: Sequence[tuple[str, str | None]]) -> tuple | None:
    """Return a value that changes when a file is replaced. None if a name is a linked input, unknown at this point.

    Args:
        files: folder and file name of each file; None is a linked input.
    """
    known = [(folder, name) for folder, name in files if name is not None]
    if len(known) < len(files):
        return None
    return tuple(stamp(host.model_path(folder, name)) for folder, name in known)
