"""AVIF with its profile, EXIF and XMP. Pillow reads and writes 8 bits of it."""

from __future__ import annotations

import io

from .metadata import fit_exif, fit_xmp
from .picture import Picture, Raster, Written
from .pillow_file import as_image, as_picture, open_still, orientation_of

# The quality is not stored in the file. The colors of each pixel are, so that edges of color stay.
QUALITY, SUBSAMPLING = 95, "4:4:4"


def read(data: bytes) -> Picture:
    """Read an AVIF without animation."""
    image = open_still(data)
    orientation = orientation_of(image)
    return as_picture(image, orientation, (image.info.get("exif", b""), image.info.get("xmp", b"")))


def write(picture: Picture, raster: Raster) -> Written:
    """Write an AVIF."""
    exif, xmp = picture.kept
    changed = fit_exif(exif, (raster.pixels.shape[1], raster.pixels.shape[0]), picture.orientation)
    file = io.BytesIO()
    as_image(raster.pixels, picture.color, raster.alpha).save(
        file,
        "AVIF",
        quality=QUALITY,
        subsampling=SUBSAMPLING,
        icc_profile=picture.icc or b"",
        exif=changed.data,
        xmp=fit_xmp(xmp),
    )
    return Written(file.getvalue(), changed.notes)
