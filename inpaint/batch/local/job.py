"""What a process is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One picture that is to be made."""

    name: str
    """Its name."""
    image: Path
    """The picture."""
    mask: Path | None
    """The mask; None for the picture's own alpha."""
    values: Mapping[str, Any]
    """What is set, by its name."""


@dataclass(frozen=True)
class Made:
    """What became of it."""

    data: bytes = b""
    """The result's file."""
    notes: tuple[str, ...] = ()
    """What was done, and what differs from the source outside of what was repainted."""
    error: str = ""
    """Why there is no result."""
    seconds: float = 0.0
    """How long it took."""
