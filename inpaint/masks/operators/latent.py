"""Masks at latent resolution."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.checks import check_choice
from ...core.errors import InpaintError

# Pixels of a noise mask per latent cell in the host's nodes, whatever the model.
HOST_CELL = 8
# How the pixels, and the frames, of a latent cell become one value.
POOLS: dict[str, Callable[..., Tensor]] = {"max": torch.amax, "area": torch.mean}


def pool(mask: Tensor, latent_shape: torch.Size | tuple[int, ...], take: str = "max") -> Tensor:
    """Reduce a mask to latent resolution, for any number of pixels, and of frames, per cell.

    The host would resize bilinearly without antialiasing. At 8 pixels per cell that reads 4 pixels of 64, so thin
    strokes vanish. The maximum keeps a one-pixel stroke, and 0 stays exactly 0.

    Args:
        mask: [B, H, W], [B, 1, H, W] or [B, 1, T, H, W] float.
        latent_shape: shape of the latent, [B, C, h, w] or [B, C, t, h, w].
        take: "max" for the largest value of a cell's pixels, "area" for their mean.

    Returns:
        [B, 1, h, w]; for a video latent [B, 1, t, h, w], because the host would read a 4-D mask on a 5-D latent as
        frames. A mask batch above 1 holds one mask per frame if the latent is a single video (B = 1), else one mask per
        video. Frames are grouped into latent frames as video VAEs do: the first alone, the others in groups of equal
        length.

    Raises:
        InpaintError: if the number of masks fits neither the batch nor the frames of the latent, or `take` is unknown.
    """
    check_choice("take", take, POOLS)
    height, width = latent_shape[-2:]
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    if flat.shape[2] % height or flat.shape[3] % width:
        shrink = F.adaptive_max_pool2d if take == "max" else F.adaptive_avg_pool2d
        cells = shrink(flat, (height, width)).to(mask.dtype)
    else:
        # One direction at a time is several times faster.
        rows = POOLS[take](flat.unflatten(2, (height, -1)), dim=3)
        cells = POOLS[take](rows.unflatten(3, (width, -1)), dim=4).to(mask.dtype)
    if len(latent_shape) == 4:
        return cells
    batch, frames = latent_shape[0], latent_shape[2]
    if mask.ndim == 5:
        video = cells.reshape(*mask.shape[:3], height, width)
    elif len(cells) == batch or len(cells) == 1:
        video = cells[:, :, None].expand(-1, -1, frames, -1, -1)
    elif batch == 1:
        video = cells.movedim(0, 1)[None]
    else:
        raise InpaintError(
            f"noise mask: expected 1 or {batch} (the batch) masks, got {len(cells)}. "
            "Connect one mask for all, or as many as there are pictures."
        )
    return _pool_frames(video, frames, take)


def in_pixels(cells: Tensor, ratio: int) -> Tensor:
    """Enlarge a mask at latent resolution to the size at which the host's nodes keep noise masks: 8 pixels a cell.

    Its Rebatch Latents joins it with masks that it makes at that size. All pixels of a cell have the cell's value,
    which the host's samplers and `pool` then read exactly.

    Args:
        cells: [B, C, h, w] or [B, 1, T, h, w].
        ratio: pixels of the picture per latent cell.

    Returns:
        [B, C, 8 h, 8 w]. Masks of videos, which those nodes do not take, and masks of models that work on pixels, which
        would grow to 64 times the picture, are returned as they are.
    """
    if cells.ndim != 4 or ratio == 1:
        return cells
    return cells.repeat_interleave(HOST_CELL, dim=-1).repeat_interleave(HOST_CELL, dim=-2)


def grow_cells(cells: Tensor, count: int) -> Tensor:
    """Widen a mask at latent resolution by whole cells in all eight directions. Soft values stay soft.

    Args:
        cells: [B, 1, h, w] or [B, 1, T, h, w] float.
        count: number of cells; 0 returns the mask unchanged.

    Returns:
        Same shape, dtype and device.
    """
    if not count:
        return cells
    frames = cells.reshape(-1, 1, *cells.shape[-2:])
    return F.max_pool2d(frames, 2 * count + 1, stride=1, padding=count).reshape(cells.shape)


def _pool_frames(video: Tensor, frames: int, take: str) -> Tensor:
    """Reduce [B, 1, T, h, w] to [B, 1, frames, h, w]."""
    given = video.shape[2]
    if given == frames:
        return video
    if given == 1:
        return video.expand(-1, -1, frames, -1, -1)
    group, remainder = divmod(given - 1, frames - 1) if frames > 1 else (0, 1)
    if not group or remainder:
        expected = f"1 mask, {frames}, or 1 + n x {frames - 1}" if frames > 1 else "1 mask"
        raise InpaintError(
            f"noise mask: expected {expected} for a latent of {frames} frames, got {given}. "
            "Connect one mask for all, or as many as the video has frames."
        )
    others = POOLS[take](video[:, :, 1:].unflatten(2, (frames - 1, group)), dim=3)
    return torch.cat([video[:, :, :1], others], dim=2)
