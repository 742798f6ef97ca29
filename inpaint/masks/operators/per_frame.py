"""One frame after the other, on all cores: how operators that lean on OpenCV and numpy take a batch."""

import math
import os
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...core.alloc import allocate
from ...core.checks import check_mask


def each_frame(mask: Tensor, work: Callable[[np.ndarray], np.ndarray], reach: float | None = None) -> Tensor:
    """A mask whose every frame is what `work` makes of it.

    Args:
        mask: [B, H, W] float, on any device.
        work: takes a frame [H, W], float64 where the mask is and float32 otherwise, which it must not change; gives
            one of the same size. Runs in several threads at once: OpenCV and numpy let each other run.
        reach: how many pixels away a value above 0 can matter, where all else is bound to be 0: `work` is then given
            only the window around such values, this and a pixel more wide on each side. None gives it whole frames.

    Returns:
        [B, H, W], dtype and device of `mask`.

    Raises:
        InpaintError: if `mask` is not [B, H, W].
    """
    from concurrent.futures import ThreadPoolExecutor

    check_mask(mask)
    dtype = torch.float64 if mask.dtype == torch.float64 else torch.float32
    frames = mask.detach().to("cpu", dtype).contiguous().numpy()
    windows = [... if reach is None else _window(frame, reach) for frame in frames]
    # Not zeros_like, which writes its zeros: here they come with the memory.
    empty = np.empty if reach is None else np.zeros

    if len(frames) == 1:
        # Done before there is room for it: memory that `work` frees on top of that goes back to the system each time.
        done = work(frames[0][windows[0]])
        results = empty(frames.shape, frames.dtype)
        results[0][windows[0]] = done
    else:
        results = empty(frames.shape, frames.dtype)

        def do(index: int) -> None:
            results[index][windows[index]] = work(frames[index][windows[index]])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(do, range(len(frames))))
    return torch.from_numpy(results).to(device=mask.device, dtype=mask.dtype)


def allocate_like(mask: Tensor) -> Tensor:
    """An uninitialised tensor like this one, for a result."""
    return allocate(mask.shape, mask)


def _window(frame: np.ndarray, reach: float) -> tuple[slice, slice]:
    """Rows and columns within `reach` of what is above 0; a corner of an empty frame."""
    import cv2

    margin = math.ceil(min(reach, max(frame.shape))) + 1
    x, y, width, height = cv2.boundingRect((frame > 0).view(np.uint8))
    return slice(max(y - margin, 0), y + height + margin), slice(max(x - margin, 0), x + width + margin)
