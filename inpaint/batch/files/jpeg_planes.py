"""JPEG's own planes, brightness and colors at their stored sizes, so that untouched blocks are stored as they were.

Pixels in RGB have been through two losses: colors at half the size were enlarged, and all was rounded to RGB. Encoded
again, the colors are sampled anew and most blocks change. Planes skip both: a block whose pixels did not change is
transformed into the numbers that it came from, but for what rounding to 8 bits moved by a whole step of the table.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .orientation import upright
from .picture import Picture, Raster

# Pillow's numbers of 4:4:4 and 4:2:0. The planes of others cannot be had from it.
WHOLE, HALF = 0, 2


@dataclass(frozen=True)
class Planes:
    """A picture as JPEG stores it, upright."""

    brightness: np.ndarray
    """[H, W] uint8."""
    colors: np.ndarray
    """[H, W, 2] uint8; at half the size [ceil(H / 2), ceil(W / 2), 2]."""


def read_planes(data: bytes, subsampling: int, orientation: int) -> Planes | None:
    """Return the planes of a JPEG of YCbCr.

    Returns:
        None if they cannot be had: of other subsampling than 4:4:4 and 4:2:0, and if a side is odd and the picture is
        turned, since pairs of pixels are counted from the first one.
    """
    if subsampling not in (WHOLE, HALF):
        return None
    whole = _decoded(data, 1)
    height, width = whole.shape[:2]
    if subsampling == WHOLE:
        return Planes(upright(whole[..., 0], orientation), upright(whole[..., 1:], orientation))
    if (orientation != 1 and (height % 2 or width % 2)) or min(height, width) < 2:
        return None
    # At half its size a JPEG of 4:2:0 is decoded without enlarging its colors.
    half = _decoded(data, 2)
    if half.shape[:2] != (-(-height // 2), -(-width // 2)):
        return None
    return Planes(upright(whole[..., 0], orientation), upright(half[..., 1:], orientation))


def edited(planes: Planes, picture: Picture, raster: Raster) -> Image.Image:
    """Return planes with what changed, as a Pillow image of YCbCr for its JPEG writer.

    Colors at half the size are repeated, which the writer's means undo.
    """
    changed = (raster.pixels != picture.pixels).any(axis=2)
    new = np.asarray(Image.fromarray(raster.pixels).convert("YCbCr"))
    brightness = np.where(changed, new[..., 0], planes.brightness)
    if planes.colors.shape == (*changed.shape, 2):
        colors = np.where(changed[..., None], new[..., 1:], planes.colors)
    else:
        pairs = np.where(_pairs(changed).max(axis=(1, 3))[..., None], _means(new[..., 1:]), planes.colors)
        colors = pairs.repeat(2, axis=0).repeat(2, axis=1)[: changed.shape[0], : changed.shape[1]]
    return Image.fromarray(np.dstack([brightness, colors]), "YCbCr")


def turned_tables(tables: dict[int, list[int]]) -> dict[int, list[int]]:
    """Return quantization tables for pixels whose rows and columns change places."""
    return {number: np.reshape(table, (8, 8)).T.ravel().tolist() for number, table in tables.items()}


def _decoded(data: bytes, shrink: int) -> np.ndarray:
    """Return [H, W, 3] uint8, YCbCr, at the size divided by 1 or 2."""
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", (image.width // shrink, image.height // shrink))
    return np.asarray(image)


def _pairs(values: np.ndarray) -> np.ndarray:
    """Return [ceil(H / 2), 2, ceil(W / 2), 2, ...], the last row and column repeated where they are odd."""
    height, width = values.shape[:2]
    rest = [(0, height % 2), (0, width % 2), *[(0, 0)] * (values.ndim - 2)]
    padded = np.pad(values, rest, mode="edge")
    return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, *values.shape[2:])


def _means(colors: np.ndarray) -> np.ndarray:
    return ((_pairs(colors).sum(axis=(1, 3), dtype=np.uint16) + 2) // 4).astype(np.uint8)
