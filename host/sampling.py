"""The host's samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import comfy.samplers
import nodes as host_nodes
import torch

from ..inpaint.halves import halves
from .memory import with_room


def sampler_names() -> list[str]:
    return comfy.samplers.KSampler.SAMPLERS


def scheduler_names() -> list[str]:
    return comfy.samplers.KSampler.SCHEDULERS


def noise_levels(model: Any, steps: int) -> list[float]:
    """The noise before each of so many steps, evenly spread over a MODEL's timesteps, as its samplers have it."""
    sampling = model.get_model_object("model_sampling")
    return comfy.samplers.calculate_sigmas(sampling, "simple", steps)[:-1].tolist() if steps else []


def sampling_memory(model: Any, shape: Sequence[int]) -> tuple[int, int]:
    """Bytes of a MODEL's weights, and what the host sets aside for sampling a latent of this shape, without CFG."""
    return int(model.model_size()), int(model.model.memory_required(list(shape)))


def sample(
    model: Any, positive: list, negative: list, latent: dict[str, Any], **settings: Any
) -> tuple[dict[str, Any], bool]:
    """The host's own KSampler step, with its noise, preview, progress and cancel.

    Where memory runs out, every other model is taken off the card and it is tried once more, a batch in two halves.

    Args:
        model, positive, negative, latent: as its inputs are.
        settings: seed, steps, cfg, sampler_name, scheduler and denoise.

    Returns:
        the latent, and whether it was made in halves.

    Raises:
        InpaintError: if memory runs out then too.
    """

    def work(positive: list, negative: list, latent: dict[str, Any]) -> dict[str, Any]:
        return host_nodes.common_ksampler(model, positive=positive, negative=negative, latent=latent, **settings)[0]

    def whole() -> tuple[dict[str, Any], bool]:
        return work(positive, negative, latent), False

    parts = halves(latent, positive, negative)

    def in_halves() -> tuple[dict[str, Any], bool]:
        sampled = [work(prompts[0], prompts[1], part) for part, prompts in parts]
        kept = {key: latent[key] for key in sampled[0] if key in latent}
        return {**kept, "samples": torch.cat([half["samples"] for half in sampled])}, True

    def told() -> str:
        batch, *_, height, width = latent["samples"].shape
        split = ", even in halves" if parts else ""
        return (
            f"Memory ran out while sampling {width}x{height} latent cells, batch {batch}{split}, with no other model "
            "on the card. Lower the resolution or the batch; Estimate VRAM says what fits."
        )

    return with_room(whole, in_halves if parts else whole, told)
