"""Nodes that expand to a graph of other nodes: links, defaults and ids as the host's executor wants them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import nodes
from comfy_execution.graph_utils import GraphBuilder, is_link
from comfy_execution.utils import get_executing_context

# Widgets of loaders that name a model's file, and the nodes that are followed to one.
FILES = ("ckpt_name", "model_name", "unet_name")
FARTHEST = 32


def inputs_as_sent(prompt: Any, node_id: str | None) -> Mapping[str, Any]:
    """Return a node's inputs as they stand in the prompt: links as links. {} without a prompt."""
    return {} if prompt is None or node_id is None else prompt.get_node(node_id)["inputs"]


def loaded_file(prompt: Any, node_id: str | None) -> str:
    """Return the name of the file that the loader before a node's `model` input names; "" if none is found.

    Older hosts do not keep it on a MODEL. Nodes between are followed by their own `model` input.
    """
    inputs = inputs_as_sent(prompt, node_id)
    for _ in range(FARTHEST):
        link = inputs.get("model")
        if link is None or not is_link(link):
            return ""
        inputs = inputs_as_sent(prompt, link[0])
        file = next((inputs[name] for name in FILES if isinstance(inputs.get(name), str)), "")
        if file:
            return os.path.basename(file)
    return ""


def new_graph() -> GraphBuilder:
    """Return an empty graph for the node that runs. Its nodes' ids are the same each time that node expands."""
    return GraphBuilder()


def with_defaults(node_id: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs of a node with its defaults for what is missing: the host fills in none in an expanded graph."""
    complete = dict(inputs)
    for group in ("required", "optional"):
        for name, (kind, *rest) in nodes.NODE_CLASS_MAPPINGS[node_id].INPUT_TYPES().get(group, {}).items():
            options = rest[0] if rest else {}
            choices = kind if isinstance(kind, list) else options.get("options", [])
            if name not in complete and ("default" in options or choices):
                complete[name] = options["default"] if "default" in options else choices[0]
    return complete


def inside_expansion() -> bool:
    """Whether the node that runs stands in an expanded graph, where the page shows its errors on another node."""
    context = get_executing_context()
    return context is not None and "." in str(context.node_id)
