"""InpaintError, the error whose message is meant for users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Control characters without the line break, and those that change the direction of what follows.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class InpaintError(ValueError):
    """An input that cannot be used.

    The message names the input, what was expected, what was given, and what to do. It can always be encoded and shown:
    surrogates and control characters, which come from file names and from hostile files, are escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


def printable(text: str) -> str:
    """Return a text with its surrogates and control characters escaped, line breaks excepted."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextmanager
def about_file(path: Path) -> Iterator[None]:
    """Prefix errors with a file's name.

    Raises:
        InpaintError: in place of an InpaintError or OSError raised inside the block.
    """
    try:
        yield
    except InpaintError as error:
        raise InpaintError(f"{short_name(path)}: {error}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InpaintError(
            f"{short_name(path)}: cannot be read: {reason}. Check the file and its permissions."
        ) from error


def short_name(path: Path) -> str:
    """Return a file's name for a message, on one line and cut to 200 characters."""
    name = path.name.replace("\n", "\\n")
    return name if len(name) <= 200 else f"{name[:150]}...{name[-40:]}"
