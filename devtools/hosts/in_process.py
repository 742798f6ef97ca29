"""Import the host into this process: its nodes as plain functions, without a server."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

ON_CPU = ("--cpu", "--use-pytorch-cross-attention")


def import_host(comfyui: Path, base: Path, on_card: Sequence[str] | None = None) -> ModuleType:
    """Import the host and return its `nodes` module, without custom nodes. Call it once per process.

    Args:
        comfyui: folder of the host.
        base: the host's base directory, made by `prepare_base`.
        on_card: command-line arguments of a host that uses the GPU; None keeps it on the CPU. With a GPU, torch must
            not be imported before: the host chooses torch's allocator.
    """
    # First on the path: the checkout has a `nodes` package too.
    sys.path.insert(0, str(comfyui))
    arguments = sys.argv
    sys.argv = ["main.py", *(ON_CPU if on_card is None else on_card), "--base-directory", str(base)]
    # By name, since a type checker would resolve `import nodes` to the pack's package.
    importlib.import_module("comfy.options").enable_args_parsing()
    if on_card is not None:
        # Sets up the GPU as the host does at start-up, dynamic VRAM included. The import starts no server.
        importlib.import_module("cuda_malloc")
        importlib.import_module("main")
    nodes = importlib.import_module("nodes")
    sys.argv = arguments
    return nodes
