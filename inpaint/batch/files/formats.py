"""The table of formats."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ...core.errors import InpaintError, about_file
from . import avif, bmp, gif, jpeg, png, tiff, webp
from .picture import Format, Picture

PNG = Format("PNG", png.read, png.write)
JPEG = Format("JPEG", jpeg.read, jpeg.write, lossless=lambda picture: False)
WEBP = Format("WebP", webp.read, webp.write, lossless=webp.is_lossless)
TIFF = Format("TIFF", tiff.read, tiff.write)
BMP = Format("BMP", bmp.read, bmp.write)
GIF = Format("GIF", gif.read, gif.write)
AVIF = Format("AVIF", avif.read, avif.write, lossless=lambda picture: False)
FORMATS = (PNG, JPEG, WEBP, TIFF, BMP, GIF, AVIF)

# Where a file says its format, what is there, and the format.
SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (8, b"WEBP", WEBP),
    *((0, head, TIFF) for head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (0, b"BM", BMP),
    (0, b"GIF8", GIF),
    (4, b"ftypavif", AVIF),
)
# Formats that are known by name but not read here.
OTHERS = (
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc")),
    (4, b"ftypavis", "animated AVIF"),
    (4, b"ftypcrx", "camera raw"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"v/1\x01", "OpenEXR"),
)


def read_picture(path: Path) -> tuple[Format, Picture]:
    """Read a picture by its content, whatever its name ends in.

    Raises:
        InpaintError: in one sentence or two, with the file's name, if it is missing, empty, broken, or of a kind that
            cannot be written back.
    """
    with about_file(path):
        data = path.read_bytes()
        kind = _format_of(data)
        try:
            return kind, kind.read(data)
        except InpaintError:
            raise
        except Image.DecompressionBombError as error:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise InpaintError(f"it has more than {most:,} pixels, the most that is read. Cut it up.") from error
        except Image.UnidentifiedImageError as error:
            raise InpaintError(f"it is a {kind.name} of an unknown kind. Save it as RGB of 8 bits.") from error
        except MemoryError as error:
            raise InpaintError("it takes more memory than there is. It is broken, or too large here.") from error
        except Exception as error:  # the readers raise whatever a broken file makes them
            reason = str(error).strip() or type(error).__name__
            raise InpaintError(
                f"it is broken: {reason.splitlines()[0].rstrip('.')}. Expected a whole {kind.name}."
            ) from error


def _format_of(data: bytes) -> Format:
    if not data:
        raise InpaintError("it is empty (0 bytes). Copy it anew.")
    for at, head, kind in SIGNATURES:
        if data[at : at + len(head)] == head:
            return kind
    names = ", ".join(kind.name for kind in FORMATS)
    for at, head, name in OTHERS:
        if data[at : at + len(head)] == head:
            raise InpaintError(f"{name} cannot be read. Save it as one of {names}.")
    raise InpaintError(f"it is no picture that can be read. Expected one of {names}.")
