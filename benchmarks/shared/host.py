"""Import the host into this process, with its own nodes or with the pack."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
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

    def extra(self, file: str) -> None:
        """Load a file of comfy_extras, such as "nodes_mask.py", so that its nodes can be called."""
        _load_extra(self.nodes, file)

    def node(self, node_id: str) -> Callable[..., Any]:
        """Return the function of a node that the executor calls. Inputs that are not given get the node's defaults."""
        node = self.nodes.NODE_CLASS_MAPPINGS[node_id]
        defaults = {
            name: options[0]["default"]
            for group in ("required", "optional")
            for name, (_, *options) in node.INPUT_TYPES().get(group, {}).items()
            if options and "default" in options[0]
        }
        target = node.PREPARE_CLASS_CLONE({}) if hasattr(node, "PREPARE_CLASS_CLONE") else node()
        return partial(getattr(target, node.FUNCTION), **defaults)

    def pack(self, name: str) -> ModuleType:
        """Return a module of the pack as the host loaded it."""
        root = self.nodes.NODE_CLASS_MAPPINGS["MendLoadCheckpoint"].__module__.partition(".nodes.")[0]
        return importlib.import_module(f"{root}.{name}")


def extra_nodes(file: str) -> Callable[..., Callable[..., Any]]:
    """Return the nodes of a file of comfy_extras: `extra_nodes("nodes_mask.py")("GrowMask")(mask=mask, ...)`."""
    base = ROOT / ".host" / "bench"
    prepare_base(base, pack=None)
    nodes = import_host(host_folder(), base)
    _load_extra(nodes, file)

    def function(node_id: str) -> Callable[..., Any]:
        # Both old and V3 nodes name the function that the executor calls.
        node = nodes.NODE_CLASS_MAPPINGS[node_id]
        return getattr(node(), node.FUNCTION)

    return function


def _load_extra(nodes: ModuleType, file: str) -> None:
    path = host_folder() / "comfy_extras" / file
    if not asyncio.run(nodes.load_custom_node(str(path), module_parent="comfy_extras")):
        sys.exit(f"The host could not load {file}.")
