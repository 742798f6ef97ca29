"""Reading with Pillow, which all formats share."""

from __future__ import annotations

import io

import numpy as np
from PIL import ExifTags, Image

from ...core.errors import InpaintError
from .orientation import upright
from .picture import Color, Picture

# Modes of Pillow that are read as they are.
COLORS: dict[str, Color] = {
    **{"1": "bilevel", "L": "gray", "LA": "gray", "RGB": "rgb", "RGBA": "rgb", "CMYK": "cmyk"},
    **{"I;16": "gray", "I;16B": "gray", "I;16L": "gray", "I;16N": "gray", "F": "gray"},
}
DEEP = ("I;16", "I;16B", "I;16L", "I;16N")


def open_still(data: bytes, *, frames_of: tuple[str, ...] = ()) -> Image.Image:
    """Open a picture.

    Args:
        data: the file.
        frames_of: formats in which further pictures are no animation.

    Raises:
        InpaintError: if it has several pictures.
    """
    image = Image.open(io.BytesIO(data))
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format not in frames_of:
        raise InpaintError(f"expected one picture, got {count} in one file. Save them as a file each.")
    return image


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or EXIF is broken. Call it before the pixels are loaded."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow raises whatever a broken EXIF block makes it
        return 1
    return value if value in range(1, 9) else 1


def as_picture(image: Image.Image, orientation: int, kept: object = None, notes: tuple[str, ...] = ()) -> Picture:
    """Return a Pillow image as a picture.

    Args:
        image: the image, loaded or not.
        orientation: by which it is still to be turned.
        kept, notes: of `Picture`.

    Raises:
        InpaintError: if its mode cannot be read.
    """
    icc = image.info.get("icc_profile") or None
    mode = image.mode
    if mode in ("P", "PA") or (mode in ("1", "L", "RGB") and "transparency" in image.info):
        gray = mode in ("1", "L")
        image = image.convert("LA" if gray else "RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    elif mode in ("YCbCr", "LAB", "HSV"):
        if mode != "YCbCr":
            raise InpaintError(f"expected gray, RGB or CMYK, got {mode}. Save it as RGB.")
        image = image.convert("RGB")
        notes += ("Its YCbCr was turned into RGB.",)
    if image.mode not in COLORS:
        raise InpaintError(f"expected 8 or 16 bits or floats, got {image.mode}. Save it as 8 or 16 bits.")
    pixels = _array(image)
    alpha = pixels[..., -1] if image.mode in ("LA", "RGBA") else None
    colors = pixels[..., :-1] if alpha is not None else pixels
    return Picture(
        upright(colors, orientation),
        COLORS[image.mode],
        None if alpha is None else upright(alpha, orientation),
        orientation,
        icc,
        kept,
        notes,
    )


def _array(image: Image.Image) -> np.ndarray:
    """Return an image as [H, W, C] uint8, uint16 or float32."""
    values = np.asarray(image)
    if image.mode == "1":
        values = values.astype(np.uint8) * np.uint8(255)
    elif image.mode in DEEP:
        values = values.astype(np.uint16)
    return values[..., None] if values.ndim == 2 else values


def as_image(pixels: np.ndarray, color: Color, alpha: np.ndarray | None) -> Image.Image:
    """Return 8-bit pixels and alpha as a Pillow image: the inverse of `as_picture` on upright pixels."""
    if alpha is not None:
        return Image.fromarray(np.concatenate([pixels, alpha[..., None]], axis=2), "RGBA" if color == "rgb" else "LA")
    if color == "bilevel":
        return Image.fromarray(pixels[..., 0] > 127)
    if color == "gray":
        return Image.fromarray(pixels[..., 0])
    return Image.fromarray(pixels, "RGB" if color == "rgb" else "CMYK")
