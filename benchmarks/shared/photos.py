"""Photographs of scikit-image's wheel, and repainted versions with errors as models make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import skimage.io
import torch
from scipy import ndimage
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

NAMES = ("astronaut", "coffee", "chelsea", "rocket", "motorcycle_left", "ihc")


@dataclass(frozen=True)
class Case:
    """One picture to be repainted."""

    name: str
    """The photograph's name."""
    truth: Tensor
    """[1, H, W, 3] in 0..1, the photograph."""
    original: Tensor
    """The photograph with a foreign object in the hole, which is to be removed."""
    repainted: Tensor
    """The photograph with a model's errors."""
    hole: Tensor
    """[1, H, W], 0 or 1."""


def cases(wrong: Callable[[np.ndarray], np.ndarray]) -> Iterator[Case]:
    """Yield each photograph, repainted with the error `wrong`."""
    for seed, name in enumerate(NAMES):
        truth = _photo(name)
        hole = _hole(truth.shape[:2], seed)
        strange = _photo(NAMES[seed - 1])
        strange = cv2.resize(strange, truth.shape[1::-1], interpolation=cv2.INTER_AREA)
        original = np.where(hole[..., None] > 0, strange, truth)
        repainted = _as_decoded(wrong(truth), seed)
        yield Case(name, *(torch.from_numpy(each).float()[None] for each in (truth, original, repainted, hole)))


def color_shift(truth: np.ndarray) -> np.ndarray:
    """Reduce the contrast, add a tint, and brighten one side."""
    height, width = truth.shape[:2]
    x, y = np.linspace(-1, 1, width)[None, :, None], np.linspace(-1, 1, height)[:, None, None]
    return (truth - 0.5) * 0.93 + 0.5 + np.array([0.05, 0.01, -0.03]) + 0.02 * (x - y)


def drifted(truth: np.ndarray) -> np.ndarray:
    """Shift by 1.6 pixels to the right and 1.1 up, and enlarge by 0.6 %."""
    centre = (np.array(truth.shape[:2]) - 1) / 2
    rows, columns = np.indices(truth.shape[:2])
    places = [(rows - centre[0] + 1.1) / 1.006 + centre[0], (columns - centre[1] - 1.6) / 1.006 + centre[1]]
    planes = [ndimage.map_coordinates(truth[..., channel], places, order=5, mode="nearest") for channel in range(3)]
    return np.stack(planes, axis=-1)


def both(truth: np.ndarray) -> np.ndarray:
    """Apply both errors: drift, then color shift."""
    return color_shift(drifted(truth))


def softer(truth: np.ndarray) -> np.ndarray:
    """Blur by 1.2 pixels."""
    return ndimage.gaussian_filter(truth, (1.2, 1.2, 0))


def noisier(truth: np.ndarray) -> np.ndarray:
    """Add noise of standard deviation 0.01."""
    return truth + 0.01 * np.random.default_rng(0).standard_normal(truth.shape)


def as_jpeg(truth: np.ndarray) -> np.ndarray:
    """Compress as JPEG of quality 30."""
    pixels = (truth.clip(0, 1) * 255).round().astype(np.uint8)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.float64) / 255


def as_small_vae(truth: np.ndarray) -> np.ndarray:
    """Take 65 % of a copy reduced to a third and enlarged again."""
    height, width = truth.shape[:2]
    small = cv2.resize(truth, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
    return 0.35 * truth + 0.65 * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def brighter(truth: np.ndarray) -> np.ndarray:
    """Apply gamma 0.85."""
    return truth.clip(0, 1) ** 0.85


def tinted(truth: np.ndarray) -> np.ndarray:
    """Add 5 to a and subtract 5 from b in Lab."""
    return lab2rgb(rgb2lab(truth.clip(0, 1)) + np.array([0, 5, -5]))


def with_object(case: Case, radius: int = 40, ring: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a photograph with a strange disc in its flattest place, the disc, and the hole around it."""
    truth = case.truth[0].numpy().astype(np.float64)
    height, width = truth.shape[:2]
    far = radius + ring + 8
    grey = truth.mean(axis=-1)
    centres = [(y, x) for y in range(far, height - far, 16) for x in range(far, width - far, 16)]
    y, x = min(centres, key=lambda at: grey[at[0] - far : at[0] + far, at[1] - far : at[1] + far].std())
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot(rows - y, columns - x)
    disc, hole = away < radius, away < radius + 8
    # Strong colors in both directions: a change of contrast or hue shows.
    strange = np.where(((rows // 10 + columns // 10) % 2 == 0)[..., None], [0.75, 0.12, 0.1], [0.1, 0.15, 0.5])
    return np.where(disc[..., None], strange, truth), disc, hole


def with_block(case: Case, side: str) -> np.ndarray:
    """Return a photograph with a dark red block that reaches 16 pixels over one edge of the hole; or a soft shadow."""
    truth = case.truth[0].numpy().astype(np.float64)
    height, width = truth.shape[:2]
    rows, columns = np.nonzero(case.hole[0].numpy())
    first = columns.min() if side != "right" else columns.max()
    at = int(rows[columns == first].mean())
    inner = first + 16 if side != "right" else first - 16
    across = slice(max(inner - width // 5, 0), inner) if side != "right" else slice(inner, inner + width // 5)
    covered = np.zeros((height, width))
    covered[max(at - height // 7, 0) : at + height // 7, across] = 1
    if side == "shadow":
        return truth * (1 - 0.5 * ndimage.gaussian_filter(covered, 10)[..., None])
    return np.where(covered[..., None] > 0, [0.35, 0.03, 0.04], truth)


def sheet(rows: list[tuple[str, list[tuple[str, np.ndarray]]]], path: Path, quality: int = 82) -> None:
    """Write pictures (values in 0..1) side by side, a row for each photograph, each picture with a title."""
    drawn = []
    for name, pictures in rows:
        tiles = []
        for title, picture in pictures:
            tile: np.ndarray = np.ascontiguousarray((picture.clip(0, 1) * 255).round().astype(np.uint8)[..., ::-1])
            tile = cv2.copyMakeBorder(tile, 20, 4, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
            cv2.putText(tile, f"{name}: {title}", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
            tiles.append(tile)
        drawn.append(np.hstack(tiles))
    width = max(row.shape[1] for row in drawn)
    full = [
        cv2.copyMakeBorder(row, 0, 0, 0, width - row.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3) for row in drawn
    ]
    cv2.imwrite(str(path), np.vstack(full), [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else [])


def _photo(name: str) -> np.ndarray:
    folder = Path(skimage.data.__file__).parent
    (path,) = (path for path in folder.glob(f"{name}.*") if path.suffix in (".png", ".jpg"))
    return skimage.io.imread(path)[..., :3].astype(np.float64) / 255


def _hole(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Draw a blob like one painted around an object, over about a fifth of the picture."""
    random = np.random.default_rng(seed)
    height, width = shape[:2]
    y, x = np.mgrid[:height, :width]
    x, y = x - width * random.uniform(0.42, 0.58), y - height * random.uniform(0.42, 0.58)
    angle, radius = np.arctan2(y, x), 0.27
    for waves in range(2, 7):
        radius = radius + random.uniform(-0.035, 0.035) * np.sin(waves * angle + random.uniform(0, 2 * np.pi))
    return (np.hypot(x, y) < radius * min(height, width)).astype(np.float64)


def _as_decoded(picture: np.ndarray, seed: int) -> np.ndarray:
    """Add a VAE's errors: slight blur and slight noise."""
    noise = 0.006 * np.random.default_rng(seed).standard_normal(picture.shape)
    return (ndimage.gaussian_filter(picture, (0.5, 0.5, 0)) + noise).clip(0, 1)
