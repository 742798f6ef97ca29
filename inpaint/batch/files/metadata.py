"""EXIF, XMP and Photoshop blocks that fit the new pixels.

They are changed where they are and never written anew: makers' notes hold offsets that only fit the old places.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from .orientation import lies_on_its_side

ORIENTATION, WIDTH, HEIGHT, X_RESOLUTION, Y_RESOLUTION = 0x0112, 0x0100, 0x0101, 0x011A, 0x011B
EXIF_FOLDER, EXIF_WIDTH, EXIF_HEIGHT = 0x8769, 0xA002, 0xA003
THUMBNAIL, THUMBNAIL_BYTES = 0x0201, 0x0202
SHORT, LONG = 3, 4
EXIF_HEAD = b"Exif\0\0"

# Of TIFF files and JPEG's APP13: a resource is "8BIM", its number, a name, its length and its content.
PHOTOSHOP_THUMBNAILS = (1033, 1036)

CREDENTIALS_NOTE = "Its content credentials were left out, since they are about the picture before this edit."
THUMBNAIL_NOTE = "The small preview in its EXIF was erased, since it shows the old picture."


@dataclass(frozen=True)
class Changed:
    """A block that fits the new pixels."""

    data: bytes
    """The block."""
    notes: tuple[str, ...] = ()
    """What was taken out, a sentence each."""


def fit_exif(exif: bytes, size: tuple[int, int], turned_by: int) -> Changed:
    """Return EXIF for pixels that were turned upright: orientation 1, their size, and no preview of the old picture.

    What is broken in it stays as it was.

    Args:
        exif: a TIFF header and its folders, after "Exif" and two zeros or not.
        size: width and height of the pixels.
        turned_by: the orientation that was undone.
    """
    start = len(EXIF_HEAD) if exif.startswith(EXIF_HEAD) else 0
    block = bytearray(exif[start:])
    notes: tuple[str, ...] = ()
    try:
        folders = _Folders(block)
        folders.set(folders.first, ORIENTATION, 1)
        folders.set(folders.first, WIDTH, size[0])
        folders.set(folders.first, HEIGHT, size[1])
        if lies_on_its_side(turned_by):
            folders.exchange(folders.first, X_RESOLUTION, Y_RESOLUTION)
        inner = folders.get(folders.first, EXIF_FOLDER)
        if inner is not None:
            folders.set(inner, EXIF_WIDTH, size[0])
            folders.set(inner, EXIF_HEIGHT, size[1])
        if folders.erase_thumbnail():
            notes = (THUMBNAIL_NOTE,)
    except struct.error:
        pass
    return Changed(exif[:start] + bytes(block), notes)


def fit_xmp(xmp: bytes) -> bytes:
    """Return XMP with orientation 1."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[1-8]", rb"\g<1>1", xmp)


def fit_photoshop(resources: bytes) -> bytes:
    """Return Photoshop's resources without previews of the old picture. What is broken in them is left out."""
    kept, at = b"", 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        number = int.from_bytes(resources[at + 4 : at + 6], "big")
        name = 1 + resources[at + 6]
        content = at + 6 + name + name % 2
        length = int.from_bytes(resources[content : content + 4], "big")
        end = content + 4 + length + length % 2
        if number not in PHOTOSHOP_THUMBNAILS:
            kept += resources[at:end]
        at = end
    return kept


class _Folders:
    """The folders (IFDs) of a TIFF header, changed in place. Raises struct.error where they are broken."""

    def __init__(self, block: bytearray) -> None:
        self._block = block
        if not block.startswith((b"II*\0", b"MM\0*")):
            raise struct.error("no TIFF header")
        self._order = "<" if block[:1] == b"I" else ">"
        self.first = self._number("I", 4)

    def get(self, folder: int, tag: int) -> int | None:
        """Return a tag's number, if it is there and is one number."""
        entry = self._entry(folder, tag)
        if entry is None:
            return None
        kind = self._number("H", entry + 2)
        return self._number("H" if kind == SHORT else "I", entry + 8) if kind in (SHORT, LONG) else None

    def set(self, folder: int, tag: int, value: int) -> None:
        """Set a tag's number, if it is there."""
        entry = self._entry(folder, tag)
        if entry is None:
            return
        kind = self._number("H", entry + 2)
        if kind == LONG:
            struct.pack_into(self._order + "I", self._block, entry + 8, value)
        elif kind == SHORT and value < 1 << 16:
            struct.pack_into(self._order + "HH", self._block, entry + 8, value, 0)

    def exchange(self, folder: int, one: int, other: int) -> None:
        """Exchange the values of two tags of one kind, if both are there."""
        a, b = self._entry(folder, one), self._entry(folder, other)
        if a is not None and b is not None:
            block = self._block
            block[a + 2 : a + 12], block[b + 2 : b + 12] = block[b + 2 : b + 12], block[a + 2 : a + 12]

    def erase_thumbnail(self) -> bool:
        """Overwrite the second folder's preview with zeros and unlink that folder. Return whether there was one."""
        link = self.first + 2 + 12 * self._number("H", self.first)
        second = self._number("I", link)
        if second == 0:
            return False
        start, length = self.get(second, THUMBNAIL), self.get(second, THUMBNAIL_BYTES)
        if start is not None and length is not None:
            end = min(start + length, len(self._block))
            self._block[start:end] = bytes(max(0, end - start))
        struct.pack_into("I", self._block, link, 0)
        return True

    def _entry(self, folder: int, tag: int) -> int | None:
        """Return where a tag's entry begins: number (2 bytes), kind (2), count (4), value or its place (4)."""
        for index in range(self._number("H", folder)):
            entry = folder + 2 + 12 * index
            if self._number("H", entry) == tag:
                return entry
        return None

    def _number(self, kind: str, at: int) -> int:
        return struct.unpack_from(self._order + kind, self._block, at)[0]
