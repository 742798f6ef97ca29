"""What the running host says of a kind of VAE, asked without a file and without memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import comfy.sd
import torch

from ...inpaint.model_families.vaes import Vae, Work
from .dtypes import NAMES

# Sides of two pictures, in pixels: the host's formulas are lines over the number of pixels.
SIDES = (512, 1024)


@cache
def vae_here(vae: Vae) -> Vae:
    """Return a kind of VAE with the host's own figures for a picture, or unchanged if the host does not know it."""
    made = _made(vae)
    if made is None:
        return vae
    ratio, channels = int(made.spacial_compression_decode()), int(made.latent_channels)
    frames = (1,) if made.latent_dim == 3 else ()
    return replace(
        vae,
        encode=_line(lambda side: made.memory_used_encode((1, 3, *frames, side, side), torch.float32), vae.encode),
        decode=_line(
            lambda side: made.memory_used_decode((1, channels, *frames, side // ratio, side // ratio), torch.float32),
            vae.decode,
        ),
        dtypes=tuple(NAMES[dtype] for dtype in made.working_dtypes),
    )


def _made(vae: Vae) -> comfy.sd.VAE | None:
    """Return a VAE of this kind without weights. The host knows it by the tensors of its signature."""
    if not vae.signature:
        return None
    # On the meta device, tensors take no memory and modules are made in milliseconds.
    with torch.device("meta"), _quiet():
        weights = {name: torch.empty(shape) for name, shape in vae.signature.items()}
        try:
            made = comfy.sd.VAE(sd=weights, device=torch.device("cpu"))
        except (KeyError, RuntimeError):
            return None  # newer than the host, which takes it for another kind and misses that one's tensors
    return None if made.first_stage_model is None else made


def _line(formula: Callable[[int], float], measured: Work) -> Work:
    """Return the work by a formula in bytes for float32, by a picture's side. What was measured stays if it is less."""
    small, large = (formula(side) / 4 for side in SIDES)
    slope = (large - small) / (SIDES[1] ** 2 - SIDES[0] ** 2)
    base = max(0.0, small - slope * SIDES[0] ** 2)
    return Work(min(measured.expected, slope), slope, min(measured.base, base), base)


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what this thread logs: the host lists every tensor that is missing."""
    thread = threading.get_ident()

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logging.getLogger().addFilter(of_others)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(of_others)
