"""Files that are whole or absent, whatever ends the program or the machine."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from ...core.errors import InpaintError, short_name

# Name of the temporary files. `remove_parts` deletes those that a killed program left behind.
TEMPORARY = ".mend-{}.part"


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that at any moment its old content, its new content or no file is there, never a part.

    The data go to a temporary file beside it, reach the disk, and take the name in one step. Then the folder is written
    to disk too, where the system can do that: Windows cannot. Missing folders are made.

    Raises:
        InpaintError: if it cannot be written. The temporary file is gone then.
    """
    temporary = path.with_name(TEMPORARY.format(uuid.uuid4().hex))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(path.parent)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InpaintError(
            f"{short_name(path)}: cannot be written to {path.parent}: {reason}. Check the folder, its permissions and "
            "the free space."
        ) from error


def remove_parts(folder: Path) -> None:
    """Delete the temporary files that a killed program left in a folder. No other may be writing there."""
    for part in folder.glob(TEMPORARY.format("*")):
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
