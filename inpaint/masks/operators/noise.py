"""The noise between two pictures: how far they differ where nothing was changed.

JPEG, a VAE, resizing and blur change texture most and flat areas least. So noise is measured on the more textured half
of the pixels that have texture in both pictures, as the median and the median absolute deviation (MAD) of the Delta E.
Half of these pixels may have changed. The Delta E has a longer tail than a bell curve, hence the many deviations.

Decided on eight photographs of 512 to 1024 pixels after JPEG 90, 75 and 60, blur, bicubic reduction to half and back,
grain, and a shift of colors. Of means over 3, 5 and 7 pixels, those over 5 gave the best outlines with less than 0.5 %
of false area: 3 left 0.8 % after JPEG 75 and 1.4 % after a reduction. After JPEG, 99.5 % of the means were within 8.1
deviations of the median on the textured half, and within 9.8 on all pixels; 9 was chosen because on 12 other
photographs 8 left 0.6 % of one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# Side of the windows whose means are compared, in pixels.
WINDOW = 5
# Deviations above the median within which a difference is noise.
DEVIATIONS = 9
# Pixels with noise up to this Delta E are compared one by one. Rounding to 8 bits gives up to 1.2.
SMALLEST_NOISE = 1.5
# What is above this Delta E is a change everywhere. JPEG at quality 20 gives 11 to 16.
LARGEST_NOISE = 20.0
# A pixel has texture if the lightness around it varies by more than this, about one step of 8 bits.
LEAST_TEXTURE = 0.5
# Pixels needed to measure on, and the most that are looked at.
FEWEST, MOST = 64, 65_536


def textured(lightness: Tensor, other: Tensor) -> Tensor:
    """Choose the pixels on which noise is measured.

    Args:
        lightness, other: [H, W] float32 CIE L* of two pictures, on the CPU. NaN is no texture.

    Returns:
        Flat indices of pixels, at most `MOST`; few or none in a small picture.
    """
    texture = torch.minimum(_range(lightness), _range(other))
    step = max(1, int((texture.numel() / MOST) ** 0.5))
    places = torch.arange(texture.numel()).view(texture.shape)[::step, ::step].flatten()
    found = texture.flatten()[places]
    rough = found[found > LEAST_TEXTURE]
    return places if len(rough) < FEWEST else places[found >= rough.median()]


def of_pixels(distance: Tensor, at: Tensor) -> float:
    """Return the largest Delta E that is noise between single pixels.

    Args:
        distance: [H, W] float32 Delta E of each pixel.
        at: the pixels that count, from `textured`.
    """
    return _measured(distance, at, passes=1)


def of_means(distance: Tensor, at: Tensor) -> float | None:
    """Return the largest Delta E that is noise between means of windows. None if nearly everything is changed.

    Args:
        distance: [H, W] float32 Delta E between means of windows.
        at: the pixels that count, from `textured`.
    """
    # The second pass leaves out what the first one found changed, which widens the deviations.
    noise = _measured(distance, at, passes=2)
    return noise if noise <= LARGEST_NOISE else None


def smoothed_distance(difference: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Compare means of windows instead of pixels.

    Args:
        difference: [3, H, W] float32, finite; one picture's Lab values minus the other's.
        distance: [H, W] float32, the length of these.

    Returns:
        Two of [H, W]. The Delta E between the means. And the smaller of this and the pixels' own Delta E, whose dark
        spots narrower than the window are filled: a mean reaches over the edge of a change by half a window, the
        pixels do not.
    """
    import cv2

    side = (WINDOW, WINDOW)
    means = [cv2.blur(plane, side, borderType=cv2.BORDER_REFLECT) for plane in difference.numpy()]
    between_means = torch.from_numpy(np.stack(means)).square().sum(dim=0).sqrt()
    own = cv2.morphologyEx(distance.numpy(), cv2.MORPH_CLOSE, np.ones(side, np.uint8))
    return between_means, torch.minimum(between_means, torch.from_numpy(own))


def _range(lightness: Tensor) -> Tensor:
    """Return the largest minus the smallest value in the 3 x 3 pixels around each pixel, [H, W]."""
    import cv2

    plane, around = lightness.nan_to_num().numpy(), np.ones((3, 3), np.uint8)
    return torch.from_numpy(cv2.dilate(plane, around) - cv2.erode(plane, around))


def _measured(distance: Tensor, at: Tensor, passes: int) -> float:
    values = distance.flatten()[at]
    if len(values) < FEWEST:
        return 0.0
    limit = torch.inf
    for _ in range(passes):
        values = values[values <= limit]
        middle = values.median()
        limit = float(middle + DEVIATIONS * (values - middle).abs().median())
    return limit
