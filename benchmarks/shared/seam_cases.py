"""Photographs with twenty kinds of pasted error each, for grading by eye and for comparing the seam score with it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage import color
from torch import Tensor

from devtools.pictures.photographs import photographs
from inpaint.compositing import composite_mask

# Constants of the score were chosen on the first four (even places among the sorted names of all). The others only
# judge.
TUNED = ("summer_1am", "GreenMeadow", "Wine_by_Jakkub_Mede", "Path")
JUDGED = ("aitzgorri_by_Aitzol_Berasategi", "TwoWings", "BytheWater", "Garden")
# Width in pixels at which the pictures are seen, and half axes of the pasted ellipse.
WIDTH, RADII = 480, (95, 72)

Paste = Callable[[np.ndarray], np.ndarray]


def _shifted(*lab: float) -> Paste:
    """Add to lightness, a and b."""
    return lambda picture: _rgb(color.rgb2lab(picture) + np.array(lab))


def _rgb(lab: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        # Colors outside sRGB are clipped.
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(color.lab2rgb(lab))


def _blurred(sigma: float) -> Paste:
    return lambda picture: cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _noisy(picture: np.ndarray) -> np.ndarray:
    return picture + 0.03 * np.random.default_rng(0).standard_normal(picture.shape)


def _without_grain(picture: np.ndarray) -> np.ndarray:
    """Remove weak detail and keep edges, as a sampler with few steps does."""
    return cv2.bilateralFilter(picture.astype(np.float32), 9, 0.12, 3).astype(np.float64)


def _moved(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = np.array([[1, 0, 1.5], [0, 1, 0.0]])
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def _ramp(picture: np.ndarray) -> np.ndarray:
    """Add -8 to 8 to lightness, from left to right."""
    lab = color.rgb2lab(picture)
    lab[..., 0] += np.linspace(-8 * WIDTH / 2 / RADII[0], 8 * WIDTH / 2 / RADII[0], WIDTH)
    return _rgb(lab)


# Name -> what was done to the pasted picture, and the width of the soft edge in pixels.
CASES: dict[str, tuple[Paste, float]] = {
    "none": (lambda picture: picture, 8),
    "L+1 hard": (_shifted(1, 0, 0), 0),
    "L+2 hard": (_shifted(2, 0, 0), 0),
    "L+4 f32": (_shifted(4, 0, 0), 32),
    "L+4 f8": (_shifted(4, 0, 0), 8),
    "L+4 hard": (_shifted(4, 0, 0), 0),
    "L+8 f16": (_shifted(8, 0, 0), 16),
    "L+8 hard": (_shifted(8, 0, 0), 0),
    "L+16 f8": (_shifted(16, 0, 0), 8),
    "L+16 hard": (_shifted(16, 0, 0), 0),
    "blur 4 f16": (_blurred(4), 16),
    "blur 1.5 f8": (_blurred(1.5), 8),
    "a+8 b-8 f8": (_shifted(0, 8, -8), 8),
    "a+3 f16": (_shifted(0, 3, 0), 16),
    "noise f8": (_noisy, 8),
    "no grain f8": (_without_grain, 8),
    "moved f8": (_moved, 8),
    "ramp f8": (_ramp, 8),
    "L+6 f16": (_shifted(6, 0, 0), 16),
    "L-8 f16": (_shifted(-8, 0, 0), 16),
}


def read(path: Path) -> np.ndarray:
    """Return a picture, [H, W, 3] in 0..1."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(path)
    return picture[..., ::-1].astype(np.float64) / 255


def photograph(name: str) -> np.ndarray:
    """Return a photograph of `devtools.pictures`, WIDTH pixels wide: [H, W, 3] in 0..1."""
    picture = read(photographs()[name])
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    return cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)


def hole(name: str, height: int) -> Tensor:
    """Return the ellipse that is pasted, [1, H, W], off the middle by an amount that depends on the name."""
    right, down = np.random.default_rng(sum(name.encode())).uniform(-40, 40, 2)
    y, x = np.mgrid[:height, :WIDTH]
    inside = np.hypot((x - WIDTH / 2 - right) / RADII[0], (y - height / 2 - down) / RADII[1]) < 1
    return torch.from_numpy(inside)[None].float()


def case(picture: np.ndarray, mask: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Paste one case. Returns the picture [1, H, W, 3], rounded to 8 bit as it is seen, and the weight [1, H, W]."""
    change, edge = CASES[name]
    weight = composite_mask(mask, edge)
    share = weight[0, ..., None].double().numpy()
    mixed = picture + share * (change(picture) - picture)
    return torch.from_numpy((mixed.clip(0, 1) * 255).round() / 255).float()[None], weight
