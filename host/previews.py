"""Files that the page shows in a node."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

import folder_paths
from comfy_api.latest import io, ui


def save_previews(files: Iterable[tuple[str, bytes]]) -> dict:
    """Write pictures into the host's temporary folder, which it empties at each start.

    Unlike the host's own previews, they may have any format and carry no workflow.

    Args:
        files: for each picture the ending of its name, such as ".jpg", and the file's bytes.

    Returns:
        What a node returns as `ui` to show them, in order.
    """
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        f"Mend_temp_{secrets.token_hex(4)}", folder_paths.get_temp_directory()
    )
    shown = []
    for number, (ending, content) in enumerate(files, counter):
        file = f"{name}_{number:05}_{ending}"
        Path(folder, file).write_bytes(content)
        shown.append(ui.SavedResult(file, subfolder, io.FolderType.temp))
    return ui.SavedImages(shown).as_dict()
