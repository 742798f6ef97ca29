"""What a setting takes, and values of the command line and of tables in its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import InpaintError

WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
SHOWN_CHOICES = 12


@dataclass(frozen=True)
class Input:
    """One setting."""

    kind: str
    """Its type: INT, FLOAT, BOOLEAN, STRING, COMBO; inputs of nodes may be of others, which links bring."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else is known of it: min, max, default, image_upload, ..."""
    choices: tuple[Any, ...] | None = None
    """What may be chosen; None if there is no list."""

    @property
    def is_widget(self) -> bool:
        """Whether it takes a value, not only a link."""
        return self.kind in ("INT", "FLOAT", "BOOLEAN", "STRING", "COMBO") and not self.options.get("forceInput")


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
    raise InpaintError(f"{where}: expected one of the choices, got {text!r}. There are: {shown or 'none'}{more}.")


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
