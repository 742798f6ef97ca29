"""JPEG at the source's own tables. Every segment that is not about the pixels comes along as it is."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from .jpeg_planes import HALF, WHOLE, edited, read_planes, turned_tables
from .metadata import CREDENTIALS_NOTE, EXIF_HEAD, fit_exif, fit_photoshop, fit_xmp
from .orientation import lies_on_its_side
from .picture import Picture, Raster, Written
from .pillow_file import as_image, as_picture, open_still, orientation_of

END, START_OF_SCAN, COMMENT, ADOBE = 0xD9, 0xDA, 0xFE, 0xEE
# A marker between coded pixels, which are without any but restarts. After 0xFF a zero is a pixel's byte.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
APP0, APP15 = 0xE0, 0xEF
XMP_HEADS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
JFIF_HEAD = b"JFIF\0"

# How often pixels are encoded to come closer to those of the source, where its planes cannot be had. Subsampled colors
# are not what they were when they are sampled again.
ROUNDS = 4
# How much of what is missing is added: seven tenths.
STEP = np.int16(7), np.int16(10)


@dataclass(frozen=True)
class Kept:
    """What is written again."""

    data: bytes
    """The file."""
    segments: tuple[tuple[int, bytes], ...]
    """Markers and contents of all segments before the pixels."""
    tables: dict[int, list[int]]
    """Quantization tables."""
    subsampling: int
    """0, 1, 2 for 4:4:4, 4:2:2, 4:2:0; -1 for others, which are written as 4:4:4."""
    progressive: bool
    plain_rgb: bool
    """Whether it stores RGB, not YCbCr."""


def read(data: bytes) -> Picture:
    """Read a JPEG. Of one with further pictures (previews, gain maps) the first is read."""
    image = open_still(data, frames_of=("MPO",))
    orientation = orientation_of(image)
    kept = Kept(
        data,
        tuple(_segments(data)),
        image.quantization,  # type: ignore[attr-defined]
        JpegImagePlugin.get_sampling(image) if image.mode == "RGB" else 0,
        bool(image.info.get("progressive")),
        image.mode == "RGB" and image.info.get("adobe_transform") == 0,
    )
    several = getattr(image, "n_frames", 1) > 1
    notes = ("A second picture in the file (a preview or a gain map) was left out.",) if several else _tail(data)
    return as_picture(image, orientation, kept, notes)


def write(picture: Picture, raster: Raster) -> Written:
    """Write a JPEG with the tables and segments of the picture's file."""
    encoded = _encoded(picture, raster)
    written = _with_segments(encoded, picture, (raster.pixels.shape[1], raster.pixels.shape[0]))
    if picture.kept.progressive and not Image.open(io.BytesIO(encoded)).info.get("progressive"):
        return Written(written.data, (*written.notes, "It is no longer progressive: it has too much detail for that."))
    return written


def _encoded(picture: Picture, raster: Raster) -> bytes:
    """Encode pixels so that what did not change is decoded as before, or nearly."""
    kept: Kept = picture.kept
    if picture.color == "rgb" and not kept.plain_rgb and raster.pixels.shape == picture.pixels.shape:
        planes = read_planes(kept.data, kept.subsampling, picture.orientation)
        if planes is not None:
            return _save(edited(planes, picture, raster), picture)
    return _closest(picture, raster)


def _closest(picture: Picture, raster: Raster) -> bytes:
    """Encode pixels so that what is decoded comes close to them: what is missing is added before the next round."""
    wanted = raster.pixels.astype(np.int16)
    given, best, least = wanted, b"", np.inf
    for _ in range(ROUNDS):
        encoded = _save(as_image(given.astype(np.uint8), picture.color, None), picture)
        missing = wanted - _decode(encoded)
        error = int(np.abs(missing).sum())
        if error < least:
            best, least = encoded, error
        if error == 0:
            break
        given = np.clip(given + missing * STEP[0] // STEP[1], 0, 255)
    return best


def _save(image: Image.Image, picture: Picture) -> bytes:
    kept, file = picture.kept, io.BytesIO()
    turned = lies_on_its_side(picture.orientation)
    # Halves of the width would become halves of the height, which Pillow does not write.
    subsampling = WHOLE if turned and kept.subsampling != HALF else max(kept.subsampling, WHOLE)
    options: dict[str, Any] = {"keep_rgb": True} if kept.plain_rgb else {"subsampling": subsampling}
    options["qtables"] = turned_tables(kept.tables) if turned else kept.tables
    if kept.progressive:
        try:
            image.save(file, "JPEG", progressive=True, **options)
            return file.getvalue()
        except OSError:
            # Pillow guesses how many bytes a progressive file takes; with noise at a high quality it takes more.
            file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def _decode(encoded: bytes) -> np.ndarray:
    values = np.asarray(Image.open(io.BytesIO(encoded)))
    return values[..., None] if values.ndim == 2 else values


def _with_segments(encoded: bytes, picture: Picture, size: tuple[int, int]) -> Written:
    """Put the segments of the picture's file before encoded pixels."""
    kept, notes = list[tuple[int, bytes]](), list[str]()
    for marker, content in picture.kept.segments:
        if not (APP0 <= marker <= APP15 or marker == COMMENT) or marker == ADOBE:
            continue
        if marker == APP0 and content.startswith(JFIF_HEAD):
            content = _fit_jfif(content, picture.orientation)
        elif marker == APP0 or content.startswith(b"MPF\0"):
            continue  # a preview; where further pictures are
        elif marker == 0xEB and content.startswith(b"JP"):
            if CREDENTIALS_NOTE not in notes:
                notes.append(CREDENTIALS_NOTE)
            continue
        elif content.startswith(EXIF_HEAD):
            changed = fit_exif(content, size, picture.orientation)
            content = changed.data
            notes += changed.notes
        elif content.startswith(XMP_HEADS):
            content = fit_xmp(content)
        elif content.startswith(PHOTOSHOP_HEAD):
            content = PHOTOSHOP_HEAD + fit_photoshop(content[len(PHOTOSHOP_HEAD) :])
        kept.append((marker, content))
    body = _after_segments(encoded)
    ours = [segment for segment in _segments(encoded) if not APP0 <= segment[0] <= APP15 or segment[0] == ADOBE]
    data = b"\xff\xd8" + b"".join(map(_segment, [*kept, *ours])) + encoded[body:]
    return Written(data, tuple(notes))


def _fit_jfif(content: bytes, turned_by: int) -> bytes:
    """Return the JFIF header without a preview, with both densities in their new places."""
    densities = content[8:10], content[10:12]
    x, y = densities[::-1] if lies_on_its_side(turned_by) else densities
    return content[:8] + x + y + b"\0\0"


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield markers and contents of the segments before the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != START_OF_SCAN:
        if data[at + 1] == 0xFF:  # filling
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length


def _after_segments(data: bytes) -> int:
    """Return where the first scan begins."""
    return 2 + sum(4 + len(content) for _, content in _segments(data))


def _tail(data: bytes) -> tuple[str, ...]:
    """Return a note if something follows the picture in its file."""
    at = _after_segments(data)
    while found := MARKER.search(data, at):
        if found[0][1] == END:
            tail = data[found.end() :]
            said = (
                f"What follows the picture in its file, {len(tail)} bytes, was left out: of a motion photo the video."
            )
            return (said,) if tail.strip(b"\0\xff") else ()
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return ()


def _segment(segment: tuple[int, bytes]) -> bytes:
    marker, content = segment
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content
