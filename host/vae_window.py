"""Encode and decode a window of a picture, in a time that follows the window's size and not the picture's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..inpaint.core.geometry import Box, Size
from ..inpaint.networks.group_norms import GroupNorms
from .vae import VaeResult, decode, encode, vae_ratio, would_tile

# Cells around a window that are worked on too, so that its rim sees what is beside it. See benchmarks/vae_window.md.
MARGIN = 8
# The longer side in cells of the small copy that tells what group norms measure of the whole.
SMALL = 64


def is_local(vae: Any) -> bool:
    """Return whether a VAE's network works on each place alone, without looking at the whole picture.

    Group norms and attention look at the whole. A window of a network without them is decoded as in the whole.
    """
    modules = vae.first_stage_model.modules()
    return not any(
        isinstance(each, nn.GroupNorm) or "attn" in _kind(each) or "attention" in _kind(each) for each in modules
    )


def decodes_window(vae: Any, samples: Tensor, budget: int | None = None) -> bool:
    """Return whether to decode only a window where that is possible: if nothing is lost by it.

    That is with a network that works on each place alone, and where the whole would be decoded in tiles. Arguments: as
    in `decode`.
    """
    return is_local(vae) or would_tile(vae, samples, budget)


def decode_window(vae: Any, samples: Tensor, window: Box, budget: int | None = None) -> VaeResult:
    """Decode a window of latents.

    Args:
        vae, samples, budget: as in `decode`.
        window: in latent cells.

    Returns:
        Pictures [B, window.height * ratio, window.width * ratio, C].

    Raises:
        InpaintError: as `decode`.
    """
    ratio = vae_ratio(vae)
    seen = _seen(window, Size(samples.shape[-1], samples.shape[-2]))
    norms = GroupNorms(vae.first_stage_model)
    parts = []
    # One by one: the host divides batches by memory, so a small copy's batch may not be its window's.
    for sample in samples.split(1):
        if norms:
            with norms.recording():
                decode(vae, _shrunk(sample, 1, "nearest-exact"), budget)
        with norms.replaying():
            parts.append(decode(vae, sample[(..., *seen.slices)], budget))
    rows, columns = window.moved(-seen.x, -seen.y).times(ratio).slices
    return _joined(parts, [part.result[:, rows, columns] for part in parts])


def encode_window(vae: Any, pixels: Tensor, window: Box, budget: int | None = None) -> VaeResult:
    """Encode a window of pictures, and the rest of them roughly: from a small copy.

    Args:
        vae, budget: as in `encode`.
        pixels: [B, H, W, 3] float in 0..1, H and W multiples of the VAE's ratio.
        window: in latent cells.

    Returns:
        Latents of the whole pictures, as of `encode`.

    Raises:
        InpaintError: as `encode`.
    """
    ratio = vae_ratio(vae)
    whole = Size(pixels.shape[2] // ratio, pixels.shape[1] // ratio)
    seen = _seen(window, whole)
    rows, columns = seen.times(ratio).slices
    norms = GroupNorms(vae.first_stage_model)
    parts, latents = [], []
    for picture in pixels.split(1):
        with norms.recording():
            rough = encode(vae, _shrunk(picture.movedim(-1, 1), ratio, "area").movedim(1, -1), budget)
        with norms.replaying():
            parts.append(encode(vae, picture[:, rows, columns], budget))
        latent = _resized(rough.result, (whole.height, whole.width), "bilinear")
        inner = window.moved(-seen.x, -seen.y)
        latent[(..., *window.slices)] = parts[-1].result[(..., *inner.slices)]
        latents.append(latent)
    return _joined(parts, latents)


def _seen(window: Box, whole: Size) -> Box:
    """Return the window and its margin, in cells."""
    return window.widened(MARGIN, MARGIN).within(whole)


def _shrunk(values: Tensor, multiple: int, mode: str) -> Tensor:
    """Return a copy whose longer side is at most `SMALL` times `multiple`, and whose sides are multiples of that.

    Args:
        mode: of pixels "area", which makes a smaller picture. Means of latents spread less than latents do, so of them
            single ones are taken ("nearest-exact").
    """
    height, width = values.shape[-2:]
    scale = min(1.0, SMALL * multiple / max(height, width))
    sides = [max(1, round(side * scale / multiple)) * multiple for side in (height, width)]
    return _resized(values, sides, mode)


def _resized(values: Tensor, sides: Sequence[int], mode: str) -> Tensor:
    """Resize [B, C, h, w] or [B, C, T, h, w]. Always a copy."""
    planes = values.flatten(0, -3)[:, None]
    resized = F.interpolate(planes, size=tuple(sides), mode=mode)
    return resized.reshape(*values.shape[:-2], *sides).clone()


def _joined(parts: Sequence[VaeResult], results: Sequence[Tensor]) -> VaeResult:
    tiles = [part.tile for part in parts if part.tile is not None]
    return VaeResult(torch.cat(list(results)), min(tiles, default=None), any(part.ran_out for part in parts))


def _kind(module: nn.Module) -> str:
    return type(module).__name__.lower()
