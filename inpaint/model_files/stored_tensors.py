"""The record of one tensor in a file, the limits of file headers, and the errors for damaged files."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from ..core.errors import InpaintError


class Stored(NamedTuple):
    """One tensor of a file, as its header describes it."""

    dtype: str
    """The dtype, as the file format names it ("F16", "F8_E4M3", "Q4_K")."""
    shape: tuple[int, ...]
    """The shape, in torch's order."""
    bytes: int
    """Size in the file, in bytes."""
    begin: int | None = None
    """Byte of the file at which it begins; None if that is not known."""


# Limits the memory and time that a hostile header can cost. No model has a larger header.
MAX_HEADER_BYTES = 16_000_000
MAX_DIMENSIONS = 32
# The largest known models have 5,000 tensors.
MAX_TENSORS = 32_768


def truncated(described: str, held: int) -> NoReturn:
    """Raise the error for a file that is shorter than its header describes."""
    raise InpaintError(f"the file is truncated: {described}, the file holds {held:,}. Download it again.")


def damaged(expected: str, got: str, todo: str = "Download it again.") -> NoReturn:
    """Raise the error for a file with invalid content."""
    raise InpaintError(f"the file is damaged: expected {expected}, got {got}. {todo}")
