"""The nodes of a host as its route /object_info describes them: what their inputs take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import InpaintError
from .client import Prompt

Descriptions = Mapping[str, Mapping[str, Any]]

WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
SHOWN_CHOICES = 12


@dataclass(frozen=True)
class Input:
    """One input of a node."""

    kind: str
    """Its type: INT, FLOAT, BOOLEAN, STRING, COMBO, or what a link brings, such as IMAGE."""
    options: Mapping[str, Any]
    """What else the host says of it: min, max, image_upload, ..."""
    choices: tuple[Any, ...] | None = None
    """What may be chosen; None if there is no list."""

    @property
    def is_widget(self) -> bool:
        """Whether it takes a value, not only a link."""
        return self.kind in ("INT", "FLOAT", "BOOLEAN", "STRING", "COMBO") and not self.options.get("forceInput")


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


def checked(value: object, kind: Input, where: str) -> Any:
    """Return a value in the type that an input takes.

    Args:
        value: text from the command line or a table, or a JSON value.
        kind: the input.
        where: how messages name it.

    Raises:
        InpaintError: if the input does not take it.
    """
    text = value if isinstance(value, str) else json.dumps(value)
    if not kind.is_widget:
        raise InpaintError(
            f"{where}: expected an input with a value, but it takes {kind.kind} by a link only. Set another."
        )
    if kind.kind == "COMBO":
        return _choice(text, kind, where)
    if kind.kind == "BOOLEAN":
        if text.lower() not in WORDS:
            raise InpaintError(f"{where}: expected true or false, got {text!r}. Write one of them.")
        return WORDS[text.lower()]
    if kind.kind == "STRING":
        return text
    return _number(text, kind, where)


def _choice(text: str, kind: Input, where: str) -> Any:
    if kind.choices is None:
        return text
    for choice in kind.choices:
        if str(choice) == text:
            return choice
    shown = ", ".join(str(choice) for choice in kind.choices[:SHOWN_CHOICES])
    more = f" and {len(kind.choices) - SHOWN_CHOICES} more" if len(kind.choices) > SHOWN_CHOICES else ""
    raise InpaintError(f"{where}: expected one of the host's choices, got {text!r}. It has: {shown or 'none'}{more}.")


def _number(text: str, kind: Input, where: str) -> int | float:
    least, most = kind.options.get("min", float("-inf")), kind.options.get("max", float("inf"))
    try:
        number = int(text) if kind.kind == "INT" else float(text)
    except ValueError:
        number = None
    # Written this way around, a NaN is refused too.
    if number is None or not least <= number <= most:
        sort = "a whole number" if kind.kind == "INT" else "a number"
        raise InpaintError(f"{where}: expected {sort} from {least} to {most}, got {text!r}. Choose one in this range.")
    return number
