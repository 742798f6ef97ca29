"""Which model the processes open, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelChoice:
    """What the command line says of the model."""

    path: Path | None = None
    """The model; None where the engine has none."""
    config: Path | None = None
    """For a single file of diffusers: a folder with configurations and tokenizers."""
    allow_download: bool = False
    """Whether diffusers may ask a hub."""
    dtype: str = "auto"
    """What it computes in."""
    offload: str = "auto"
    """Where weights are that are not in use."""
    at_once: int = 1
    """How many pictures it is given at once."""
    card: int = 0
    """Which graphics card, of those that there are, counted round."""
