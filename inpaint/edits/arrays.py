"""Pictures as OpenCV reads them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..compositing.pair import all_finite
from ..core.threads import one_thread
from .mapping import Mapping
from .warp import warped


@one_thread()
def array(picture: Tensor) -> np.ndarray:
    """Return the colors of [H, W, C], as float32 in 0..1 on the CPU."""
    return picture[..., :3].detach().cpu().float().nan_to_num(0, 1, 0).clamp(0, 1).contiguous().numpy()


def grey(picture: np.ndarray) -> np.ndarray:
    """Return the lightness [H, W] of [H, W, 3] float32."""
    import cv2

    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def length(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths [H, W] of vectors [H, W, 3] float32, several times as fast as NumPy over a last axis of 3."""
    import cv2

    return np.asarray(cv2.sqrt(total(vectors * vectors)))


def total(channels: np.ndarray) -> np.ndarray:
    """Return the sums [H, W] over the channels of [H, W, 3] float32."""
    import cv2

    return cv2.transform(channels, np.ones((1, 3), np.float32))


def sound(edited: Tensor, mapping: Mapping) -> Tensor:
    """Return which pixels of the original get only finite values of [h, w, C]: [H, W] bool on the CPU."""
    finite = all_finite(edited).cpu()
    if finite.all():
        return torch.ones(mapping.height, mapping.width, dtype=torch.bool)
    share, _ = warped(finite.float().numpy(), mapping)
    return torch.from_numpy(share > 0.99)
