"""The host in this process, instead of a server of its own: its nodes as plain functions."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

ON_CPU = ("--cpu", "--use-pytorch-cross-attention")


def import_host(comfyui: Path, base: Path, on_card: Sequence[str] | None = None) -> ModuleType:
    """The host's `nodes` module, without any custom nodes loaded. Once in a process.

    Args:
        comfyui: folder of the host.
        base: base directory it runs with, made by `prepare_base`.
        on_card: command-line arguments of a host that computes on the card; None keeps it on the CPU. Nothing may
            have imported torch before, since the host chooses torch's allocator.
    """
    # In front: the checkout, which is on the path too, has a `nodes` of its own.
    sys.path.insert(0, str(comfyui))
    arguments = sys.argv
    sys.argv = ["main.py", *(ON_CPU if on_card is None else on_card), "--base-directory", str(base)]
    # By name, since a type checker would take `import nodes` for the pack's own.
    importlib.import_module("comfy.options").enable_args_parsing()
    if on_card is not None:
        # What the host does to the card before it serves, dynamic VRAM included. Nothing is served on import.
        importlib.import_module("cuda_malloc")
        importlib.import_module("main")
    nodes = importlib.import_module("nodes")
    sys.argv = arguments
    return nodes
