"""Masks of video frames."""

import math

import torch
from torch import Tensor

from ...core.checks import check_amount, check_mask


def smooth_over_time(mask: Tensor, frames: float) -> Tensor:
    """Average each frame with its neighbours, weighted by a Gaussian over time, so that edges do not flicker.

    Thresholded at 0.5 afterwards, the mask is hard again, and gaps or patches that last a single frame are gone (for
    `frames` of 0.8 and more; of two frames, from 1.5). The first and last frame are repeated beyond the ends.

    Args:
        mask: [B, H, W] float, B frames in order.
        frames: standard deviation in frames; 0 returns the mask unchanged. The kernel is truncated at 4 of them.

    Returns:
        [B, H, W], same dtype and device.

    Raises:
        InpaintError: if `mask` is not [B, H, W], or `frames` is negative or not finite.
    """
    check_mask(mask)
    check_amount("frames", frames, "Use 0 to leave the mask as it is.")
    return averaged(mask, frames)


def averaged(mask: Tensor, frames: float) -> Tensor:
    """`smooth_over_time` without checks."""
    if frames == 0 or len(mask) == 1:
        return mask
    reach = int(4 * frames + 0.5)
    steps = range(-reach, reach + 1)
    heights = [math.exp(-0.5 * (step / frames) ** 2) for step in steps]
    weights = [height / sum(heights) for height in heights]
    smoothed = torch.empty_like(mask, memory_format=torch.contiguous_format)
    for number, result in enumerate(smoothed):
        share = [0.0] * len(mask)
        for step, weight in zip(steps, weights, strict=True):
            share[min(max(number + step, 0), len(mask) - 1)] += weight
        # Summed in float64, the rounding error of the weights vanishes in the conversion back, so 1 stays exactly 1.
        frame = torch.zeros(mask.shape[1:], dtype=torch.float64, device=mask.device)
        for neighbour, weight in enumerate(share):
            if weight:
                frame.add_(mask[neighbour], alpha=weight)
        result.copy_(frame)
    return smoothed.clamp_(0, 1)
