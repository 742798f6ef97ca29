"""The host in this process, on the CPU, instead of a server of its own: its nodes as plain functions."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType


def import_host(comfyui: Path, base: Path) -> ModuleType:
    """The host's `nodes` module, without any custom nodes loaded. Once in a process.

    Args:
        comfyui: folder of the host.
        base: base directory it runs with, made by `prepare_base`.
    """
    # In front: the checkout, which is on the path too, has a `nodes` of its own.
    sys.path.insert(0, str(comfyui))
    arguments = sys.argv
    sys.argv = ["main.py", "--cpu", "--use-pytorch-cross-attention", "--base-directory", str(base)]
    import comfy.options

    comfy.options.enable_args_parsing()
    # By name, since a type checker would take `import nodes` for the pack's own.
    nodes = importlib.import_module("nodes")
    sys.argv = arguments
    return nodes
