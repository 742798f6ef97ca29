"""The host's samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import comfy.samplers
import nodes as host_nodes

from ..inpaint.errors import InpaintError
from .memory import is_oom, make_room


def sampler_names() -> list[str]:
    return comfy.samplers.KSampler.SAMPLERS


def scheduler_names() -> list[str]:
    return comfy.samplers.KSampler.SCHEDULERS


def sampling_memory(model: Any, shape: Sequence[int]) -> tuple[int, int]:
    """Bytes of a MODEL's weights, and what the host sets aside for sampling a latent of this shape, without CFG."""
    return int(model.model_size()), int(model.model.memory_required(list(shape)))


def sample(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: list,
    negative: list,
    latent: dict[str, Any],
    denoise: float,
) -> dict[str, Any]:
    """The host's own KSampler step, with its noise, preview, progress and cancel.

    Where memory runs out, every other model is taken off the card and it is tried once more.

    Raises:
        InpaintError: if memory runs out then too.
    """
    for last in (False, True):
        try:
            return host_nodes.common_ksampler(
                model, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent, denoise=denoise
            )[0]
        except Exception as error:
            if not is_oom(error):
                raise
            if last:
                batch, *_, height, width = latent["samples"].shape
                raise InpaintError(
                    f"Memory ran out while sampling {width}x{height} latent cells, batch {batch}, with no other model "
                    "on the card. Lower the resolution or the batch; Estimate VRAM says what fits."
                ) from None
        # Out of the except block, or the error would keep the tensors of the failed try alive.
        make_room()
    raise AssertionError("unreachable")
