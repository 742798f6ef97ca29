"""Tensors as files describe them, and what is wrong with a file that describes them badly."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from ..core.errors import InpaintError


class Stored(NamedTuple):
    """One tensor of a file, unread.

    dtype: as the file's format names it ("F16", "F8_E4M3", "Q4_K"). shape: as torch has it. bytes: in the file.
    """

    dtype: str
    shape: tuple[int, ...]
    bytes: int


# No file of a model describes itself in more; a hostile one costs memory and time by it.
MAX_HEADER_BYTES = 16_000_000
MAX_DIMENSIONS = 32
# The largest known have 5,000.
MAX_TENSORS = 32_768


def truncated(described: str, held: int) -> NoReturn:
    raise InpaintError(f"the file is truncated: {described}, the file holds {held:,}. Download it again.")


def damaged(expected: str, got: str, todo: str = "Download it again.") -> NoReturn:
    raise InpaintError(f"the file is damaged: expected {expected}, got {got}. {todo}")
