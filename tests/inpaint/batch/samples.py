"""Picture files of many kinds, read and written without the functions under test."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms

HEIGHT, WIDTH = 48, 64
HOLE = np.s_[16:32, 24:40]
PAINT = (200, 40, 90)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def ramp(channels: int, dtype: type = np.uint8) -> np.ndarray:
    """A picture without two equal corners, [HEIGHT, WIDTH, channels]. Bits past the eighth are noise."""
    random = np.random.default_rng(channels)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    slopes = [rows * 3 + columns + 20 * channel for channel in range(channels)]
    levels = np.stack(slopes, axis=-1) % 256
    if dtype == np.uint8:
        return levels.astype(np.uint8)
    if dtype == np.uint16:
        return (levels * 257 + random.integers(-100, 100, levels.shape)).clip(0, 65535).astype(np.uint16)
    return (levels / 255 + random.normal(0, 1e-3, levels.shape)).clip(0, 1).astype(np.float32)


def mask_image() -> Image.Image:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[HOLE] = 255
    return Image.fromarray(mask)


def repainted(upload: bytes) -> bytes:
    """What a host that repaints the hole returns: PNG, RGB."""
    sent = np.asarray(Image.open(io.BytesIO(upload)))
    result = sent[..., :3].copy()
    result[sent[..., 3] < 255] = PAINT
    return png(result)


def png(pixels: np.ndarray) -> bytes:
    return saved(Image.fromarray(pixels), "PNG")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(mode: str) -> Image.Image:
    """An 8-bit picture of a Pillow mode."""
    if mode == "1":
        return Image.fromarray(ramp(1)[..., 0] > 99)
    if mode == "P":
        return Image.fromarray(ramp(3) // 64 * 64).quantize(256)
    channels = len(Image.new(mode, (1, 1)).getbands())
    return Image.fromarray(np.squeeze(ramp(channels)), mode)


def file_of(mode: str, kind: str, **options: object) -> Callable[[], bytes]:
    return lambda: saved(picture(mode), kind, **options)


def png16(channels: int) -> Callable[[], bytes]:
    """PNG of 16 bits, written chunk by chunk."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    def encode() -> bytes:
        pixels = ramp(channels, np.uint16)
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
        kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, kind, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)), (b"IDAT", zlib.compress(rows))]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in [*chunks, (b"IEND", b"")])

    return encode


def tiff(channels: int, dtype: type, **options: Any) -> Callable[[], bytes]:
    def encode() -> bytes:
        file, pixels = io.BytesIO(), np.squeeze(ramp(channels, dtype))
        if options.get("planarconfig") == "separate":
            pixels = np.moveaxis(pixels, -1, 0)
        photometric = "rgb" if channels > 2 else "minisblack"
        settings: dict[str, Any] = {"photometric": photometric, "metadata": None, "iccprofile": SRGB, **options}
        tifffile.imwrite(file, pixels, **settings)
        return file.getvalue()

    return encode


def tiff_by_opencv(channels: int, dtype: type, compression: int) -> Callable[[], bytes]:
    """TIFF with compression that tifffile has no coder for."""
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    return lambda: cv2.imencode(".tiff", np.squeeze(ramp(channels, dtype)), options)[1].tobytes()


def decoded(data: bytes) -> np.ndarray:
    """All channels of a file, in all its bits: [H, W, C] in the order of the file."""
    if data[:2] in (b"II", b"MM"):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            if page.bitspersample > 8:
                return _tiff_pixels(data, page)
    if data[1:4] == b"PNG" and data[24] == 16:
        return _by_opencv(data)
    image: Image.Image = Image.open(io.BytesIO(data))
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    values = np.asarray(image)
    return values.reshape(*values.shape[:2], -1)


def _by_opencv(data: bytes) -> np.ndarray:
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert values is not None
    return values.reshape(*values.shape[:2], -1)


def _tiff_pixels(data: bytes, page: Any) -> np.ndarray:
    if page.compression == tifffile.COMPRESSION.LZW:
        values = _by_opencv(data)[..., ::-1]
    else:
        values = page.asarray()
        values = np.moveaxis(values, 0, -1) if page.planarconfig == 2 else values
    return values.reshape(page.imagelength, page.imagewidth, -1)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def cmyk_profile() -> bytes:
    """An ICC profile of inks without dot gain: tables from CMYK to Lab and back, made with sRGB."""
    steps = 9
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    from_lab = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    levels = np.linspace(0, 255, steps).round().astype(np.uint8)
    inks = np.stack(np.meshgrid(*[levels] * 4, indexing="ij"), axis=-1).reshape(-1, 4).astype(float)
    rgb = ((255 - inks[:, :3]) * (255 - inks[:, 3:]) / 255).round().astype(np.uint8)
    lab = _lab_of_profile(np.asarray(ImageCms.applyTransform(Image.fromarray(rgb[None]), to_lab))[0])
    cube = np.stack(np.meshgrid(*[levels] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    back = np.asarray(ImageCms.applyTransform(Image.fromarray(_lab_of_profile(cube)[None], "LAB"), from_lab))[0]
    no_black = np.concatenate([255 - back, np.zeros((len(back), 1), np.uint8)], axis=1)

    def table(inputs: int, outputs: int, values: np.ndarray) -> bytes:
        matrix = struct.pack(">9i", *(65536 * (place in (0, 4, 8)) for place in range(9)))
        line = bytes(range(256))
        head = b"mft1\0\0\0\0" + bytes((inputs, outputs, steps, 0)) + matrix
        return head + line * inputs + values.astype(np.uint8).tobytes() + line * outputs

    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": white, b"A2B0": table(4, 3, lab), b"B2A0": table(3, 4, no_black)}
    at = 128 + 4 + 12 * len(tags)
    entries, body = b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        entries += name + struct.pack(">II", at + len(body), len(content))
        body += content
    rest = struct.pack(">I", len(tags)) + entries + body
    head = struct.pack(
        ">I4sI4s4s4s12s4s", 128 + len(rest), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp"
    )
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + rest


def _lab_of_profile(lab: np.ndarray) -> np.ndarray:
    """Pillow's LAB, whose a and b are signed, as profiles store it, 128 in the middle; and the other way round."""
    return lab ^ np.array([0, 128, 128], np.uint8)
