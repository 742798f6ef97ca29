"""Pictures and masks as small files, for previews."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor

from ..core.alloc import unexpand

# Of JPEG. At 1024 x 1024 it takes 5 ms and 100 to 300 KB; PNG takes 150 ms and over 1 MB.
QUALITY = 90


def shrink(pictures: Tensor, longest: int) -> Tensor:
    """Shrink pictures to a longest side, each pixel the mean of the area that it covers. Never enlarges.

    Args:
        pictures: [B, H, W] or [B, H, W, C] float.
        longest: the longest side in pixels.

    Returns:
        [B, h, w] or [B, h, w, C] float32 on the CPU.
    """
    import cv2

    pictures = pictures.detach().to("cpu", torch.float32)
    height, width = pictures.shape[1:3]
    ratio = longest / max(height, width)
    if ratio >= 1:
        return pictures
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    frames = [cv2.resize(frame.numpy(), size, interpolation=cv2.INTER_AREA) for frame in unexpand(pictures)]
    small = torch.from_numpy(np.stack(frames)).view(len(frames), size[1], size[0], *pictures.shape[3:])
    return small.expand(len(pictures), *small.shape[1:])


def encode(picture: Tensor) -> tuple[str, bytes]:
    """Encode a picture as JPEG, or exactly as PNG of 1 bit a pixel if it is a mask of only 0 and 1.

    Args:
        picture: [H, W] or [H, W, 3] float32 in 0..1 on the CPU. Values beyond are clamped; NaN is black.

    Returns:
        The ending of the file's name, ".jpg" or ".png", and the file.
    """
    import cv2
    from PIL import Image

    values, file = np.ascontiguousarray(picture.numpy()), io.BytesIO()
    if values.ndim == 2:
        white = values == 1
        if np.count_nonzero(white) + np.count_nonzero(values == 0) == values.size:
            Image.fromarray(white).save(file, "PNG", compress_level=1)
            return ".png", file.getvalue()
    # OpenCV's conversion rounds, and is ten times as fast as numpy's. It takes the absolute value, so clamp before.
    levels = cv2.convertScaleAbs(np.fmin(np.fmax(values, 0), 1), alpha=255)
    Image.fromarray(levels).save(file, "JPEG", quality=QUALITY)
    return ".jpg", file.getvalue()
