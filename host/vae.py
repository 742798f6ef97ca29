"""Pictures to latents and back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import comfy.model_management
import torch
from torch import Tensor

from ..inpaint.core.errors import InpaintError
from ..inpaint.vram.plan import TILES
from .memory import could_be_free, is_oom, make_room

# Where memory ran out: the first tiles to try, and the last, in pixels.
FIRST_TILE, LEAST_TILE = 256, 64


def vae_ratio(vae: Any) -> int:
    """Pixels to a latent cell, along each side (8 for SD and Flux)."""
    return int(vae.spacial_compression_encode())


def vae_latents(vae: Any) -> tuple[int, bool]:
    """Channels of the latents that a VAE makes, and whether they have frames."""
    return int(vae.latent_channels), vae.latent_dim == 3


@dataclass(frozen=True)
class VaeResult:
    """result: latents or pictures. tile: side of the tiles in pixels, None where it was done whole. ran_out: whether
    memory ran out on the way; if not, tiles were planned."""

    result: Tensor
    tile: int | None
    ran_out: bool


def encode(vae: Any, pixels: Tensor, budget: int | None = None) -> VaeResult:
    """Latents of a batch of pictures.

    Args:
        vae: VAE.
        pixels: [B, H, W, 3] in 0..1; H and W multiples of `vae_ratio`, or the host crops them.
        budget: bytes of the card that may be used; None for all that is free.

    Returns:
        [B, C, h, w]; [B, C, 1, h, w] from a video VAE, which would take a batch for the frames of one film.

    Raises:
        InpaintError: if the checkpoint that the VAE came from has none, or memory runs out in the smallest tiles.
    """
    _check(vae)
    films = [pixels] if vae.latent_dim == 2 or len(pixels) == 1 else list(pixels.split(1))

    def need(height: int, width: int) -> float:
        shape = (1, 3, height, width) if vae.latent_dim == 2 else (1, 3, 1, height, width)
        return vae.memory_used_encode(shape, vae.vae_dtype)

    def work(tile: int | None) -> Tensor:
        if tile is None:
            return torch.cat([vae.encode(film) for film in films])
        modest = _reserving(vae, "memory_used_encode", need(tile, tile))
        overlap = max(vae_ratio(vae), tile // 8)
        return torch.cat([modest.encode_tiled(film, tile_x=tile, tile_y=tile, overlap=overlap) for film in films])

    return _whole_or_tiled(vae, work, need, pixels.shape[1], pixels.shape[2], budget, "encoding")


def decode(vae: Any, samples: Tensor, budget: int | None = None) -> VaeResult:
    """Pictures [B, H, W, C] of a batch of latents.

    Args:
        vae: VAE.
        samples: [B, C, h, w], or [B, C, T, h, w] of a video VAE.
        budget: bytes of the card that may be used; None for all that is free.

    Raises:
        InpaintError: as `encode`.
    """
    _check(vae)
    ratio = vae_ratio(vae)
    height, width = (length * ratio for length in samples.shape[-2:])

    def need(height: int, width: int) -> float:
        shape = (*samples.shape[:-2], max(1, height // ratio), max(1, width // ratio))
        return vae.memory_used_decode(shape, vae.vae_dtype)

    def work(tile: int | None) -> Tensor:
        if tile is None:
            return vae.decode(samples)
        modest = _reserving(vae, "memory_used_decode", need(tile, tile))
        cells = max(1, tile // ratio)
        return modest.decode_tiled(samples, tile_x=cells, tile_y=cells, overlap=cells // 4)

    worked = _whole_or_tiled(vae, work, need, height, width, budget, "decoding")
    return replace(worked, result=worked.result.flatten(0, 1)) if worked.result.ndim == 5 else worked


def _check(vae: Any) -> None:
    try:
        vae.throw_exception_if_invalid()
    except RuntimeError as error:
        raise InpaintError(
            "vae: expected a VAE, got the one of a checkpoint that has none. Load one from a file of its own, with "
            "the host's Load VAE, and connect it."
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
    """Whole where that is safe, else in the largest tiles that are; where memory runs out all the same, in half of it.

    The host falls back to tiles by itself where it recognises the error. This covers what it does not: memory that
    runs out again in those tiles, and errors that its older versions take for something else.
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
                    "model on the card. Close other programs that use it, or work on a smaller picture."
                ) from None
        # Out of the except block, or the error would keep the tensors of the failed try alive.
        ran_out, tile = True, FIRST_TILE if tile is None else tile // 2
        make_room()


def _planned_tile(
    vae: Any, need: Callable[[int, int], float], height: int, width: int, budget: int | None
) -> int | None:
    """Side of the largest tile that is safe, in pixels; None where the whole is."""
    management = comfy.model_management
    free = could_be_free(vae.device)
    room = min(free, free if budget is None else budget) - vae.model_size() - management.extra_reserved_memory()
    if need(height, width) <= room:
        return None
    fitting = (tile for tile in TILES if need(min(tile, height), min(tile, width)) <= room)
    return next(fitting, TILES[-1])


def _reserving(vae: Any, name: str, count: float) -> Any:
    """The same VAE, for whose work the host makes this much room: of tiles it would make as much as of the whole."""
    modest = copy.copy(vae)
    setattr(modest, name, lambda shape, dtype: count)
    return modest
