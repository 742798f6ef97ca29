"""The progress bar of a node, and its cancellation, for long loops of the library."""

from __future__ import annotations

import functools
from typing import Any

from comfy_api.latest import io

from ... import host
from ...inpaint.core.progress import reporting


def reporting_progress(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """Let a node show the progress of the library's loops, and stop in them. Changes the class, and returns it."""
    run: Any = node.execute.__func__  # type: ignore[attr-defined]

    @functools.wraps(run)
    def execute(cls: type[io.ComfyNode], *arguments: Any, **named: Any) -> io.NodeOutput:
        with reporting(host.progress_bar(), host.stop_if_cancelled):
            return run(cls, *arguments, **named)

    node.execute = classmethod(execute)  # type: ignore[assignment]
    return node
