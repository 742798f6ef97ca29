"""The engines, by what `--engine` calls them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .engine import Engine

COMFYUI = "comfyui"
ENGINES = (COMFYUI, "fill", "network", "diffusers")


def open_engine(options: argparse.Namespace, names: Sequence[str]) -> Engine:
    """Return the engine of a run.

    Args:
        options: of the command line.
        names: names of the pictures.

    Raises:
        InpaintError: if it cannot make them.
    """
    if options.engine == COMFYUI:
        from .comfyui.engine import ComfyUI

        return ComfyUI(options, names)
    from .local.engine import Local

    return Local(options, names)
