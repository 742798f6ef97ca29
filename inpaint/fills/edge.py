"""The nearest known color for every pixel of the hole."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.progress import Progress
from .surroundings import Surroundings, fill_from_surroundings


def fill_edge(image: Tensor, mask: Tensor, progress: Progress | None = None) -> Tensor:
    """Fill every pixel with the color of the nearest known one.

    Distance is Euclidean, between pixel centres. Of several equally near pixels, one is taken.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float; above 0 is filled.
        progress: called with pictures done and pictures in total; an exception that it raises stops the fill.

    Returns:
        [B, H, W, C], same dtype and device; computed in float32.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    # A reach of 1 is enough: the nearest known pixel always touches the hole.
    return fill_from_surroundings(image, mask, _nearest, reach=1, progress=progress)


def _nearest(around: Surroundings) -> Tensor:
    from scipy.ndimage import distance_transform_edt

    if not around.known.any():
        return around.colors
    unknown = ~around.known[0, 0].cpu().numpy()
    places = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    rows, columns = torch.from_numpy(places).to(around.colors.device, torch.int64)
    return around.colors[..., rows, columns]
