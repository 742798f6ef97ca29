"""All of our fills, and those of other libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from inpaint import fills
from inpaint.patchmatch import fill_patchmatch

Fill = Callable[[Tensor, Tensor], Tensor]


def bare_opencv(image: Tensor, mask: Tensor, method: int) -> Tensor:
    """Fill with OpenCV as usually called: in 8 bit, without clearing the hole."""
    pictures = (image * 255).round().byte().numpy()
    holes = (mask > 0).byte().numpy()
    filled = [cv2.inpaint(picture, hole, fills.RADIUS, method) for picture, hole in zip(pictures, holes, strict=True)]
    return torch.from_numpy(np.stack(filled)).float() / 255


def biharmonic(image: Tensor, mask: Tensor) -> Tensor:
    from skimage.restoration import inpaint_biharmonic

    filled = [
        inpaint_biharmonic(picture, hole > 0, split_into_regions=True, channel_axis=-1)
        for picture, hole in zip(image.numpy(), mask.numpy(), strict=True)
    ]
    return torch.from_numpy(np.stack(filled)).float()


OURS: dict[str, Fill] = {
    "neutral": fills.fill_neutral,
    "edge": fills.fill_edge,
    "harmonic": fills.fill_harmonic,
    "blur": fills.fill_blur,
    "noise": fills.fill_noise,
    "telea": fills.fill_telea,
    "navier-stokes": fills.fill_navier_stokes,
    "patchmatch": fill_patchmatch,
}
OTHERS: dict[str, Fill] = {
    "OpenCV Telea": partial(bare_opencv, method=cv2.INPAINT_TELEA),
    "OpenCV NS": partial(bare_opencv, method=cv2.INPAINT_NS),
    "biharmonic": biharmonic,
}
ALL = OURS | OTHERS
