"""TIFF of 8 and 16 bits and of floats. Every tag that is not about how the pixels are stored comes along."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Folder

from ...core.errors import InpaintError
from .metadata import fit_photoshop, fit_xmp
from .orientation import lies_on_its_side, upright
from .picture import Color, Picture, Raster, Written
from .pillow_file import as_picture, open_still, orientation_of

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS = 273, 274, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANES, PREDICTOR, EXTRA, SAMPLE_FORMAT = 282, 283, 284, 317, 338, 339
XMP, PHOTOSHOP, ICC, EXIF, GPS, LAYERS = 700, 34377, 34675, 34665, 34853, 37724
INNER = (EXIF, GPS)
EXIF_WIDTH, EXIF_HEIGHT, INTEROPERABILITY = 0xA002, 0xA003, 0xA005

# Tags that say how pixels are stored: strips and tiles, lowest and highest values, fax options, predictors, palettes,
# inks, further folders, JPEG tables, YCbCr.
OF_STORAGE = frozenset(
    (
        *(254, 255, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, 263, 264, 265, 266, OFFSETS, SAMPLES, ROWS, COUNTS),
        *(280, 281, PLANES, *range(288, 294), PREDICTOR, 320, *range(322, 329), 330, 332, 334, EXTRA, SAMPLE_FORMAT),
        *(340, 341, 347, *range(512, 522), *range(529, 533)),
    )
)
UNCOMPRESSED, DEFLATE = 1, 8
MIN_IS_WHITE, MIN_IS_BLACK, RGB, SEPARATED = 0, 1, 2, 5
STRAIGHT_ALPHA, PREMULTIPLIED = 2, 1
FLOATS, HORIZONTAL_DIFFERENCES = 3, 2
STRIP_BYTES = 1 << 18


@dataclass(frozen=True)
class Kept:
    """What is written again."""

    tags: Folder
    """The tags of the only page."""
    inner: dict[int, Folder]
    """Folders that tags point to."""
    order: bytes
    """b"II" or b"MM": the order of bytes."""
    compressed: bool


def read(data: bytes) -> Picture:
    """Read a TIFF of one page. One of more than 8 bits is read by tifffile or OpenCV: Pillow has no such colors.

    Raises:
        InpaintError: of several pages, or of kinds of pixels that cannot be written back.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages: list[Any] = [*file.pages]
        page = pages[0]
        if page.is_reduced:
            raise InpaintError("it begins with a small preview, as camera raws do. Save it as TIFF of 16 bits.")
        # A small preview is no page.
        count = sum(not one.is_reduced for one in pages)
        if count > 1:
            raise InpaintError(f"expected one page, got {count}. Save them as a file each.")
        extra = tuple(int(kind) for kind in page.extrasamples)
        kept = Kept(*_folders(data), data[:2], int(page.compression) != UNCOMPRESSED)
        notes = tuple(_losses(page, extra))
        if page.dtype != np.int8 and (np.dtype(page.dtype).itemsize == 1 or page.bitspersample <= 8):
            picture = _shallow(data, kept, notes)
        else:
            picture = _deep(data, page, extra, kept, notes)
    if PREMULTIPLIED in extra and picture.alpha is not None and (picture.alpha != _opaque(picture.alpha.dtype)).any():
        raise InpaintError("its colors are multiplied by its alpha. Save it with straight alpha, or as PNG.")
    return picture


def _losses(page: Any, extra: tuple[int, ...]) -> Iterator[str]:
    """Yield what is not written back, a sentence each."""
    if extra and extra[0] not in (STRAIGHT_ALPHA, PREMULTIPLIED):
        yield "Its further channels, which are not marked as alpha, were left out."
    elif len(extra) > 1:
        yield "Its channels after alpha were left out."
    if LAYERS in page.tags:
        yield "Its layers were left out, since they show the old picture."


def _shallow(data: bytes, kept: Kept, notes: tuple[str, ...]) -> Picture:
    image = open_still(data, frames_of=("TIFF",))
    orientation = orientation_of(image)
    if image.mode == "P":
        notes += ("Its palette was replaced by RGB, so that new colors are as painted.",)
    image.load()
    # Pillow turns a TIFF upright as it loads it.
    turned = as_picture(image, 1, kept, notes)
    return Picture(turned.pixels, turned.color, turned.alpha, orientation, turned.icc, kept, turned.notes)


def _deep(data: bytes, page: Any, extra: tuple[int, ...], kept: Kept, notes: tuple[str, ...]) -> Picture:
    photometric = int(page.photometric)
    count = 3 if photometric == RGB else 1
    plain = page.dtype in (np.uint16, np.float32) and page.bitspersample == np.dtype(page.dtype).itemsize * 8
    if not plain or photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB) or page.samplesperpixel != count + len(extra):
        raise InpaintError(
            f"expected gray or RGB of 8 or 16 bits or of 32-bit floats, got {page.samplesperpixel} "
            f"channels ({page.photometric.name}) of {page.bitspersample}-bit {page.dtype}. "
            "Save it as RGB of 16 bits."
        )
    if page.imagelength * page.imagewidth > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError
    values = _values(data, page)
    colors: Color = "rgb" if photometric == RGB else "gray"
    pixels = values[..., :count].astype(page.dtype)
    if photometric == MIN_IS_WHITE:
        pixels = _opaque(pixels.dtype) - pixels
    has_alpha = bool(extra) and extra[0] in (STRAIGHT_ALPHA, PREMULTIPLIED)
    alpha = values[..., count].astype(page.dtype) if has_alpha else None
    turn = int(kept.tags.get(ORIENTATION, 1))
    alpha = None if alpha is None else upright(alpha, turn)
    return Picture(upright(pixels, turn), colors, alpha, turn, kept.tags.get(ICC), kept, notes)


def _values(data: bytes, page: Any) -> np.ndarray:
    """Return all samples as [H, W, C], not turned."""
    try:
        values = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _by_opencv(data, page)
    values = np.moveaxis(values, 0, -1) if page.planarconfig == 2 and values.ndim == 3 else values
    return values.reshape(page.imagelength, page.imagewidth, -1)


def _by_opencv(data: bytes, page: Any) -> np.ndarray:
    """Read what is compressed in a way that tifffile leaves to a package of its own, such as LZW."""
    file = io.BytesIO(data)
    with tifffile.TiffFile(file, mode="r+") as whole:
        if ORIENTATION in whole.pages.first.tags:
            # Some versions of OpenCV turn the pixels and some do not.
            whole.pages.first.tags[ORIENTATION].overwrite(1)
    values = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED)
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    if values is None or values.dtype != page.dtype or values.size != np.prod(shape) or page.planarconfig == 2:
        raise InpaintError(f"its compression, {page.compression.name}, cannot be read. Save it uncompressed.")
    values = values.reshape(shape)
    return values[..., [2, 1, 0, *range(3, shape[2])]] if shape[2] > 2 else values


def write(picture: Picture, raster: Raster) -> Written:
    """Write a TIFF with the tags of the picture's file, compressed without loss if that is compressed."""
    kept: Kept = picture.kept
    strips, rows = _strips(raster, picture.color == "bilevel", kept)
    folder = Folder(prefix=kept.order)
    _copy_tags(folder, picture, raster)
    _describe(folder, picture.color, raster, kept, strips, rows)
    file = io.BytesIO()
    folder.save(file)
    return Written(file.getvalue() + b"".join(strips))


def _strips(raster: Raster, bilevel: bool, kept: Kept) -> tuple[list[bytes], int]:
    """Return the encoded strips, and the rows in each."""
    parts = [raster.pixels] if raster.alpha is None else [raster.pixels, raster.alpha[..., None]]
    values = np.concatenate(parts, axis=2)
    rows = max(1, STRIP_BYTES // values[0].nbytes)
    if bilevel:
        values = np.packbits(values[..., 0] > 127, axis=1)
    elif kept.compressed and values.dtype != np.float32:
        values = np.concatenate([values[:, :1], np.diff(values, axis=1)], axis=1)
    values = values.astype(values.dtype.newbyteorder("<" if kept.order == b"II" else ">"))
    raw = [values[at : at + rows].tobytes() for at in range(0, len(values), rows)]
    return [zlib.compress(strip) for strip in raw] if kept.compressed else raw, rows


def _describe(folder: Folder, color: Color, raster: Raster, kept: Kept, strips: list[bytes], rows: int) -> None:
    """Set the tags that say how the pixels are stored."""
    height, width, samples = raster.pixels.shape
    total = samples + (raster.alpha is not None)
    numbers: dict[int, Any] = {
        WIDTH: width,
        HEIGHT: height,
        BITS: (1 if color == "bilevel" else raster.pixels.dtype.itemsize * 8,) * total,
        COMPRESSION: DEFLATE if kept.compressed else UNCOMPRESSED,
        PHOTOMETRIC: {"rgb": RGB, "cmyk": SEPARATED}.get(color, MIN_IS_BLACK),
        SAMPLES: total,
        ROWS: rows,
        PLANES: 1,
    }
    if raster.alpha is not None:
        numbers[EXTRA] = STRAIGHT_ALPHA
    if raster.pixels.dtype == np.float32:
        numbers[SAMPLE_FORMAT] = (FLOATS,) * total
    elif kept.compressed and color != "bilevel":
        numbers[PREDICTOR] = HORIZONTAL_DIFFERENCES
    for tag, value in numbers.items():
        folder[tag] = value
    lengths = [len(strip) for strip in strips]
    # Pillow adds the place at which the strips begin.
    for tag, values in ((OFFSETS, np.cumsum([0, *lengths[:-1]]).tolist()), (COUNTS, lengths)):
        folder.tagtype[tag] = 4
        folder[tag] = tuple(values)


def _copy_tags(folder: Folder, picture: Picture, raster: Raster) -> None:
    """Copy all other tags, fitted to the new pixels."""
    kept: Kept = picture.kept
    size = raster.pixels.shape[1], raster.pixels.shape[0]
    for tag in kept.tags:
        if tag in OF_STORAGE or tag in INNER or tag == LAYERS:
            continue
        value = kept.tags[tag]
        if tag == ORIENTATION:
            value = 1
        elif tag == XMP:
            value = fit_xmp(bytes(value))
        elif tag == PHOTOSHOP:
            value = fit_photoshop(bytes(value))
        folder.tagtype[tag] = kept.tags.tagtype[tag]
        folder[tag] = value
    if lies_on_its_side(picture.orientation) and X_RESOLUTION in folder and Y_RESOLUTION in folder:
        folder[X_RESOLUTION], folder[Y_RESOLUTION] = folder[Y_RESOLUTION], folder[X_RESOLUTION]
    for tag, inner in kept.inner.items():
        values = {number: inner[number] for number in inner if number != INTEROPERABILITY}
        for number, length in ((EXIF_WIDTH, size[0]), (EXIF_HEIGHT, size[1])):
            if tag == EXIF and number in values:
                values[number] = length
        folder[tag] = values


def _folders(data: bytes) -> tuple[Folder, dict[int, Folder]]:
    """Return the tags of the first page, and the folders that it points to."""
    file = io.BytesIO(data)
    head = data[:16] if data[2:4] in (b"\x2b\0", b"\0\x2b") else data[:8]
    tags = Folder(head)
    file.seek(tags.next)
    tags.load(file)
    inner = {}
    for tag in INNER:
        if isinstance(tags.get(tag), int):
            inner[tag] = Folder(head, group=tag)
            file.seek(tags[tag])
            inner[tag].load(file)
    return tags, inner


def _opaque(dtype: np.dtype) -> Any:
    return np.float32(1) if dtype == np.float32 else np.iinfo(dtype).max
