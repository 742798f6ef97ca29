"""BMP."""

from __future__ import annotations

import io

from ...core.errors import InpaintError
from .picture import Picture, Raster, Written
from .pillow_file import as_image, as_picture, open_still


def read(data: bytes) -> Picture:
    """Read a BMP without alpha."""
    image = open_still(data)
    notes = ("Its palette was replaced by RGB, so that new colors are as painted.",) if image.mode == "P" else ()
    picture = as_picture(image, 1, image.info.get("dpi"), notes)
    if picture.alpha is not None:
        raise InpaintError("a BMP with alpha cannot be written. Save it as PNG.")
    return picture


def write(picture: Picture, raster: Raster) -> Written:
    """Write a BMP."""
    file = io.BytesIO()
    options = {} if picture.kept is None else {"dpi": picture.kept}
    as_image(raster.pixels, picture.color, None).save(file, "BMP", **options)
    return Written(file.getvalue())
