"""Pasting a repainted picture back, so that what is outside the mask stays what it was, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .checks import check_image
from .errors import InpaintError
from .masks import feather as feather_edge


@dataclass(frozen=True)
class Pasted:
    """A composite and the proof of it.

    image: [B, H, W, C], dtype, device and alpha of the original.
    max_change_outside: largest |difference| to the original where the mask is 0; 0.0, or the paste is wrong.
    unusable: pixels in the mask that stayed as they were since the repainted picture held NaN or infinity there.
    """

    image: Tensor
    max_change_outside: float
    unusable: int


def composite_mask(mask: Tensor, feather: float) -> Tensor:
    """How much of the repainted picture to take at every pixel.

    Whatever was repainted at all, however softly, is pasted in full; the soft edge lies around it. An edge inside would
    let what a thin stroke removed shine through again, and what lies just outside the mask was repainted with it: a
    masked latent cell reaches up to its own width beyond the mask.

    Args:
        mask: [B, H, W] float, 0 = kept, above 0 = repainted.
        feather: width of the soft edge in pixels; 0 takes the mask's own values for the blend.

    Returns:
        [B, H, W]: 1 on the mask, exactly 0 from `feather` pixels outside it.
    """
    return feather_edge((mask > 0).to(mask.dtype), feather, side="outside") if feather > 0 else mask


def paste(original: Tensor, repainted: Tensor, mask: Tensor) -> Pasted:
    """Paste the repainted picture over the original where the mask says so.

    Args:
        original: [B, H, W, C] float, C = 3 or 4; B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float; its colours are used, never its alpha. B may be 1 for many originals.
        mask: [B, H, W] float, 0 = keep, 1 = repaint, between the two a linear blend; B may be 1.

    Returns:
        the composite. It selects with `where` rather than by arithmetic: x + 0 * NaN is NaN, and x * 1.0 is not
        always the bits of x.

    Raises:
        InpaintError: if sizes or batches do not fit.
    """
    check_image(original, "image")
    check_image(repainted, "repainted picture")
    if repainted.shape[1:3] != original.shape[1:3] or mask.shape[1:] != original.shape[1:3]:
        raise InpaintError(
            f"composite: expected one size, got image {_size(original)}, repainted picture {_size(repainted)}, "
            f"mask {mask.shape[2]}x{mask.shape[1]}. Give the picture that was repainted, at the size it had then."
        )
    batch = max(len(original), len(repainted), len(mask))
    if any(len(part) not in (1, batch) for part in (original, repainted, mask)):
        raise InpaintError(
            f"composite: expected batches of one length, or of 1, got {len(original)} images, {len(repainted)} "
            f"repainted pictures and {len(mask)} masks. Connect as many as there are, or one for all."
        )
    original = original.expand(batch, -1, -1, -1)
    weight = mask.to(original.device, torch.float32).expand(batch, -1, -1)
    colour = repainted[..., :3].to(original.device, torch.float32)

    finite = colour.isfinite().all(dim=-1)
    inside = (weight > 0) & finite
    blended = torch.lerp(original[..., :3].float(), colour, weight[..., None]).to(original.dtype)
    rgb = torch.where(inside[..., None], blended, original[..., :3])
    image = torch.cat([rgb, original[..., 3:]], dim=-1)
    return Pasted(image, _max_change(original, image, weight == 0), unusable=int(((weight > 0) & ~finite).sum()))


def _max_change(before: Tensor, after: Tensor, where: Tensor) -> float:
    same = (before == after) | (before.isnan() & after.isnan())
    change = (after.float() - before.float()).abs().nan_to_num(nan=torch.inf).masked_fill(same, 0.0)
    return float(change.amax(dim=-1)[where].amax()) if where.any() else 0.0


def _size(image: Tensor) -> str:
    return f"{image.shape[2]}x{image.shape[1]}"
