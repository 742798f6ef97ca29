"""Masks at the resolution of a latent."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.checks import check_choice
from ...core.errors import InpaintError

# What a latent cell takes of its pixels, and of its frames.
POOLS: dict[str, Callable[..., Tensor]] = {"max": torch.amax, "area": torch.mean}


def pool(mask: Tensor, latent_shape: torch.Size | tuple[int, ...], take: str = "max") -> Tensor:
    """A mask at the resolution of a latent, for any ratio of pixels, and of frames, to a cell.

    The host would resize bilinearly without antialiasing, which at 8 pixels to a cell looks at 4 pixels of 64, so
    that thin strokes vanish. The maximum keeps a one-pixel stroke, and 0 stays exactly 0.

    Args:
        mask: [B, H, W] float, [B, 1, H, W], or [B, 1, T, H, W].
        latent_shape: of the latent, [B, C, h, w] or [B, C, T, h, w].
        take: "max", the largest value of a cell's pixels, or "area", their mean.

    Returns:
        [B, 1, h, w], or [B, 1, t, h, w] where the latent has frames: a 4-D mask on a 5-D latent would be read as
        frames by the host. A mask batch longer than 1 is one mask a frame where the latent is a single film (B = 1),
        and one a film otherwise. Frames of a film become latent frames as video VAEs make them: the first alone, the
        others in groups of one length.

    Raises:
        InpaintError: if the number of masks fits neither the batch nor the frames of the latent, or `take` is
            unknown.
    """
    check_choice("take", take, POOLS)
    height, width = latent_shape[-2:]
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    if flat.shape[2] % height or flat.shape[3] % width:
        shrink = F.adaptive_max_pool2d if take == "max" else F.adaptive_avg_pool2d
        cells = shrink(flat, (height, width)).to(mask.dtype)
    else:
        # Several times faster, one direction at a time.
        rows = POOLS[take](flat.unflatten(2, (height, -1)), dim=3)
        cells = POOLS[take](rows.unflatten(3, (width, -1)), dim=4).to(mask.dtype)
    if len(latent_shape) == 4:
        return cells
    batch, frames = latent_shape[0], latent_shape[2]
    if mask.ndim == 5:
        film = cells.reshape(*mask.shape[:3], height, width)
    elif len(cells) == batch or len(cells) == 1:
        film = cells[:, :, None].expand(-1, -1, frames, -1, -1)
    elif batch == 1:
        film = cells.movedim(0, 1)[None]
    else:
        raise InpaintError(
            f"noise mask: expected 1 or {batch} (the batch) masks, got {len(cells)}. "
            "Connect one mask for all, or as many as there are pictures."
        )
    return _pool_frames(film, frames, take)


def grow_cells(cells: Tensor, count: int) -> Tensor:
    """A mask at a latent's resolution, widened by whole cells in all eight directions; soft values keep their value.

    Args:
        cells: [B, 1, h, w] or [B, 1, T, h, w] float.
        count: cells; 0 returns the mask unchanged.
    """
    if not count:
        return cells
    frames = cells.reshape(-1, 1, *cells.shape[-2:])
    return F.max_pool2d(frames, 2 * count + 1, stride=1, padding=count).reshape(cells.shape)


def _pool_frames(film: Tensor, frames: int, take: str) -> Tensor:
    """[B, 1, T, h, w] to [B, 1, frames, h, w]."""
    given = film.shape[2]
    if given == frames:
        return film
    if given == 1:
        return film.expand(-1, -1, frames, -1, -1)
    group, left_over = divmod(given - 1, frames - 1) if frames > 1 else (0, 1)
    if not group or left_over:
        fitting = f"1 mask, {frames}, or 1 + n x {frames - 1}" if frames > 1 else "1 mask"
        raise InpaintError(
            f"noise mask: expected {fitting} for a latent of {frames} frames, got {given}. "
            "Connect one mask for all, or as many as the film has frames."
        )
    others = POOLS[take](film[:, :, 1:].unflatten(2, (frames - 1, group)), dim=3)
    return torch.cat([film[:, :, :1], others], dim=2)
