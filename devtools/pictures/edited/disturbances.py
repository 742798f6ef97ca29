"""What editors do to the whole picture besides the edit: other light, other geometry, less quality.

Pictures are [H, W, 3] float64 sRGB in 0..1. A place is (x, y) in pixels, whole numbers at the centres of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from skimage.color import lab2rgb, rgb2lab

Where = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Disturbed:
    """A picture after a disturbance."""

    picture: np.ndarray
    """[h, w, 3], rounded to 8 bits."""
    where: Where = field(default=lambda places: places)
    """Takes places [..., 2] of the picture before, returns where they are now."""


def none(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_rounded(picture))


def lightness(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_rounded(_lighter(picture)))


def gamma(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_rounded(picture**1.15))


def tint(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_rounded(_tinted(picture)))


def light_field(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_rounded(_uneven(picture, seed)))


def jpeg95(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_jpeg(picture, 95))


def jpeg75(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_jpeg(picture, 75))


def jpeg50(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_jpeg(picture, 50))


def vae(picture: np.ndarray, seed: int) -> Disturbed:
    return Disturbed(_rounded(_as_decoded(picture, seed)))


def shift(picture: np.ndarray, seed: int) -> Disturbed:
    return _moved(picture, np.array([[1, 0, 3.3], [0, 1, -1.7]]))


def zoom(picture: np.ndarray, seed: int) -> Disturbed:
    return _moved(picture, _around_centre(picture, 1.02 * np.eye(2)))


def rotation(picture: np.ndarray, seed: int) -> Disturbed:
    return _moved(picture, _around_centre(picture, _turn(0.5)))


def squeeze(picture: np.ndarray, seed: int) -> Disturbed:
    return _moved(picture, _around_centre(picture, np.diag([0.99, 1.0])))


def resized_back(picture: np.ndarray, seed: int) -> Disturbed:
    """Reduce to 0.7 of the side, as a picture of 2 megapixels to 1, and enlarge again."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (round(0.7 * width), round(0.7 * height)), interpolation=cv2.INTER_AREA)
    return Disturbed(_rounded(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)))


def everything(picture: np.ndarray, seed: int) -> Disturbed:
    matrix = np.diag([0.99, 1.0]) @ _turn(0.5) * 1.02
    moved = _moved(_as_decoded(picture, seed), _around_centre(picture, matrix, (3.3, -1.7)))
    lit = _uneven(_tinted(_lighter(moved.picture, 3) ** 1.08), seed)
    return Disturbed(_jpeg(resized_back(lit, seed).picture, 75), moved.where)


def half_size(picture: np.ndarray, seed: int) -> Disturbed:
    return _resized(picture, 0.5)


def double_size(picture: np.ndarray, seed: int) -> Disturbed:
    return _resized(picture, 2.0)


def cropped(picture: np.ndarray, seed: int) -> Disturbed:
    """Cut 6 % off the left and 4 % off the top."""
    height, width = picture.shape[:2]
    top, left = round(0.04 * height), round(0.06 * width)
    return Disturbed(_rounded(picture[top:, left:]), lambda places: places - np.array([left, top]))


def padded(picture: np.ndarray, seed: int) -> Disturbed:
    """Pad to a square with grey bars."""
    height, width = picture.shape[:2]
    bars = [(side - length) // 2 for side in (max(height, width),) for length in (height, width)]
    (top, left) = bars
    grey = np.pad(picture, ((top, top), (left, left), (0, 0)), constant_values=0.5)
    return Disturbed(_rounded(grey), lambda places: places + np.array([left, top]))


def perspective(picture: np.ndarray, seed: int) -> Disturbed:
    """Tilt: the upper side gets 1.5 % narrower at either end."""
    height, width = picture.shape[:2]
    before = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    after = before + np.array([[0.015 * width, 0], [-0.015 * width, 0], [0, 0], [0, 0]], np.float32)
    return _moved(picture, cv2.getPerspectiveTransform(before, after))


def lens(picture: np.ndarray, seed: int) -> Disturbed:
    """Bend as a lens does, by 0.6 % in the corners."""
    height, width = picture.shape[:2]
    centre = np.array([width - 1, height - 1]) / 2
    corner = np.hypot(*centre)

    def bent(places: np.ndarray, amount: float) -> np.ndarray:
        away = (places - centre) / corner
        return centre + (places - centre) * (1 + amount * (away**2).sum(axis=-1, keepdims=True))

    y, x = np.mgrid[:height, :width]
    after = np.stack([x, y], axis=-1).astype(np.float64)
    source = after
    for _ in range(8):  # the inverse by fixed-point steps
        source = source + after - bent(source, 0.006)
    across, down = (each.astype(np.float32) for each in np.moveaxis(source, -1, 0))
    sampled = cv2.remap(picture, across, down, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    return Disturbed(_rounded(sampled), lambda places: bent(places, 0.006))


ASKED: dict[str, Callable[[np.ndarray, int], Disturbed]] = {
    "none": none,
    "lightness": lightness,
    "gamma": gamma,
    "tint": tint,
    "field": light_field,
    "jpeg95": jpeg95,
    "jpeg75": jpeg75,
    "jpeg50": jpeg50,
    "vae": vae,
    "shift": shift,
    "zoom": zoom,
    "rotation": rotation,
    "squeeze": squeeze,
    "resized": resized_back,
    "all": everything,
}
GEOMETRY: dict[str, Callable[[np.ndarray, int], Disturbed]] = {
    "half": half_size,
    "double": double_size,
    "cropped": cropped,
    "padded": padded,
    "perspective": perspective,
    "lens": lens,
}
DISTURBANCES = {**ASKED, **GEOMETRY}


def _lighter(picture: np.ndarray, by: float = 6.0) -> np.ndarray:
    lab = rgb2lab(picture)
    lab[..., 0] = np.clip(lab[..., 0] + by, 0, 100)
    return np.clip(lab2rgb(lab), 0, 1)


def _tinted(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture * np.array([1.06, 1.0, 0.92]) + np.array([0.01, 0.0, -0.01]), 0, 1)


def _uneven(picture: np.ndarray, seed: int) -> np.ndarray:
    """Brighten softly around one place: half the longer side wide at half its height."""
    height, width = picture.shape[:2]
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    sigma = 0.5 * max(height, width) / 2.355
    away = np.hypot(x - width * random.uniform(0.2, 0.8), y - height * random.uniform(0.2, 0.8))
    return np.clip(picture * (0.95 + 0.12 * np.exp(-((away / sigma) ** 2) / 2))[..., None], 0, 1)


def _jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", _eight_bits(picture)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1] / 255.0


def _as_decoded(picture: np.ndarray, seed: int) -> np.ndarray:
    """Lose what a VAE with 8 x 8 cells loses: fine detail, more of color, with an error for each cell."""
    height, width = picture.shape[:2]
    random = np.random.default_rng(seed)
    light = picture.mean(axis=-1, keepdims=True)
    color = cv2.GaussianBlur(picture - light, (0, 0), 1.6)
    soft = cv2.GaussianBlur(light, (0, 0), 0.8)[..., None] + color
    cells = random.normal(0, 0.005, (height // 8 + 1, width // 8 + 1, 3))
    spread = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + spread + random.normal(0, 0.005, picture.shape), 0, 1)


def _turn(degrees: float) -> np.ndarray:
    angle = math.radians(degrees)
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _around_centre(picture: np.ndarray, matrix: np.ndarray, more: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    centre = np.array([picture.shape[1] - 1, picture.shape[0] - 1]) / 2
    return np.column_stack([matrix, centre - matrix @ centre + more])


def _moved(picture: np.ndarray, matrix: np.ndarray) -> Disturbed:
    """Move by a matrix [2, 3] or [3, 3] from places before to places after."""
    full = np.vstack([matrix, [0, 0, 1]]) if len(matrix) == 2 else matrix
    height, width = picture.shape[:2]
    moved = cv2.warpPerspective(picture, full, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)

    def where(places: np.ndarray) -> np.ndarray:
        after = np.concatenate([places, np.ones_like(places[..., :1])], axis=-1) @ full.T
        return after[..., :2] / after[..., 2:]

    return Disturbed(_rounded(moved), where)


def _resized(picture: np.ndarray, factor: float) -> Disturbed:
    height, width = picture.shape[:2]
    size = round(width * factor), round(height * factor)
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    scale = np.array(size) / (width, height)
    return Disturbed(_rounded(resized), lambda places: (places + 0.5) * scale - 0.5)


def _eight_bits(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _rounded(picture: np.ndarray) -> np.ndarray:
    return _eight_bits(picture) / 255.0
