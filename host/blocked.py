"""Outputs that a node cannot give."""

from comfy_execution.graph_utils import ExecutionBlocker


def blocked(reason: str) -> ExecutionBlocker:
    """Return the value of an output that has none: ComfyUI runs no node that needs it, and shows the reason there."""
    return ExecutionBlocker(reason)
