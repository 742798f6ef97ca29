"""What every kind of engine that runs in a process is: a function from pictures to pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Picture:
    """A picture that is to be repainted."""

    image: Tensor
    """[1, H, W, 3] float32 in 0..1."""
    mask: Tensor
    """[1, H, W] float32, 1 = repaint, as it was read."""
    values: Mapping[str, Any]
    """What is set, by its name."""


@dataclass(frozen=True)
class Painted:
    """A picture that was repainted."""

    image: Tensor
    """[1, H, W, 3]."""
    notes: tuple[str, ...] = ()
    """What was done, a sentence each."""


# Takes several pictures, and yields as many results in their order: an exception where one could not be made.
Paint = Callable[[Iterable[Picture]], Iterator["Painted | Exception"]]


def one_by_one(paint: Callable[[Picture], Painted]) -> Paint:
    """Return a `Paint` of a function for one picture."""

    def painted(pictures: Iterable[Picture]) -> Iterator[Painted | Exception]:
        for picture in pictures:
            try:
                yield paint(picture)
            except Exception as error:  # of this picture alone
                yield error

    return painted
