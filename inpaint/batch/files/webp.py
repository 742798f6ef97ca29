"""WebP with its profile, EXIF and XMP."""

from __future__ import annotations

import io
from dataclasses import dataclass

from .metadata import fit_exif, fit_xmp
from .picture import Picture, Raster, Written
from .pillow_file import as_image, as_picture, open_still, orientation_of

# The quality of a lossy file is not stored in it. This is above what cameras and shops use.
QUALITY = 95


@dataclass(frozen=True)
class Kept:
    """What is written again."""

    lossless: bool
    exif: bytes
    xmp: bytes


def read(data: bytes) -> Picture:
    """Read a WebP without animation."""
    image = open_still(data)
    orientation = orientation_of(image)
    kept = Kept(_is_lossless(data), image.info.get("exif", b""), image.info.get("xmp", b""))
    return as_picture(image, orientation, kept)


def write(picture: Picture, raster: Raster) -> Written:
    """Write a WebP: lossless if the picture's file is. Colors under transparency are kept."""
    kept, file = picture.kept, io.BytesIO()
    changed = fit_exif(kept.exif, (raster.pixels.shape[1], raster.pixels.shape[0]), picture.orientation)
    as_image(raster.pixels, picture.color, raster.alpha).save(
        file,
        "WEBP",
        lossless=kept.lossless,
        quality=QUALITY,
        exact=True,
        icc_profile=picture.icc or b"",
        exif=changed.data,
        xmp=fit_xmp(kept.xmp),
    )
    return Written(file.getvalue(), changed.notes)


def is_lossless(picture: Picture) -> bool:
    """Whether the picture's file is."""
    return picture.kept.lossless


def _is_lossless(data: bytes) -> bool:
    """Whether the pixels are in a chunk VP8L. Source: RFC 9649, 2.5 to 2.7."""
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] == b"VP8L":
            return True
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return False
