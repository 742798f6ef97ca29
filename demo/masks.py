"""Random masks: strokes, boxes, ellipses and thin scratches."""

from __future__ import annotations

import cv2
import numpy as np


def random_mask(random: np.random.Generator, side: int, least: float = 0.08, most: float = 0.4) -> np.ndarray:
    """Draw a mask [side, side] uint8, 0 or 1: shapes of one or two kinds, until they cover a random share.

    Args:
        random: the random generator.
        side: side in pixels.
        least, most: range of the masked share. The last shape may exceed it.
    """
    mask = np.zeros((side, side), np.uint8)
    share = random.uniform(least, most)
    shapes = (_stroke, _box, _ellipse, _scratch)
    kinds = [shapes[number] for number in random.choice(len(shapes), size=2, p=[0.4, 0.2, 0.25, 0.15])]
    for _ in range(40):
        kinds[random.integers(2)](random, mask)
        if mask.mean() >= share:
            break
    return mask


def _stroke(random: np.random.Generator, mask: np.ndarray) -> None:
    """Draw a stroke like one painted by hand with a round brush."""
    _wander(random, mask, width=int(len(mask) * random.uniform(0.06, 0.2)), reach=0.2)


def _scratch(random: np.random.Generator, mask: np.ndarray) -> None:
    _wander(random, mask, width=int(random.integers(1, 6)), reach=0.4)


def _wander(random: np.random.Generator, mask: np.ndarray, width: int, reach: float) -> None:
    side = len(mask)
    steps = random.integers(2, 6)
    angles = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, 0.6, steps))
    lengths = side * random.uniform(0.05, reach, steps)
    turns = np.stack([np.cos(angles), np.sin(angles)], 1) * lengths[:, None]
    points = random.uniform(0, side, 2) + np.vstack([[0, 0], np.cumsum(turns, 0)])
    cv2.polylines(mask, [points.round().astype(np.int32)], False, 1, max(int(width), 1))


def _box(random: np.random.Generator, mask: np.ndarray) -> None:
    side = len(mask)
    width, height = side * random.uniform(0.1, 0.5, 2)
    left, top = random.uniform(0, side - width), random.uniform(0, side - height)
    mask[int(top) : int(top + height), int(left) : int(left + width)] = 1


def _ellipse(random: np.random.Generator, mask: np.ndarray) -> None:
    side = len(mask)
    centre = tuple(int(x) for x in random.uniform(0.1, 0.9, 2) * side)
    axes = tuple(int(x) for x in random.uniform(0.06, 0.25, 2) * side)
    cv2.ellipse(mask, centre, axes, random.uniform(0, 180), 0, 360, 1, -1)
