"""Runs operators that use OpenCV or numpy on each frame of a batch, on all cores."""

import math
import os
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...core.alloc import allocate

# Number of pixels of a band, about: it stays in the processor's cache from one pass over it to the next.
BAND = 2**20


def each_frame(
    mask: Tensor,
    work: Callable[[np.ndarray], np.ndarray],
    reach: float | None = None,
    overlap: float | None = None,
) -> Tensor:
    """Apply `work` to each frame of a mask.

    Args:
        mask: [B, H, W] float, on any device.
        work: takes a frame [H, W], float64 if the mask is float64, else float32, and returns one of the same size. It
            must not change its input. It runs in several threads at once; OpenCV and numpy release the GIL.
        reach: the distance in pixels up to which values above 0 affect the result; everything farther away must become
            0. `work` then gets only the box around these values, with a margin of `reach` + 1 pixels. None passes whole
            frames.
        overlap: the distance in rows up to which a value affects the result. Large frames are then cut into bands of
            rows, each with so many rows more at either side. None passes frames in one piece.

    Returns:
        [B, H, W], dtype and device of `mask`.
    """
    from concurrent.futures import ThreadPoolExecutor

    dtype = torch.float64 if mask.dtype == torch.float64 else torch.float32
    frames = mask.detach().to("cpu", dtype).contiguous().numpy()
    windows = [_whole(frame) if reach is None else _window(frame, reach) for frame in frames]
    bands = [
        (index, band, columns)
        for index, (rows, columns) in enumerate(windows)
        for band in _bands(rows, columns, overlap)
    ]
    # np.zeros gets zeroed memory from the system; zeros_like would write the zeros.
    empty = np.empty if reach is None else np.zeros

    if len(bands) == 1:
        # `work` runs before the results are allocated. Otherwise the memory that it frees lies above them and goes back
        # to the system each time.
        (_, band, columns) = bands[0]
        result = work(frames[0][band.rows, columns])
        if result.shape == frames[0].shape and result.dtype == frames.dtype and _is_new(result, frames):
            return torch.from_numpy(result[None]).to(device=mask.device, dtype=mask.dtype)
        results = empty(frames.shape, frames.dtype)
        results[0][band.rows, columns] = result
    else:
        results = empty(frames.shape, frames.dtype)

        def do(part: tuple[int, _Band, slice]) -> None:
            index, band, columns = part
            results[index][band.rows, columns] = work(frames[index][band.seen, columns])[band.kept]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(do, bands))
    return torch.from_numpy(results).to(device=mask.device, dtype=mask.dtype)


def allocate_like(mask: Tensor) -> Tensor:
    """Allocate an uninitialised tensor of the same shape, dtype and device."""
    return allocate(mask.shape, mask)


class _Band(NamedTuple):
    """Rows of a frame that are worked on at once."""

    rows: slice
    """The rows of the frame that are made."""
    seen: slice
    """The rows of the frame that are read."""
    kept: slice
    """`rows`, counted from the first row that is read."""


def _bands(rows: slice, columns: slice, overlap: float | None) -> list[_Band]:
    """Cut a window into bands. They are at least eight overlaps high: what overlaps is computed twice."""
    height = rows.stop - rows.start
    if overlap is None or overlap >= height:
        return [_Band(rows, rows, slice(None))]
    more = math.ceil(overlap)
    least = max(BAND // (columns.stop - columns.start), 8 * more, 1)
    count = max(1, round(height / least))
    edges = [rows.start + height * number // count for number in range(count + 1)]
    bands = []
    for top, bottom in pairwise(edges):
        first = max(top - more, rows.start)
        bands.append(
            _Band(slice(top, bottom), slice(first, min(bottom + more, rows.stop)), slice(top - first, bottom - first))
        )
    return bands


def _is_new(result: np.ndarray, frames: np.ndarray) -> bool:
    """Return whether a result is an array of its own: no part of another one, and not the input."""
    return result.base is None and not np.may_share_memory(result, frames)


def _whole(frame: np.ndarray) -> tuple[slice, slice]:
    height, width = frame.shape
    return slice(0, height), slice(0, width)


def _window(frame: np.ndarray, reach: float) -> tuple[slice, slice]:
    """Return the rows and columns within `reach` + 1 pixels of values above 0; a corner if the frame is empty."""
    import cv2

    margin = math.ceil(min(reach, max(frame.shape))) + 1
    x, y, width, height = cv2.boundingRect((frame > 0).view(np.uint8))
    bottom, right = frame.shape
    return (
        slice(max(y - margin, 0), min(y + height + margin, bottom)),
        slice(max(x - margin, 0), min(x + width + margin, right)),
    )
