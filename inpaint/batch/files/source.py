"""A picture with its mask: what a host is sent, and the file that its answer becomes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...core.errors import InpaintError, about_file
from .channels import WHITE, from_rgb, rgb_of, to_bytes
from .formats import Format, read_picture
from .mask import mask_from_alpha, mask_from_file
from .orientation import lies_on_its_side
from .picture import Picture, Raster
from .placing import place_of

# Of PNG: the host is often the same machine, and a low level is ten times as fast as the usual one.
COMPRESS_LEVEL = 1


@dataclass(frozen=True)
class Restored:
    """A result in the form of its source."""

    data: bytes
    """The file."""
    suffix: str
    """The ending of its name, the source's own."""
    notes: tuple[str, ...]
    """What differs from the source outside of what was repainted, and what was done to the mask: a sentence each."""


@dataclass(frozen=True)
class Source:
    """A picture that was read, with its mask."""

    suffix: str
    """The ending of the picture's name."""
    format: Format
    """The picture's format, by its content."""
    picture: Picture
    """The picture."""
    rgb: np.ndarray
    """[H, W, 3] uint8, what a host is sent."""
    mask: np.ndarray
    """[H, W] uint8, 255 = repaint."""
    mask_is_alpha: bool
    """Whether the mask is the picture's own alpha."""
    notes: tuple[str, ...]
    """What reading changed, a sentence each."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return self.picture.size

    def upload(self) -> bytes:
        """Return picture and mask as one PNG, as ComfyUI's Load Image takes it: RGBA, transparent is repainted."""
        return _png(np.dstack([self.rgb, 255 - self.mask]))

    def upload_picture(self) -> bytes:
        """Return the picture as PNG, RGB."""
        return _png(self.rgb)

    def upload_mask(self) -> bytes:
        """Return the mask as PNG: RGBA, white in red, green and blue and transparent in alpha where it is repainted.

        ComfyUI's Load Image Mask reads the same mask from each of its channels.
        """
        return _png(np.dstack([self.mask, self.mask, self.mask, 255 - self.mask]))

    def restore(self, returned: bytes) -> Restored:
        """Make a host's answer a file like the source.

        A pixel that came back with the value that was sent is taken from the source, in all its bits. The picture's own
        alpha is kept if the mask is another file, and left out if it is the mask.

        Args:
            returned: the picture, as PNG or in any other format that Pillow reads.

        Raises:
            InpaintError: if it is no picture.
        """
        return self.restored(*_decoded(returned))

    def restored(self, rgb: np.ndarray, said: Iterable[str] = ()) -> Restored:
        """Do what `restore` does with a result's pixels.

        Args:
            rgb: [H, W, 3] uint8, of this size or another.
            said: what is to be noted of how they were made.
        """
        notes = [*self.notes, *said]
        raster = self._raster(rgb, notes)
        written = self.format.write(self.picture, raster)
        notes += written.notes
        if not self.format.lossless(self.picture):
            notes.append(self._loss(written.data, raster))
        return Restored(written.data, self.suffix, tuple(notes))

    def _raster(self, rgb: np.ndarray, notes: list[str]) -> Raster:
        """Return the answer's pixels in the source's kind, the source's own where nothing changed."""
        picture = self.picture
        pixels = from_rgb(rgb, picture.color, picture.pixels.dtype, picture.icc)
        height, width = rgb.shape[:2]
        alpha = None
        if picture.alpha is not None and not self.mask_is_alpha:
            alpha = np.full((height, width), WHITE[picture.alpha.dtype], picture.alpha.dtype)
        place = self._place(rgb, notes)
        if place is not None:
            part = np.s_[place[0] : place[0] + self.size[1], place[1] : place[1] + self.size[0]]
            same = (rgb[part] == self.rgb).all(axis=2)
            pixels = pixels.copy()
            pixels[part] = np.where(same[..., None], picture.pixels, pixels[part])
            if alpha is not None and picture.alpha is not None:
                alpha[part] = picture.alpha
            self._say_what_changed(same, notes)
        elif alpha is not None and picture.alpha is not None and (picture.alpha != WHITE[alpha.dtype]).any():
            notes.append("Its alpha was left out: it does not fit the result's size.")
            alpha = None
        return Raster(np.ascontiguousarray(pixels), alpha)

    def _place(self, rgb: np.ndarray, notes: list[str]) -> tuple[int, int] | None:
        """Return where the source lies in the answer."""
        size = rgb.shape[1], rgb.shape[0]
        if size == self.size:
            return 0, 0
        place = place_of(self.rgb, rgb, self.mask == 0)
        change = f"The result is {size[0]} x {size[1]}, the picture {self.size[0]} x {self.size[1]}"
        if place is not None:
            notes.append(f"{change}: it lies at column {place[1]}, row {place[0]}.")
        else:
            notes.append(f"{change}, and was not found in it: all pixels are the result's, of 8 bits.")
        return place

    def _say_what_changed(self, same: np.ndarray, notes: list[str]) -> None:
        changed = int(np.count_nonzero(~same))
        if changed == 0:
            notes.append("Nothing in it changed.")
            return
        outside = int(np.count_nonzero(~same & (self.mask == 0)))
        if outside:
            share = 100 * outside / int(np.count_nonzero(self.mask == 0))
            notes.append(f"Outside the mask {outside} pixels changed, {share:.3g} %.")
        if self.picture.pixels.dtype != np.uint8:
            share = 100 * changed / same.size
            notes.append(f"What changed is of 8 bits, {share:.3g} % of the picture. All else is as it was, to the bit.")
        if self.picture.color == "cmyk":
            way = "its profile" if self.picture.icc else "the plain formula, since it has no profile"
            notes.append(f"What changed was turned from RGB into CMYK by {way}.")
        elif self.picture.color != "rgb":
            notes.append(f"What changed was made {'black and white' if self.picture.color == 'bilevel' else 'gray'}.")

    def _loss(self, data: bytes, raster: Raster) -> str:
        """Return by how much the written file differs from what was to be written, in a sentence."""
        # OpenCV leaves out the axis of a single channel.
        difference = np.reshape(cv2.absdiff(self.format.read(data).pixels, raster.pixels), raster.pixels.shape)
        count, where = difference[..., 0].size, ""
        if difference.shape[:2] == self.mask.shape and not self.mask.all():
            outside = self.mask == 0
            difference *= outside[..., None]
            count, where = int(np.count_nonzero(outside)), " outside the mask"
        equal = 100 - 100 * int(np.count_nonzero(difference.any(axis=-1))) / count
        mean = difference.sum(dtype=np.int64) / (count * raster.pixels.shape[2])
        return (
            f"{self.format.name} loses a little each time it is saved: {equal:.3g} % of the pixels{where} are exact; "
            f"the largest difference is {difference.max()} of 255, the mean {mean:.2g}."
        )


def read_source(image: Path, mask: Path | None) -> Source:
    """Read a picture and its mask.

    Args:
        image: the picture.
        mask: the mask, white where the picture is repainted. None: the picture's own alpha, transparent there.

    Raises:
        InpaintError: if one of them cannot be read or written back, or they do not fit; with the file's name.
    """
    kind, picture = read_picture(image)
    notes = list(picture.notes)
    with about_file(image):
        rgb = rgb_of(picture)
        notes += _out_of_range(picture)
        if mask is None:
            levels = mask_from_alpha(picture)
            notes.append("Its alpha is the mask, so the result is opaque.")
    if mask is not None:
        _, mask_picture = read_picture(mask)
        with about_file(mask):
            in_file = picture.size[::-1] if lies_on_its_side(picture.orientation) else picture.size
            levels, done = mask_from_file(mask_picture, picture.size, in_file)
            notes += done
            notes += _hidden(picture, levels)
    return Source(image.suffix, kind, picture, rgb, levels, mask is None, tuple(notes))


def _out_of_range(picture: Picture) -> list[str]:
    if picture.pixels.dtype != np.float32:
        return []
    beyond = np.count_nonzero(~((picture.pixels >= 0) & (picture.pixels <= 1)).all(axis=2))
    if beyond == picture.pixels[..., 0].size:
        raise InpaintError("expected floats in 0..1, white is 1; got none in a whole pixel. Divide it by its white.")
    share = 100 * beyond / picture.pixels[..., 0].size
    return [f"Of its floats {share:.3g} % are beyond 0..1: the host saw them clipped."] if beyond else []


def _hidden(picture: Picture, mask: np.ndarray) -> list[str]:
    """Return a note if what is to be repainted is transparent in the picture's alpha, which is kept."""
    if picture.alpha is None:
        return []
    hidden = np.count_nonzero((to_bytes(picture.alpha) == 0) & (mask > 0))
    return [f"{hidden} pixels of the mask are transparent in the picture, whose alpha was kept."] if hidden else []


def _decoded(returned: bytes) -> tuple[np.ndarray, list[str]]:
    """Return a host's answer as [H, W, 3] uint8, and notes."""
    try:
        image = Image.open(io.BytesIO(returned))
        image.load()
    except Exception as error:  # Pillow raises whatever a broken file makes it
        start = returned[:40].decode("utf-8", "replace").strip()
        raise InpaintError(
            f"result: expected a picture from the host, got {len(returned)} bytes: {start!r}. See its log."
        ) from error
    notes = []
    if "A" in image.getbands() and image.getchannel("A").getextrema() != (255, 255):
        notes.append("The result's alpha was left out.")
    return np.asarray(image.convert("RGB")), notes


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=COMPRESS_LEVEL)
    return file.getvalue()
