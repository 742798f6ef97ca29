"""Notes that checks leave about what they changed, for the report of whoever called them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def note(text: str) -> bool:
    """Leave a note, once. Without `collected_notes` around the call, it is dropped, and the result is False."""
    notes = _notes.get()
    if notes is not None and text not in notes:
        notes.append(text)
    return notes is not None


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Collect the notes that are left inside the context, in their order."""
    notes: list[str] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)
