"""A node's report, and what checks noted while it ran."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from comfy_api.latest import io

from ...inpaint.core.notes import collected_notes


def reporting_notes(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """Let a node report what the checks of its inputs noted. Changes the class, and returns it."""
    run: Any = node.execute.__func__  # type: ignore[attr-defined]

    @functools.wraps(run)
    def execute(cls: type[io.ComfyNode], *arguments: Any, **named: Any) -> io.NodeOutput:
        with collected_notes() as notes:
            output = run(cls, *arguments, **named)
        return _with(output, notes) if notes else output

    node.execute = classmethod(execute)  # type: ignore[assignment]
    return node


def report_output() -> io.Output:
    return io.String.Output(display_name="report", tooltip="What was done, as the node shows it.")


def reported(*outputs: Any, messages: Iterable[str]) -> io.NodeOutput:
    """Return outputs, with the report as the last of them and on the node."""
    text = "\n".join(messages)
    return io.NodeOutput(*outputs, text, ui={"text": (text,)})


def _with(output: io.NodeOutput, notes: list[str]) -> io.NodeOutput:
    ui = output.ui
    shown: dict[str, Any] = {} if ui is None else dict(ui if isinstance(ui, dict) else ui.as_dict())
    shown["text"] = ("\n".join([*notes, *shown.get("text", ())]),)
    output.ui = shown
    return output
