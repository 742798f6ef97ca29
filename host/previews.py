"""Files that the page shows in a node."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

import folder_paths


def save_previews(files: Iterable[tuple[str, bytes]]) -> dict:
    """Write pictures into the host's temporary folder, which it empties at each start.

    Unlike the host's own previews, they may have any format and carry no workflow.

    Args:
        files: for each picture the ending of its name, such as ".jpg", and the file's bytes.

    Returns:
        What a node returns as `ui` to show them, in order.
    """
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    # The host's own way to a free name reads the whole folder, which holds thousands of files after a day.
    name = f"Mend_temp_{secrets.token_hex(8)}"
    shown = []
    for number, (ending, content) in enumerate(files, 1):
        file = f"{name}_{number:05}_{ending}"
        (folder / file).write_bytes(content)
        shown.append({"filename": file, "subfolder": "", "type": "temp"})
    return {"images": shown}
