"""OpenCV's two inpainting methods, which fill from the hole's edge inwards and continue lines."""

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
# Known values are scaled to 0..UNITS, because both methods add or compare constants in the picture's units.
# OpenCV's Telea adds up to two units to every pixel: half a unit as if it rounded, and a gradient divided by its own
# length. Later pixels are computed from the sum. In 8-bit units this brightens a large hole by several levels. In units
# this small it is negligible.
TELEA_UNITS = 2.0**20
# OpenCV's Navier-Stokes treats a gradient below 0.01 units as zero. In these units that is half an 8-bit level, so that
# nearly even areas are not taken for lines.
NAVIER_STOKES_UNITS = 5.0


def fill_telea(image: Tensor, mask: Tensor, radius: float = RADIUS, progress: Progress | None = None) -> Tensor:
    """Fill the masked area from its edge inwards; each pixel is a weighted mean of known and filled pixels near it.

    Weights favour pixels along the edge's normal and on its level lines. This is OpenCV's method in float, without
    8-bit steps and without its brightening. It is single-threaded and slow for large holes.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        radius: radius in pixels of the neighbourhood that is averaged; rounded, and clamped to 1..100.
        progress: called with pictures done and pictures in total; an exception that it raises stops the fill.

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
    """Fill the masked area from its edge inwards so that lines of equal brightness continue into it.

    Arguments, result and errors are those of `fill_telea`.

    Source: after Bertalmio, Bertozzi and Sapiro 2001, doi:10.1109/CVPR.2001.990497.
    """
    import cv2

    make = _inpainting(cv2.INPAINT_NS, radius, NAVIER_STOKES_UNITS)
    return fill_from_surroundings(image, mask, make, _reach(radius), progress=progress)


def _reach(radius: float) -> int:
    check_amount("radius", radius, "3 is usual; larger is smoother and slower.")
    # Gradients also read pixels just outside the radius.
    return round(min(radius, 100)) + 2


def _inpainting(method: int, radius: float, units: float) -> Callable[[Surroundings], Tensor]:
    import cv2

    def make(around: Surroundings) -> Tensor:
        # OpenCV skips a row at the picture's border, and reads beyond a picture of a single row. Padding avoids both.
        unknown = np.pad((~around.known[0, 0]).cpu().numpy().view(np.uint8), 1, mode="edge")

        def channel(plane: Tensor) -> Tensor:
            pixels = np.pad(plane.cpu().numpy() * np.float32(units), 1, mode="edge")
            return torch.from_numpy(cv2.inpaint(pixels, unknown, radius, method)[1:-1, 1:-1]) / units

        def inpaint(unit: Tensor) -> Tensor:
            with ThreadPoolExecutor(unit.shape[1]) as pool:
                return torch.stack(list(pool.map(channel, unit[0]))).to(unit.device)[None]

        return around.in_unit_range(inpaint)

    return make
