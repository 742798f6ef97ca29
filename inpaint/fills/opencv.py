"""OpenCV's two ways to inpaint, which march from the hole's edge inwards and go on with what they meet."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_amount
from ..core.progress import Progress
from .surroundings import Surroundings, fill_from_surroundings

RADIUS = 3.0
# OpenCV's Telea adds to every pixel up to two of whatever units the picture has (half a unit as if it rounded, and a
# gradient that it divides by its own length), and counts on with the sum. In 8 bits that brightens a large hole by
# some levels. In units as small as this, it is nothing.
TELEA_UNITS = 2.0**20
# Its Navier-Stokes takes a gradient below a hundredth of a unit for none: here that is half an 8-bit level, so that
# what is nearly even is not taken for lines.
NAVIER_STOKES_UNITS = 5.0


def fill_telea(image: Tensor, mask: Tensor, radius: float = RADIUS, progress: Progress | None = None) -> Tensor:
    """Fill the masked area from its edge inwards, each pixel with a weighted mean of those near it that have a value.

    Weights favour pixels along the edge's normal and on its level lines. It is OpenCV's, in float: no 8-bit steps, and
    none of its brightening. Single-threaded and slow for large holes.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        radius: how far a pixel looks for others, in pixels; rounded, 1 to 100.
        progress: called with pictures done and pictures in all; what it raises ends the work.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32 on the CPU.

    Raises:
        InpaintError: if `image` is not a picture, `mask` does not fit it, or `radius` is negative or not finite.

    Source: Telea 2004, doi:10.1080/10867651.2004.10487596.
    """
    import cv2

    make = _inpainting(cv2.INPAINT_TELEA, radius, TELEA_UNITS)
    return fill_from_surroundings(image, mask, make, _reach(radius), progress=progress)


def fill_navier_stokes(image: Tensor, mask: Tensor, radius: float = RADIUS, progress: Progress | None = None) -> Tensor:
    """Fill the masked area from its edge inwards so that lines of equal brightness go on into it.

    Otherwise as `fill_telea`.

    Source: after Bertalmio, Bertozzi and Sapiro 2001, doi:10.1109/CVPR.2001.990497.
    """
    import cv2

    make = _inpainting(cv2.INPAINT_NS, radius, NAVIER_STOKES_UNITS)
    return fill_from_surroundings(image, mask, make, _reach(radius), progress=progress)


def _reach(radius: float) -> int:
    check_amount("radius", radius, "3 is usual; larger is smoother and slower.")
    # Gradients are taken from one pixel further out.
    return round(min(radius, 100)) + 2


def _inpainting(method: int, radius: float, units: float) -> Callable[[Surroundings], Tensor]:
    import cv2

    def make(around: Surroundings) -> Tensor:
        # At a picture's border OpenCV misses a row, and of a single row it looks for others: so there is one more.
        unknown = np.pad((~around.known[0, 0]).cpu().numpy().view(np.uint8), 1, mode="edge")

        def channel(plane: Tensor) -> Tensor:
            pixels = np.pad(plane.cpu().numpy() * np.float32(units), 1, mode="edge")
            return torch.from_numpy(cv2.inpaint(pixels, unknown, radius, method)[1:-1, 1:-1]) / units

        def inpaint(unit: Tensor) -> Tensor:
            with ThreadPoolExecutor(unit.shape[1]) as pool:
                return torch.stack(list(pool.map(channel, unit[0]))).to(unit.device)[None]

        return around.in_unit_range(inpaint)

    return make
