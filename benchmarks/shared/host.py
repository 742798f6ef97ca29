"""Import the host into this process, with its own nodes or with the pack."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from devtools.hosts.in_process import import_host
from devtools.hosts.process import prepare_base
from devtools.setup.environment import ROOT


def host_folder() -> Path:
    folder = os.environ.get("MEND_COMFYUI")
    if not folder or not Path(folder, "main.py").is_file():
        sys.exit("MEND_COMFYUI has to name a ComfyUI folder. `python dev.py bench` sets it.")
    return Path(folder)


class HostWithPack:
    """The host in this process with the pack loaded.

    Args:
        base: base directory, made by `prepare_base` with the pack in it.
        on_card: as in `import_host`.
    """

    def __init__(self, base: Path, on_card: Sequence[str] | None = None) -> None:
        (folder,) = (base / "custom_nodes").iterdir()
        self.nodes = import_host(host_folder(), base, on_card)
        if not asyncio.run(self.nodes.load_custom_node(str(folder))):
            sys.exit("The host could not load the pack.")

    def pack(self, name: str) -> ModuleType:
        """Return a module of the pack as the host loaded it."""
        root = self.nodes.NODE_CLASS_MAPPINGS["MendLoadCheckpoint"].__module__.partition(".nodes.")[0]
        return importlib.import_module(f"{root}.{name}")


def extra_nodes(file: str) -> Callable[..., Callable[..., Any]]:
    """Return the nodes of a file of comfy_extras: `extra_nodes("nodes_mask.py")("GrowMask")(mask=mask, ...)`."""
    host = host_folder()
    base = ROOT / ".host" / "bench"
    prepare_base(base, pack=None)
    nodes = import_host(host, base)
    if not asyncio.run(nodes.load_custom_node(str(host / "comfy_extras" / file), module_parent="comfy_extras")):
        sys.exit(f"The host could not load {file}.")

    def function(node_id: str) -> Callable[..., Any]:
        # Both old and V3 nodes name the function that the executor calls.
        node = nodes.NODE_CLASS_MAPPINGS[node_id]
        return getattr(node(), node.FUNCTION)

    return function
