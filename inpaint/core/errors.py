"""The one error this package raises for a person to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InpaintError(ValueError):
    """An input that cannot be used: the message names it, what was expected, what came, and what to do."""


@contextmanager
def about_file(path: Path) -> Iterator[None]:
    """Put a file's name before what is wrong with it, and say in words that it cannot be read."""
    try:
        yield
    except InpaintError as error:
        raise InpaintError(f"{path.name}: {error}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InpaintError(f"{path.name}: cannot be read: {reason}. Check the file and its permissions.") from error
