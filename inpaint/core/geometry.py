"""Sizes and boxes in whole pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

# Two sizes are taken for the same picture, enlarged or reduced, up to this difference in aspect: as much as multiples
# that models ask for explain.
MOST_STRETCH = 0.05


def ceil_to_multiple(value: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `value`."""
    return -(-value // multiple) * multiple


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def to_multiple(self, multiple: int) -> Size:
        """The smallest size that covers this one and is a multiple of `multiple` both ways."""
        return Size(ceil_to_multiple(self.width, multiple), ceil_to_multiple(self.height, multiple))

    def with_aspect(self, of: Size) -> Size:
        """The smallest size that covers this one and has the aspect of another, to the nearest pixel."""
        if self.width * of.height >= self.height * of.width:
            return Size(self.width, _rounded(self.width * of.height, of.width))
        return Size(_rounded(self.height * of.width, of.height), self.height)

    def stretch(self, other: Size) -> float:
        """How far its aspect is from another's: 0.05 where one is 5 % wider for its height."""
        return abs(math.log((self.width / other.width) / (self.height / other.height)))

    def is_like(self, other: Size) -> bool:
        """Whether it has the aspect of another, nearly."""
        return self.stretch(other) <= MOST_STRETCH

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Area:
    """A size of which only the number of pixels is fixed: a model's native one, or one in megapixels."""

    pixels: float

    @classmethod
    def square(cls, side: float) -> Area:
        """As many pixels as a square of this side has: 512 for SD 1.5, 1024 for SDXL and Flux."""
        return cls(side * side)

    @classmethod
    def megapixels(cls, count: float) -> Area:
        """Of 1024 x 1024, as the host counts them."""
        return cls(count * 2**20)


class Sides(NamedTuple):
    """Pixels on each side of a picture."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: its first column and row, width and height."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def between(cls, left: int, top: int, right: int, bottom: int) -> Box:
        """From a first column and row to those just behind the last."""
        return cls(left, top, right - left, bottom - top)

    @property
    def right(self) -> int:
        """The column just behind the last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row just below the last."""
        return self.y + self.height

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def join(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box.between(
            min(self.x, other.x), min(self.y, other.y), max(self.right, other.right), max(self.bottom, other.bottom)
        )

    def meet(self, other: Box) -> Box | None:
        """What both have in common; None where that is nothing."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box.between(left, top, right, bottom) if left < right and top < bottom else None

    def within(self, picture: Size) -> Box:
        """The part of it that lies on the picture. A box that misses the picture has none, and must not be asked."""
        part = self.meet(Box(0, 0, picture.width, picture.height))
        assert part is not None, f"{self} misses a picture of {picture}"
        return part

    def overhang(self, picture: Size) -> Sides:
        """How far it reaches beyond the picture's borders."""
        part = self.within(picture)
        return Sides(part.x - self.x, part.y - self.y, self.right - part.right, self.bottom - part.bottom)

    def moved(self, right: int, down: int) -> Box:
        return Box(self.x + right, self.y + down, self.width, self.height)

    def widened(self, horizontally: int, vertically: int) -> Box:
        """With so many pixels more on either side."""
        return Box(
            self.x - horizontally, self.y - vertically, self.width + 2 * horizontally, self.height + 2 * vertically
        )


def join(boxes: Iterable[Box | None]) -> Box | None:
    """The smallest box that holds all that are there; None where none is."""
    there = [box for box in boxes if box is not None]
    return reduce(Box.join, there) if there else None


def _rounded(count: int, by: int) -> int:
    """count / by, to the nearest whole number."""
    return (2 * count + by) // (2 * by)
