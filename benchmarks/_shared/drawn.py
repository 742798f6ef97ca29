"""Masks as people and detectors make them, drawn at any size: blobs, strokes, a ring, pinholes and specks."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor


class Drawn:
    """The masks [batch, size, size] of one row, every frame its own; each kind is made when it is first asked for.

    They reach into the corners of the picture, so that nothing is saved by working on the part around the mask, and
    cover a fifth of it; only `small` keeps to a tenth of either side.
    """

    def __init__(self, size: int, batch: int) -> None:
        self.size, self.batch = size, batch

    @cached_property
    def area(self) -> np.ndarray:
        """uint8, 1 on the mask."""
        return np.stack([draw(self.size, seed) for seed in range(self.batch)])

    @cached_property
    def rest(self) -> np.ndarray:
        """uint8, 1 beside it."""
        return 1 - self.area

    @cached_property
    def hard(self) -> Tensor:
        """float32, as are all that follow."""
        return torch.from_numpy(self.area.astype(np.float32))

    @cached_property
    def soft(self) -> Tensor:
        """With an edge some 16 pixels wide, of any values."""
        return torch.from_numpy(np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in self.hard.numpy()]))

    @cached_property
    def soft_8_bit(self) -> Tensor:
        """The same, of the values that a picture holds."""
        return self.soft.mul(255).round_().div_(255)

    @cached_property
    def soft_other(self) -> Tensor:
        return self.soft.flip(1, 2)

    @cached_property
    def small(self) -> Tensor:
        mask = torch.zeros(self.batch, self.size, self.size)
        side = self.size // 10
        start = (self.size - side) // 2
        mask[:, start : start + side, start : start + side] = Drawn(side, self.batch).hard
        return mask


def draw(size: int, seed: int) -> np.ndarray:
    """[size, size] uint8 of 0 and 1."""
    rng = np.random.default_rng(seed)
    area: np.ndarray = np.zeros((size, size), np.uint8)

    def spot(margin: float) -> tuple[int, int]:
        x, y = rng.integers(int(margin * size), size - int(margin * size), 2)
        return int(x), int(y)

    for _ in range(10):
        width, height = rng.integers(size // 32, size // 10, 2)
        cv2.ellipse(area, spot(0.1), (int(width), int(height)), int(rng.integers(180)), 0, 360, 1, -1)
    for _ in range(4):
        stroke = np.array([spot(0.05) for _ in range(4)], np.int32)
        cv2.polylines(area, [stroke], False, 1, max(1, size // 100))
    ring = spot(0.2)
    cv2.circle(area, ring, size // 8, 1, -1)
    cv2.circle(area, ring, size // 12, 0, -1)
    # Specks and pinholes have the same few pixels at every size; a larger picture has more of them.
    for value in (1, 0):
        for _ in range(size // 8):
            cv2.circle(area, spot(0), int(rng.integers(3)), value, -1)
    area[:2, :2] = area[-2:, -2:] = 1
    return area
