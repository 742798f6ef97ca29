"""Pixels as a file has them, upright, with what is to be written back beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Color = Literal["bilevel", "gray", "rgb", "cmyk"]


@dataclass(frozen=True)
class Picture:
    """A picture that was read. Its arrays are never changed."""

    pixels: np.ndarray
    """[H, W, C], upright: C is 1 of bilevel (0 or 255) and gray, 3 of rgb, 4 of cmyk (0 is no ink). uint8, uint16 or
    float32; a float's white is 1."""
    color: Color
    """What the channels are."""
    alpha: np.ndarray | None = None
    """[H, W] of the same dtype, opaque at its highest value, or 1. None: the picture has none."""
    orientation: int = 1
    """The file's EXIF orientation, by which the pixels were turned upright."""
    icc: bytes | None = None
    """The file's ICC profile."""
    kept: Any = None
    """What the format needs to write the rest of the file again."""
    notes: tuple[str, ...] = ()
    """What reading changed, a sentence each."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Raster:
    """What is to be written: pixels and alpha as in `Picture`, of its dtype and channels, perhaps of another size."""

    pixels: np.ndarray
    alpha: np.ndarray | None = None


@dataclass(frozen=True)
class Written:
    """A file."""

    data: bytes
    """Its content."""
    notes: tuple[str, ...] = field(default=())
    """What did not come along, a sentence each."""


@dataclass(frozen=True)
class Format:
    """How files of one format are read and written."""

    name: str
    """The name, as messages give it."""
    read: Callable[[bytes], Picture]
    """Read a file. Raises InpaintError if it is of a kind that cannot be written back; anything if it is broken."""
    write: Callable[[Picture, Raster], Written]
    """Write pixels into a file like the one that the picture came from. Orientation is 1."""
    lossless: Callable[[Picture], bool] = lambda picture: True
    """Whether what is written is what is read back."""
