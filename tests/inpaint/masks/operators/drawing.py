"""Masks for tests: drawn by hand or generated."""

import numpy as np
import torch
from hypothesis import strategies as st


def drawn(rows: str) -> torch.Tensor:
    """Return a mask [1, H, W] from rows of characters: # is 1, + is 0.5, . is 0."""
    return torch.tensor([[[{"#": 1.0, "+": 0.5, ".": 0.0}[cell] for cell in row] for row in rows.split()]])


@st.composite
def masks(draw, soft: bool | None = None):
    """Random masks [B, H, W] in 0..1, hard or quantised; scattered pixels, or confined to one corner."""
    shape = draw(st.tuples(st.integers(1, 2), st.integers(1, 16), st.integers(1, 16)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.05, 0.3, 0.6, 0.95, 1.0]))
    mask = (random.random(shape) < density).astype(np.float32)
    if draw(st.booleans()) if soft is None else soft:
        # Eighths are exact in every dtype. 8-bit pictures have 255ths.
        steps = draw(st.sampled_from([8, 255]))
        mask *= (random.integers(0, steps + 1, shape) / steps).astype(np.float32)
    if draw(st.booleans()):
        top, left = random.integers(0, shape[1]), random.integers(0, shape[2])
        mask[:, :top], mask[:, :, :left] = 0, 0
    return torch.from_numpy(mask)


def scene(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Return a mask [1, H, W] of 0 and 1 as a user draws it: blobs, some with holes, strokes and specks."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), bool)
    for number in range(6):
        row, column, radius = random.uniform(0, height), random.uniform(0, width), random.uniform(4, height / 6)
        distance = np.hypot(y - row, x - column)
        mask |= distance <= radius
        if number % 2:
            mask &= distance > radius / 2
    mask[random.integers(0, height), : width // 2] = True
    mask[random.integers(0, height, 20), random.integers(0, width, 20)] = True
    return torch.from_numpy(mask.astype(np.float32))[None]
