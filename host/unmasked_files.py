"""The unmasked picture that ComfyUI's MaskEditor saves beside the masked one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import folder_paths
from torch import Tensor

# Imported by name: linters would mistake `import nodes` for the pack's own folder.
host_nodes = importlib.import_module("nodes")

MASKED = re.compile(r"(clipspace-painted-)masked-(\d+\.png)")


def unmasked_files(prompt: Mapping[str, Any] | None) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and picture [1, H, W, 3] of each unmasked file beside one that a Load Image of a prompt names.

    Args:
        prompt: the running prompt in the API's form, node by id; None if it is not known.
    """
    for node in (prompt or {}).values():
        name = node.get("inputs", {}).get("image")
        if node.get("class_type") != "LoadImage" or not isinstance(name, str):
            continue
        found = MASKED.search(name)
        if not found:
            continue
        unmasked = found.expand(r"\1\2")
        path = name.replace(found[0], unmasked)
        if folder_paths.exists_annotated_filepath(path):
            yield unmasked, host_nodes.LoadImage().load_image(path)[0]
