"""GIF with its own palette."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from .picture import Picture, Raster, Written
from .pillow_file import as_image, as_picture, open_still

GRAYS = bytes(level for gray in range(256) for level in (gray, gray, gray))


@dataclass(frozen=True)
class Kept:
    """What is written again."""

    indices: np.ndarray | None
    """[H, W] uint8, places in the palette. None: the palette is the 256 grays."""
    palette: np.ndarray
    """[N, 3] uint8, N up to 256."""
    transparent: int | None
    """The place of the transparent color."""
    options: dict[str, Any]
    """Of Pillow's writer."""


def read(data: bytes) -> Picture:
    """Read a GIF without animation."""
    image = open_still(data)
    image.load()
    options = {key: image.info[key] for key in ("comment",) if key in image.info}
    if image.mode == "L" and "transparency" in image.info:
        # Pillow takes a palette of the 256 grays for none. One of them is transparent all the same.
        image.putpalette(GRAYS)
    if image.mode != "P":
        return as_picture(image, 1, Kept(None, np.empty((0, 3), np.uint8), None, options))
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    transparent = image.info.get("transparency")
    return as_picture(image, 1, Kept(np.asarray(image), palette, transparent, options))


def write(picture: Picture, raster: Raster) -> Written:
    """Write a GIF. Colors that are not in the palette are mixed of those that are (dithering)."""
    kept: Kept = picture.kept
    file = io.BytesIO()
    if kept.indices is None:
        as_image(raster.pixels, picture.color, None).save(file, "GIF", **kept.options)
        return Written(file.getvalue())
    indices = _nearest(raster.pixels, kept)
    if raster.pixels.shape == picture.pixels.shape:
        indices = np.where((raster.pixels == picture.pixels).all(axis=2), kept.indices, indices)
    options = dict(kept.options)
    if raster.alpha is not None and kept.transparent is not None:
        indices = np.where(raster.alpha == 0, np.uint8(kept.transparent), indices)
        options["transparency"] = kept.transparent
    image = Image.fromarray(indices, "P")
    image.putpalette(kept.palette.tobytes())
    image.save(file, "GIF", optimize=False, **options)
    return Written(file.getvalue(), (f"New colors were mixed of the {len(kept.palette)} in its palette.",))


def _nearest(pixels: np.ndarray, kept: Kept) -> np.ndarray:
    """Return places in the palette whose colors mix to those of the pixels; never that of the transparent one."""
    usable = np.array([place for place in range(len(kept.palette)) if place != kept.transparent], np.uint8)
    colors = Image.new("P", (1, 1))
    colors.putpalette(kept.palette[usable].tobytes())
    mixed = Image.fromarray(pixels, "RGB").quantize(palette=colors, dither=Image.Dither.FLOYDSTEINBERG)
    return usable[np.asarray(mixed)]
