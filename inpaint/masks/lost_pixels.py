"""Pictures whose pixels are lost exactly under the mask: black, as mask editors and canvases leave them that erase."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.checks import check_fits

# Most erased pixels are black but for rounding; the rest, at the mask's edge, may have been smeared by a JPEG.
BLACK, DARK = 1.5 / 255, 16 / 255
# The share of the masked pixels that are dark at least, and the share of the pixels beside the mask at most.
MASKED, BESIDE = 0.97, 0.5
# The largest mean difference of two files of one picture.
CLOSE = 3 / 255
# Fewer masked pixels say nothing.
LEAST = 64
# Width of what is looked at beside the mask, in pixels.
RING = 4


def pixels_are_lost(image: Tensor, mask: Tensor) -> bool:
    """Whether a picture is black under its mask and not beside it, in any frame.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4.
        mask: [B, H, W] float in 0..1.

    Raises:
        InpaintError: if they do not fit.
    """
    check_fits(image, mask)
    return any(_lost(frame, hole) for frame, hole in zip(image, mask, strict=True))


def _lost(frame: Tensor, mask: Tensor) -> bool:
    hole = mask > 0.99
    count = int(hole.count_nonzero())
    if count < LEAST or count == hole.numel():
        return False
    brightest = frame[..., :3].amax(dim=-1)
    dark = brightest <= DARK
    if int((brightest[hole] <= BLACK).count_nonzero()) < count / 2 or int(dark[hole].count_nonzero()) < MASKED * count:
        return False
    side = 2 * RING + 1
    # Soft pixels are darkened in part, so the ring lies around all that is masked.
    masked = mask > 0
    ring = torch.nn.functional.max_pool2d(masked[None].float(), side, 1, RING)[0].bool() & ~masked
    return int((dark & ring).count_nonzero()) < BESIDE * int(ring.count_nonzero())


def with_pixels_of(image: Tensor, mask: Tensor, unmasked: Tensor) -> Tensor | None:
    """Return a picture with the masked pixels of another file of it; None if the other shows another picture.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4.
        mask: [B, H, W] float; above 0 = taken from `unmasked`.
        unmasked: [1 or B, H, W, 3 or 4] float in 0..1; alpha is ignored.

    Returns:
        [B, H, W, C], dtype and device of `image`. Alpha and what is not masked are those of `image`.
    """
    if unmasked.shape[1:3] != image.shape[1:3] or len(unmasked) not in (1, len(image)):
        return None
    colors = unmasked[..., :3].to(image)
    kept = mask == 0
    difference = (colors - image[..., :3]).float().abs().mean(dim=-1)
    if not float(difference[kept].mean()) <= CLOSE:  # NaN if nothing is kept
        return None
    return torch.cat([torch.where(kept[..., None], image[..., :3], colors), image[..., 3:]], dim=-1)
