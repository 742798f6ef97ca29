"""Runs operators that use OpenCV or numpy on each frame of a batch, on all cores."""

import math
import os
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...core.alloc import allocate


def each_frame(mask: Tensor, work: Callable[[np.ndarray], np.ndarray], reach: float | None = None) -> Tensor:
    """Apply `work` to each frame of a mask.

    Args:
        mask: [B, H, W] float, on any device.
        work: takes a frame [H, W], float64 if the mask is float64, else float32, and returns one of the same size. It
            must not change its input. It runs in several threads at once; OpenCV and numpy release the GIL.
        reach: the distance in pixels up to which values above 0 affect the result; everything farther away must become
            0. `work` then gets only the box around these values, with a margin of `reach` + 1 pixels. None passes whole
            frames.

    Returns:
        [B, H, W], dtype and device of `mask`.
    """
    from concurrent.futures import ThreadPoolExecutor

    dtype = torch.float64 if mask.dtype == torch.float64 else torch.float32
    frames = mask.detach().to("cpu", dtype).contiguous().numpy()
    windows = [... if reach is None else _window(frame, reach) for frame in frames]
    # np.zeros gets zeroed memory from the system; zeros_like would write the zeros.
    empty = np.empty if reach is None else np.zeros

    if len(frames) == 1:
        # `work` runs before the results are allocated. Otherwise the memory that it frees lies above them and goes back
        # to the system each time.
        result = work(frames[0][windows[0]])
        results = empty(frames.shape, frames.dtype)
        results[0][windows[0]] = result
    else:
        results = empty(frames.shape, frames.dtype)

        def do(index: int) -> None:
            results[index][windows[index]] = work(frames[index][windows[index]])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(do, range(len(frames))))
    return torch.from_numpy(results).to(device=mask.device, dtype=mask.dtype)


def allocate_like(mask: Tensor) -> Tensor:
    """Allocate an uninitialised tensor of the same shape, dtype and device."""
    return allocate(mask.shape, mask)


def _window(frame: np.ndarray, reach: float) -> tuple[slice, slice]:
    """Return the rows and columns within `reach` + 1 pixels of values above 0; a corner if the frame is empty."""
    import cv2

    margin = math.ceil(min(reach, max(frame.shape))) + 1
    x, y, width, height = cv2.boundingRect((frame > 0).view(np.uint8))
    return slice(max(y - margin, 0), y + height + margin), slice(max(x - margin, 0), x + width + margin)
