"""Mask operations in the ways in which other node packs do them, written anew. Each takes and returns [H, W] float32.

They are what makes the other packs fast or slow, without their batches, devices and formats.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy import ndimage
from torch.nn import functional


def square(frame: np.ndarray, px: int) -> np.ndarray:
    """Grow by a square, in one pass along rows and one along columns."""
    return ndimage.grey_dilation(frame, size=(2 * px + 1, 2 * px + 1))


def disc(frame: np.ndarray, px: int) -> np.ndarray:
    """Grow by a disc, each pixel of it a comparison."""
    y, x = np.mgrid[-px : px + 1, -px : px + 1]
    return ndimage.grey_dilation(frame, footprint=x * x + y * y <= px * px)


def step_by_step(frame: np.ndarray, px: int) -> np.ndarray:
    """Grow by 3 x 3 pixels, as often as there are pixels to grow."""
    planes = torch.from_numpy(frame)[None, None]
    for _ in range(px):
        planes = functional.max_pool2d(planes, 3, 1, 1)
    return planes[0, 0].numpy()


def one_pool(frame: np.ndarray, px: int) -> np.ndarray:
    """Grow by a square, in one pooling."""
    return functional.max_pool2d(torch.from_numpy(frame)[None, None], 2 * px + 1, 1, px)[0, 0].numpy()


def filled(frame: np.ndarray, px: int) -> np.ndarray:
    """Fill holes by scipy, which floods from the border one pixel at a time."""
    return ndimage.binary_fill_holes(frame > 0).astype(np.float32)


def without_specks(frame: np.ndarray, px: int) -> np.ndarray:
    """Remove patches of fewer than 16 pixels by scipy's labels."""
    labels, count = ndimage.label(frame > 0, structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(frame > 0, labels, range(count + 1))
    return np.where(sizes[labels] >= 16, frame, 0)


def blurred_by_pillow(frame: np.ndarray, px: int) -> np.ndarray:
    """Blur by Pillow, in 8 bits: three box filters."""
    picture = Image.fromarray((frame * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(px))
    return np.asarray(picture).astype(np.float32) / 255


def blurred_by_torch(frame: np.ndarray, px: int) -> np.ndarray:
    """Blur by two convolutions, with a kernel of 2 px + 1 pixels."""
    weights = torch.exp(-0.5 * (torch.arange(-px, px + 1) / (px / 3)) ** 2)
    weights /= weights.sum()
    planes = functional.pad(torch.from_numpy(frame)[None, None], (px, px, px, px), "replicate")
    planes = functional.conv2d(planes, weights.view(1, 1, 1, -1))
    return functional.conv2d(planes, weights.view(1, 1, -1, 1))[0, 0].numpy()
