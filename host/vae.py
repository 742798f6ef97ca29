"""Encode pictures to latents and decode them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import comfy.model_management
import torch
from torch import Tensor

from ..inpaint.core.errors import InpaintError
from ..inpaint.core.latents import check_latent, streams_of
from ..inpaint.model_families.latent_check import check_samples
from ..inpaint.vram.memory_plan import TILES
from .memory import could_be_free, free_memory, is_oom

# Tile sides to retry with after memory ran out, in pixels: the first, and the smallest.
FIRST_TILE, LEAST_TILE = 256, 64


def vae_ratio(vae: Any) -> int:
    """Return the pixels per latent cell along each side (8 for SD and Flux)."""
    return int(vae.spacial_compression_encode())


def vae_latents(vae: Any) -> tuple[int, bool]:
    """Return the number of latent channels of a VAE, and whether its latents have frames."""
    return int(vae.latent_channels), vae.latent_dim == 3


def decodable(vae: Any, latent: dict[str, Any], name: str = "latent") -> Tensor:
    """Return the latents of a LATENT in the layout that a VAE decodes.

    Of nested latents, such as video with audio, these are the first, as in the host's VAE Decode. A video VAE gets
    pictures as videos of one frame, and an image VAE videos of one frame as pictures.

    Raises:
        InpaintError: if `latent` is no LATENT, or the VAE cannot decode it.
    """
    _check(vae)
    check_latent(latent, name)
    samples = streams_of(latent["samples"])[0]
    if vae.latent_dim == 3 and samples.ndim == 4:
        samples = samples.unsqueeze(2)
    elif vae.latent_dim == 2 and samples.ndim == 5 and samples.shape[2] == 1:
        samples = samples.squeeze(2)
    advice = "Connect the VAE of the model that sampled the latent."
    check_samples(samples, int(vae.latent_channels), int(vae.latent_dim), "the VAE", advice, name)
    return samples


@dataclass(frozen=True)
class VaeResult:
    """The output of a VAE and how it was computed."""

    result: Tensor
    """Latents or pictures."""
    tile: int | None
    """Side of the tiles in pixels; None if the VAE worked in one piece."""
    ran_out: bool
    """Whether memory ran out on the way. If False, any tiles were planned."""


def encode(vae: Any, pixels: Tensor, budget: int | None = None) -> VaeResult:
    """Encode a batch of pictures.

    A video VAE would read a batch as the frames of one video, so it encodes pictures one by one.

    Args:
        vae: the host's VAE.
        pixels: [B, H, W, 3] float in 0..1. The host crops H and W to multiples of `vae_ratio`.
        budget: bytes of the card that may be used; None = all free memory.

    Returns:
        Latents [B, C, h, w], or [B, C, 1, h, w] from a video VAE.

    Raises:
        InpaintError: if the VAE comes from a checkpoint without one, or memory runs out even in the smallest tiles.
    """
    _check(vae)
    videos = [pixels] if vae.latent_dim == 2 or len(pixels) == 1 else list(pixels.split(1))

    def need(height: int, width: int) -> float:
        shape = (1, 3, height, width) if vae.latent_dim == 2 else (1, 3, 1, height, width)
        return vae.memory_used_encode(shape, vae.vae_dtype)

    def work(tile: int | None) -> Tensor:
        if tile is None:
            return torch.cat([vae.encode(video) for video in videos])
        tiled_vae = _reserving(vae, "memory_used_encode", need(tile, tile))
        overlap = max(vae_ratio(vae), tile // 8)
        return torch.cat([tiled_vae.encode_tiled(video, tile_x=tile, tile_y=tile, overlap=overlap) for video in videos])

    return _whole_or_tiled(vae, work, need, pixels.shape[1], pixels.shape[2], budget, "encoding")


def would_tile(vae: Any, samples: Tensor, budget: int | None = None) -> bool:
    """Return whether `decode` would work in tiles. Arguments: as there."""
    height, width = (length * vae_ratio(vae) for length in samples.shape[-2:])
    return _planned_tile(vae, _decoding_need(vae, samples), height, width, budget) is not None


def decode(vae: Any, samples: Tensor, budget: int | None = None) -> VaeResult:
    """Decode a batch of latents.

    Args:
        vae: the host's VAE.
        samples: [B, C, h, w], or [B, C, T, h, w] for a video VAE.
        budget: bytes of the card that may be used; None = all free memory.

    Returns:
        Pictures [B, H, W, C]. Frames of videos are joined into the batch.

    Raises:
        InpaintError: as `encode`.
    """
    _check(vae)
    ratio = vae_ratio(vae)
    height, width = (length * ratio for length in samples.shape[-2:])

    need = _decoding_need(vae, samples)

    def work(tile: int | None) -> Tensor:
        if tile is None:
            return vae.decode(samples)
        tiled_vae = _reserving(vae, "memory_used_decode", need(tile, tile))
        cells = max(1, tile // ratio)
        return tiled_vae.decode_tiled(samples, tile_x=cells, tile_y=cells, overlap=cells // 4)

    worked = _whole_or_tiled(vae, work, need, height, width, budget, "decoding")
    return replace(worked, result=worked.result.flatten(0, 1)) if worked.result.ndim == 5 else worked


def _decoding_need(vae: Any, samples: Tensor) -> Callable[[int, int], float]:
    """Return the bytes that decoding takes, by the height and width in pixels of a picture or tile."""
    ratio = vae_ratio(vae)

    def need(height: int, width: int) -> float:
        shape = (*samples.shape[:-2], max(1, height // ratio), max(1, width // ratio))
        return vae.memory_used_decode(shape, vae.vae_dtype)

    return need


def _check(vae: Any) -> None:
    try:
        vae.throw_exception_if_invalid()
    except RuntimeError as error:
        raise InpaintError(
            "vae: expected a VAE, got that of a checkpoint without one. Load a VAE file with ComfyUI's Load VAE, and "
            "connect it."
        ) from error


def _whole_or_tiled(
    vae: Any,
    work: Callable[[int | None], Tensor],
    need: Callable[[int, int], float],
    height: int,
    width: int,
    budget: int | None,
    doing: str,
) -> VaeResult:
    """Encode or decode in one piece if that is safe, else in the largest safe tiles.

    If memory runs out in one piece, retry in tiles of `FIRST_TILE`. If it runs out in tiles, halve them, down to
    `LEAST_TILE`. The host falls back to tiles by itself when it recognises the error. This function also covers memory
    that runs out in those tiles, and errors that older hosts do not recognise.
    """
    tile, ran_out = _planned_tile(vae, need, height, width, budget), False
    while True:
        try:
            return VaeResult(work(tile), tile, ran_out)
        except Exception as error:
            if not is_oom(error):
                raise
            if tile is not None and tile <= LEAST_TILE:
                raise InpaintError(
                    f"Memory ran out while {doing} {width}x{height}, even in tiles of {tile} pixels with no other "
                    "model loaded. Close other programs, or work on a smaller picture."
                ) from None
        # Outside the except block: inside it, the error would keep the tensors of the failed attempt alive.
        ran_out, tile = True, FIRST_TILE if tile is None else tile // 2
        free_memory()


def _planned_tile(
    vae: Any, need: Callable[[int, int], float], height: int, width: int, budget: int | None
) -> int | None:
    """Return the side of the largest safe tile in pixels; None if one piece is safe."""
    management = comfy.model_management
    free = could_be_free(vae.device)
    available = min(free, free if budget is None else budget) - vae.model_size() - management.extra_reserved_memory()
    if need(height, width) <= available:
        return None
    fitting = (tile for tile in TILES if need(min(tile, height), min(tile, width)) <= available)
    return next(fitting, TILES[-1])


def _reserving(vae: Any, name: str, count: float) -> Any:
    """Return a copy of a VAE for which the host reserves `count` bytes.

    For tiles, the host would otherwise reserve as much as for the whole picture.
    """
    reserving = copy.copy(vae)
    setattr(reserving, name, lambda shape, dtype: count)
    return reserving
