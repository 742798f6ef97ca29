"""The host's own nodes in this process, on the CPU."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devtools.environment import ROOT
from devtools.host_imported import import_host
from devtools.host_process import prepare_base


def host_folder() -> Path:
    folder = os.environ.get("MEND_COMFYUI")
    if not folder or not Path(folder, "main.py").is_file():
        sys.exit("MEND_COMFYUI has to name a ComfyUI folder. `python dev.py bench` sets it.")
    return Path(folder)


def extra_nodes(file: str) -> Callable[..., Callable[..., Any]]:
    """The nodes of a file of the host's comfy_extras: `extra_nodes("nodes_mask.py")("GrowMask")(mask=mask, ...)`."""
    host = host_folder()
    base = ROOT / ".host" / "bench"
    prepare_base(base, pack=None)
    nodes = import_host(host, base)
    if not asyncio.run(nodes.load_custom_node(str(host / "comfy_extras" / file), module_parent="comfy_extras")):
        sys.exit(f"The host could not load {file}.")

    def function(node_id: str) -> Callable[..., Any]:
        # Old nodes and V3 ones alike name the function that the executor calls.
        node = nodes.NODE_CLASS_MAPPINGS[node_id]
        return getattr(node(), node.FUNCTION)

    return function
