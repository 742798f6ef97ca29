"""Lower bounds of the operators' times: single OpenCV calls on one frame, with inputs already in the form they need.

An operator without such a bound is compared with a peer that does the same work; the label says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

# Pixels per side of a pooled cell, and frames per average over time, as the benchmark calls the operators.
CELL = 8
TAPS = 9


@dataclass(frozen=True)
class Bare:
    """The lower bound of an operator's time."""

    words: str
    """Label: what is done."""
    needs: tuple[str, ...]
    """Names of the masks of `Drawn` that `run` takes."""
    run: Callable[..., object]
    """Takes one frame of each mask, then the radius in pixels."""


def _distance(area: np.ndarray, px: int) -> np.ndarray:
    return cv2.distanceTransform(area, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _distances(area: np.ndarray, rest: np.ndarray, px: int) -> object:
    return _distance(area, px), _distance(rest, px)


def _components(area: np.ndarray, px: int) -> object:
    return cv2.connectedComponentsWithStats(area, connectivity=8)


def _blur(frame: np.ndarray, sigma: float) -> np.ndarray:
    width = 2 * int(4 * sigma + 0.5) + 1
    return cv2.GaussianBlur(frame, (width, width), sigma, borderType=cv2.BORDER_REPLICATE)


def _reconstruct(frame: np.ndarray, px: int) -> np.ndarray:
    from skimage.morphology import reconstruction

    seed = np.full_like(frame, frame.max())
    seed[[0, -1]], seed[:, [0, -1]] = frame[[0, -1]], frame[:, [0, -1]]
    return reconstruction(seed, frame, "erosion", footprint=cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))


def _hull(area: np.ndarray, px: int) -> np.ndarray:
    contours, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.fillConvexPoly(np.zeros(area.shape, np.float32), cv2.convexHull(np.vstack(contours)), 1.0)


def _box(area: np.ndarray, px: int) -> np.ndarray:
    return cv2.rectangle(np.zeros(area.shape, np.float32), cv2.boundingRect(area), 1.0, -1)


def _line(frame: np.ndarray, px: int) -> np.ndarray:
    return cv2.addWeighted(frame, 1.25, frame, 0, -0.125)


def _average(frame: np.ndarray, px: int) -> np.ndarray:
    total = cv2.addWeighted(frame, 1 / TAPS, frame, 0, 0)
    for _ in range(TAPS - 1):
        cv2.scaleAdd(frame, 1 / TAPS, total, total)
    return total


def _cells(frame: np.ndarray, px: int) -> np.ndarray:
    height, width = frame.shape
    return cv2.resize(frame, (width // CELL, height // CELL), interpolation=cv2.INTER_AREA)


AROUND = Bare("one exact distance transform", ("rest",), _distance)
WITHIN = Bare("one exact distance transform", ("area",), _distance)
BOTH = Bare("two exact distance transforms", ("area", "rest"), _distances)
COMPONENTS = Bare("one components pass with areas", ("area",), _components)
BLUR_4 = Bare("one Gaussian blur, the same sigma", ("hard",), lambda frame, px: _blur(frame, px / 4))
BLUR_2 = Bare("one Gaussian blur, sigma px/2", ("hard",), lambda frame, px: _blur(frame, px / 2))
RECONSTRUCTION = Bare("scikit-image's reconstruction (a peer)", ("soft_8_bit",), _reconstruct)
HULL = Bare("one findContours, convexHull, fillConvexPoly", ("area",), _hull)
BOX = Bare("one boundingRect, rectangle", ("area",), _box)
CUT = Bare("one threshold", ("soft",), lambda frame, px: cv2.threshold(frame, 0.5, 1, cv2.THRESH_BINARY))
CUT_TO_0 = Bare("one threshold to zero", ("soft",), lambda frame, px: cv2.threshold(frame, 0.02, 1, cv2.THRESH_TOZERO))
LINE = Bare("one addWeighted", ("soft",), _line)
POWER = Bare("one pow", ("soft",), lambda frame, px: cv2.pow(frame, 1 / 2.2))
SUBTRACT = Bare("one subtract", ("soft", "soft_other"), lambda frame, other, px: cv2.subtract(frame, other))
CELLS = Bare("one resize by area", ("soft",), _cells)
AVERAGE = Bare(f"{TAPS} weighted sums for a frame", ("hard",), _average)
