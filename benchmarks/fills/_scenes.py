"""Photographs with holes or pasted objects, so that the true content is known."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from scipy import ndimage
from torch import Tensor

from devtools.pictures.photographs import photographs

# Photographs of scikit-image's wheel: scenes, then plain textures.
SHIPPED = (
    *("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "ihc.png"),
    *("brick.png", "grass.png", "gravel.png"),
)


@dataclass(frozen=True)
class Scene:
    """A picture to be filled."""

    truth: Tensor
    """[1, H, W, 3] in 0..1, the photograph."""
    given: Tensor
    """[1, H, W, 3], the photograph with other content in the hole, which may extend slightly beyond it."""
    mask: Tensor
    """[1, H, W], 0 or 1."""


def files() -> dict[str, Path]:
    """Return photograph files by name, in an order that makes the first ones diverse."""
    shipped = {name.partition(".")[0]: Path(skimage.data.__file__).parent / name for name in SHIPPED}
    debian = photographs()
    return shipped | {name: debian[name] for name in sorted(debian, key=lambda name: zlib.crc32(name.encode()))}


def read(path: Path, side: int) -> np.ndarray:
    """Read a picture as [H, W, 3] in 0..1, with at most `side` pixels on its longer side."""
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise FileNotFoundError(path)
    picture = stored[..., ::-1]
    scale = side / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return picture.astype(np.float32) / 255


# ---- holes: each takes height, width and a generator, and returns [H, W] bool ------------------------------------


def ellipse(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    y0, x0 = (side * random.uniform(0.35, 0.65) for side in (height, width))
    return ((y - y0) / (0.17 * height)) ** 2 + ((x - x0) / (0.17 * width)) ** 2 < 1


def box(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    hole = np.zeros((height, width), bool)
    y, x = int(height * random.uniform(0.15, 0.55)), int(width * random.uniform(0.15, 0.55))
    hole[y : y + int(0.28 * height), x : x + int(0.28 * width)] = True
    return hole


def strokes(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Draw three lines of 14 pixels, as if painted over wires."""
    return _lines(height, width, random, count=3, thickness=14)


def scratches(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Draw twelve crooked lines of 1 to 3 pixels."""
    return _lines(height, width, random, count=12, thickness=None)


def text(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Draw letters like those of a date or a watermark."""
    hole = np.zeros((height, width), np.uint8)
    for line in range(3):
        place = (int(width * random.uniform(0.02, 0.2)), int(height * (0.25 + 0.27 * line)))
        cv2.putText(hole, "Sample 2024-07-31", place, cv2.FONT_HERSHEY_SIMPLEX, width / 420, 1, 4, cv2.LINE_8)
    return hole > 0


def border(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Draw a box at the picture's left border, and a strip along its lower border."""
    hole = np.zeros((height, width), bool)
    y = int(height * random.uniform(0.1, 0.5))
    hole[y : y + height // 4, : width // 6] = True
    hole[-height // 12 :] = True
    return hole


HOLES: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    hole.__name__: hole for hole in (ellipse, box, strokes, scratches, text, border)
}
WIDE = ("ellipse", "box", "border")


def with_hole(name: str, truth: np.ndarray, shape: str) -> Scene:
    """Make a scene with a hole of this shape, filled with mid grey."""
    height, width = truth.shape[:2]
    hole = HOLES[shape](height, width, _random(name, shape))
    return _scene(truth, np.where(hole[..., None], np.float32(0.5), truth), hole)


def with_object(name: str, truth: np.ndarray, other: np.ndarray) -> Scene:
    """Make a scene with an object cut from another photograph and pasted onto this one, with its shadow.

    The mask covers the object and the visible shadow plus 4 pixels, as people paint it. The invisible rest of the
    shadow, under 2 % of the light, extends beyond the mask.
    """
    random = _random(name, "object")
    height, width = truth.shape[:2]
    y, x = np.mgrid[:height, :width]
    y0, x0 = (side * random.uniform(0.35, 0.6) for side in (height, width))
    angle, radius = np.arctan2(y - y0, x - x0), 1.0
    for waves in range(2, 6):
        radius = radius + random.uniform(-0.12, 0.12) * np.sin(waves * angle + random.uniform(0, 2 * np.pi))
    away = np.hypot(y - y0, x - x0) / (0.13 * min(height, width))
    thing = away < radius
    # The shadow falls to the lower right.
    reach = 0.13 * min(height, width)
    cast = ndimage.shift(thing.astype(np.float32), (0.45 * reach, 0.6 * reach), order=1)
    shadow = 0.5 * ndimage.gaussian_filter(np.maximum(cast, thing), reach / 8)
    texture = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA)
    given = np.where(thing[..., None], texture, truth * (1 - shadow[..., None]))
    seen = thing | (shadow > 0.02)
    return _scene(truth, given.astype(np.float32), ndimage.distance_transform_edt(~seen) <= 4)


def _scene(truth: np.ndarray, given: np.ndarray, hole: np.ndarray) -> Scene:
    return Scene(*(torch.from_numpy(np.ascontiguousarray(part, np.float32))[None] for part in (truth, given, hole)))


def _random(*words: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(words).encode()))


def _lines(height: int, width: int, random: np.random.Generator, count: int, thickness: int | None) -> np.ndarray:
    hole = np.zeros((height, width), np.uint8)
    for _ in range(count):
        start, end = (random.uniform(0.05, 0.95, 2) * (width, height) for _ in range(2))
        along = np.linspace(0, 1, 9)[:, None]
        points = start + along * (end - start) + random.normal(0, 0.012 * width, (9, 2)) * np.sin(np.pi * along)
        wide = thickness if thickness is not None else int(random.integers(1, 4))
        cv2.polylines(hole, [points.round().astype(np.int32)], False, 1, wide)
    return hole > 0
