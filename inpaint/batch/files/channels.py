"""8-bit RGB of any pixels, and back."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from ...core.errors import InpaintError
from .picture import Color, Picture

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Return values as uint8, rounded. Floats beyond 0..1 are clipped; NaN is 0.

    `from_bytes` undoes it for each of the 256 values.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    clipped = np.fmin(np.fmax(values, np.float32(0)), np.float32(1))
    return (clipped * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def from_bytes(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return uint8 levels as `dtype`, white at its white."""
    if dtype == np.uint8:
        return levels
    if dtype == np.uint16:
        return levels.astype(np.uint16) * np.uint16(257)
    return levels / np.float32(255)


def rgb_of(picture: Picture) -> np.ndarray:
    """Return a picture as [H, W, 3] uint8, without its alpha."""
    levels = to_bytes(picture.pixels)
    if picture.color == "cmyk":
        return np.asarray(_inks_to_rgb(Image.fromarray(levels, "CMYK"), picture.icc))
    return levels if picture.color == "rgb" else levels.repeat(3, axis=2)


def from_rgb(rgb: np.ndarray, color: Color, dtype: np.dtype, icc: bytes | None) -> np.ndarray:
    """Return [H, W, 3] uint8 as pixels of a `Picture`: the inverse of `rgb_of`, of what has one."""
    if color == "rgb":
        return from_bytes(rgb, dtype)
    image = Image.fromarray(rgb)
    if color == "cmyk":
        return np.asarray(_rgb_to_inks(image, icc))
    gray = np.asarray(image.convert("L"))[..., None]
    if color == "bilevel":
        return np.where(gray < 128, np.uint8(0), np.uint8(255))
    return from_bytes(gray, dtype)


def _inks_to_rgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    return image.convert("RGB") if icc is None else _convert(image, icc, "RGB")


def _rgb_to_inks(image: Image.Image, icc: bytes | None) -> Image.Image:
    return image.convert("CMYK") if icc is None else _convert(image, icc, "CMYK")


def _convert(image: Image.Image, icc: bytes, mode: str) -> Image.Image:
    """Convert between a profile of inks and sRGB, so that white stays white and black stays black."""
    try:
        inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(
            image,
            screen if mode == "CMYK" else inks,
            inks if mode == "CMYK" else screen,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode=mode,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise InpaintError(f"its CMYK profile cannot be used: {error}. Save it with another, or as RGB.") from error
    assert converted is not None
    return converted
