"""Exact Euclidean distances on the pixel grid."""

import torch
from torch import Tensor


def distance_to(area: Tensor) -> Tensor:
    """Distance from every pixel's centre to the centre of the nearest pixel of `area`.

    Only pixels inside the picture count: the border is neither part of the area nor of its outside.

    Args:
        area: [B, H, W] bool.

    Returns:
        [B, H, W] float32 on the same device, in pixels: 0 on the area, infinite in a frame whose area is empty.
        Squares of distances are whole numbers; those below 2048 ** 2 are told apart exactly.

    Source: Felzenszwalb & Huttenlocher 2012, doi:10.4086/toc.2012.v008a019, as in OpenCV's DIST_MASK_PRECISE.
    """
    import cv2

    away = (~area).to(device="cpu", dtype=torch.uint8).numpy()
    distance = torch.stack(
        [torch.from_numpy(cv2.distanceTransform(frame, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)) for frame in away]
    ).to(area.device)
    empty = ~area.flatten(1).any(dim=1)
    return distance.masked_fill(empty[:, None, None], torch.inf)
