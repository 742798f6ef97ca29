"""The nodes of a host as its route /object_info describes them: what their inputs take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values import Input
from .client import Prompt

Descriptions = Mapping[str, Mapping[str, Any]]


def inputs_of(description: Mapping[str, Any]) -> dict[str, Input]:
    """Return the inputs of a node by name."""
    found = {}
    for group in ("required", "optional"):
        for name, entry in (description["input"].get(group) or {}).items():
            kind, options = (*entry, {})[:2]
            # Older nodes give the choices in place of the type.
            choices = kind if isinstance(kind, list) else options.get("options")
            found[name] = Input(
                "COMBO" if isinstance(kind, list) else str(kind), options, None if choices is None else tuple(choices)
            )
    return found


def is_link(value: object) -> bool:
    """Whether an input's value in a prompt is a link: [node, output]."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def title_of(prompt: Prompt, node: str) -> str:
    """Return a node's title, or its class where it has none."""
    return prompt[node].get("_meta", {}).get("title") or prompt[node]["class_type"]


def described(prompt: Prompt, node: str) -> str:
    """Return how messages name a node."""
    title, kind = title_of(prompt, node), prompt[node]["class_type"]
    return f"{node} ({title})" if title == kind else f"{node} ({title}, {kind})"


def nodes_called(prompt: Prompt, word: str) -> list[str]:
    """Return the ids of the nodes with this id; if there is none, with this title; if there is none, of this class."""
    if word in prompt:
        return [word]
    titled = [node for node in prompt if title_of(prompt, node) == word]
    return titled or [node for node in prompt if prompt[node]["class_type"] == word]
