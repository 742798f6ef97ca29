"""InpaintError, the error whose message is meant for users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InpaintError(ValueError):
    """An input that cannot be used.

    The message names the input, what was expected, what was given, and what to do.
    """


@contextmanager
def about_file(path: Path) -> Iterator[None]:
    """Prefix errors with a file's name.

    Raises:
        InpaintError: in place of an InpaintError or OSError raised inside the block.
    """
    try:
        yield
    except InpaintError as error:
        raise InpaintError(f"{path.name}: {error}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InpaintError(f"{path.name}: cannot be read: {reason}. Check the file and its permissions.") from error
