"""Errors of nodes in a chain that another node expanded to name the step: the page shows them on that other node."""

from __future__ import annotations

import functools
from typing import Any

from comfy_api.latest import io

from ... import host
from ...inpaint.core.errors import InpaintError


def naming_step(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """Let a node's errors begin with its name where it is a step of another one. Changes the class, and returns it."""
    run: Any = node.execute.__func__  # type: ignore[attr-defined]

    @functools.wraps(run)
    def execute(cls: type[io.ComfyNode], *arguments: Any, **named: Any) -> io.NodeOutput:
        try:
            return run(cls, *arguments, **named)
        except InpaintError as error:
            if not host.inside_expansion():
                raise
            raise InpaintError(f"{node.define_schema().display_name}: {error}") from error

    node.execute = classmethod(execute)  # type: ignore[assignment]
    return node
