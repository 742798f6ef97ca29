"""Masks like those of people and detectors, drawn at any size: blobs, strokes, a ring, pinholes and specks."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor


class Drawn:
    """The masks [batch, size, size] of one row of a table. Every frame differs. Each mask is drawn on first access.

    They cover a fifth of the picture and reach into its corners, so working on the mask's bounding box saves nothing.
    Only `small` is confined: to a tenth of each side.
    """

    def __init__(self, size: int, batch: int) -> None:
        self.size, self.batch = size, batch

    @cached_property
    def area(self) -> np.ndarray:
        """uint8, 1 = masked."""
        return np.stack([draw(self.size, seed) for seed in range(self.batch)])

    @cached_property
    def rest(self) -> np.ndarray:
        """uint8, 1 = not masked."""
        return 1 - self.area

    @cached_property
    def hard(self) -> Tensor:
        """float32, as are all masks below."""
        return torch.from_numpy(self.area.astype(np.float32))

    @cached_property
    def soft(self) -> Tensor:
        """A soft edge about 16 pixels wide, with arbitrary values."""
        return torch.from_numpy(np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in self.hard.numpy()]))

    @cached_property
    def soft_8_bit(self) -> Tensor:
        """Like `soft`, rounded to 8-bit values."""
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
    """Draw a mask: [size, size] uint8, 0 or 1."""
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
    # Specks and pinholes have the same size at every resolution; larger pictures have more of them.
    for value in (1, 0):
        for _ in range(size // 8):
            cv2.circle(area, spot(0), int(rng.integers(3)), value, -1)
    area[:2, :2] = area[-2:, -2:] = 1
    return area
