"""Connected regions of one frame [H, W]."""

import numpy as np
import torch
from torch import Tensor


def enclosed(solid: Tensor) -> Tensor:
    """Pixels outside `solid` from which no 4-connected path outside it reaches the picture's border.

    Args:
        solid: [H, W] bool.

    Returns:
        [H, W] bool, same device.
    """
    import cv2

    # One open ring around the picture joins all that touches the border, so a single flood reaches it.
    canvas = np.pad(solid.cpu().numpy().astype(np.uint8), 1)
    cv2.floodFill(canvas, None, (0, 0), 1, flags=4)
    return torch.from_numpy(canvas[1:-1, 1:-1] == 0).to(solid.device)


def smaller_than(area: Tensor, pixels: int) -> Tensor:
    """Pixels of those 8-connected regions of `area` that have fewer than `pixels` pixels.

    Args:
        area: [H, W] bool.
        pixels: count.

    Returns:
        [H, W] bool, same device.
    """
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(area.cpu().numpy().astype(np.uint8), connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < pixels
    return torch.from_numpy(small[labels]).to(area.device) & area
