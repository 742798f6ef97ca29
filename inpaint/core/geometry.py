"""Sizes and boxes in whole pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

# Up to this difference in aspect, two sizes count as the same picture at different scales. Rounding to the multiples
# that models require can cause a difference this large.
MOST_STRETCH = 0.05


def ceil_to_multiple(value: int, multiple: int) -> int:
    """Round `value` up to a multiple of `multiple`."""
    return -(-value // multiple) * multiple


@dataclass(frozen=True)
class Size:
    """Width and height of a picture."""

    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""

    def to_multiple(self, multiple: int) -> Size:
        """Round width and height up to a multiple of `multiple`."""
        return Size(ceil_to_multiple(self.width, multiple), ceil_to_multiple(self.height, multiple))

    def with_aspect(self, other: Size) -> Size:
        """Return the smallest size that covers this one and has the aspect of `other`, to the nearest pixel."""
        if self.width * other.height >= self.height * other.width:
            return Size(self.width, _rounded(self.width * other.height, other.width))
        return Size(_rounded(self.height * other.width, other.height), self.height)

    def stretch(self, other: Size) -> float:
        """Return the difference in aspect, as an absolute log ratio: 0.05 if one is 5 % wider for its height."""
        return abs(math.log((self.width / other.width) / (self.height / other.height)))

    def is_like(self, other: Size) -> bool:
        """Return whether both aspects differ by at most `MOST_STRETCH`."""
        return self.stretch(other) <= MOST_STRETCH

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Area:
    """A target size given only by its number of pixels, such as a model's native size or a size in megapixels."""

    pixels: float
    """Number of pixels, width times height."""

    @classmethod
    def square(cls, side: float) -> Area:
        """The area of a square with this side in pixels: 512 for SD 1.5, 1024 for SDXL and Flux."""
        return cls(side * side)

    @classmethod
    def megapixels(cls, count: float) -> Area:
        """An area in megapixels of 1024 x 1024 pixels, the host's definition."""
        return cls(count * 2**20)


class Sides(NamedTuple):
    """A number of pixels for each side of a picture."""

    left: int
    """Pixels on the left."""
    top: int
    """Pixels at the top."""
    right: int
    """Pixels on the right."""
    bottom: int
    """Pixels at the bottom."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    x: int
    """The first column."""
    y: int
    """The first row."""
    width: int
    """Number of columns."""
    height: int
    """Number of rows."""

    @classmethod
    def between(cls, left: int, top: int, right: int, bottom: int) -> Box:
        """Make a box from its first column and row and the column and row after the last."""
        return cls(left, top, right - left, bottom - top)

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.y + self.height

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices of rows and columns, to index a picture."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def join(self, other: Box) -> Box:
        """Return the smallest box that contains both."""
        return Box.between(
            min(self.x, other.x), min(self.y, other.y), max(self.right, other.right), max(self.bottom, other.bottom)
        )

    def meet(self, other: Box) -> Box | None:
        """Return the intersection; None if there is none."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box.between(left, top, right, bottom) if left < right and top < bottom else None

    def within(self, picture: Size) -> Box:
        """Return the part inside the picture. The box must overlap the picture."""
        part = self.meet(Box(0, 0, picture.width, picture.height))
        assert part is not None, f"{self} misses a picture of {picture}"
        return part

    def overhang(self, picture: Size) -> Sides:
        """Return how far the box reaches beyond each border of the picture, 0 or more."""
        part = self.within(picture)
        return Sides(part.x - self.x, part.y - self.y, self.right - part.right, self.bottom - part.bottom)

    def moved(self, right: int, down: int) -> Box:
        """Return the box moved by so many pixels to the right and down."""
        return Box(self.x + right, self.y + down, self.width, self.height)

    def times(self, factor: int) -> Box:
        """Return the same box in a picture `factor` times as large: of latent cells, that of their pixels."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)

    def contains(self, other: Box) -> bool:
        """Return whether another box lies within this one."""
        return self.join(other) == self

    def widened(self, horizontally: int, vertically: int) -> Box:
        """Return the box with so many pixels added on the left and right, and at the top and bottom."""
        return Box(
            self.x - horizontally, self.y - vertically, self.width + 2 * horizontally, self.height + 2 * vertically
        )


def join(boxes: Iterable[Box | None]) -> Box | None:
    """Return the smallest box that contains all boxes; None if there is none. None entries are ignored."""
    present = [box for box in boxes if box is not None]
    return reduce(Box.join, present) if present else None


def _rounded(dividend: int, divisor: int) -> int:
    """Divide and round to the nearest integer."""
    return (2 * dividend + divisor) // (2 * divisor)
