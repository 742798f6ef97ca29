"""The host's samplers, extended by the coherent ones."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import comfy.samplers
import torch
from comfy.patcher_extension import WrappersMP

from ...inpaint.sampling.halves import halves
from ..memory import retry_after_freeing
from .coherent import coherent_sampler

# Imported by name: linters would mistake `import nodes` for the pack's own folder.
host_nodes = importlib.import_module("nodes")

# Names that select `coherent_sampler`, and its argument `renew`.
COHERENT = {"coherent": False, "coherent_lcm": True}


def sampler_names() -> list[str]:
    """List the host's samplers and the coherent ones."""
    return [*comfy.samplers.KSampler.SAMPLERS, *COHERENT]


def scheduler_names() -> list[str]:
    return comfy.samplers.KSampler.SCHEDULERS


def noise_levels(model: Any, steps: int) -> list[float]:
    """Return the sigma before each step, for `steps` steps spread evenly over a MODEL's timesteps."""
    sampling = model.get_model_object("model_sampling")
    return comfy.samplers.calculate_sigmas(sampling, "simple", steps)[:-1].tolist() if steps else []


def sample(
    model: Any, positive: list, negative: list, latent: dict[str, Any], cells: Sequence[int], **settings: Any
) -> tuple[dict[str, Any], bool]:
    """Run the host's KSampler, with its noise, preview, progress and cancellation.

    If memory runs out, unload all models and retry once. A batch is then sampled in two halves.

    Args:
        model, positive, negative, latent: inputs of the host's KSampler.
        cells: height and width of the sampled area in latent cells, for the error text.
        settings: seed, steps, cfg, sampler_name, scheduler and denoise, and those of the stage as in `common_ksampler`.

    Returns:
        The latent, and whether it was sampled in halves.

    Raises:
        InpaintError: if memory runs out in the retry too.
    """

    if settings["sampler_name"] in COHERENT:
        model = _sampled_by(model, coherent_sampler(renew=COHERENT[settings["sampler_name"]]))
        settings["sampler_name"] = "euler"  # the host does not change the schedule for it

    def work(positive: list, negative: list, latent: dict[str, Any]) -> dict[str, Any]:
        return host_nodes.common_ksampler(model, positive=positive, negative=negative, latent=latent, **settings)[0]

    def whole() -> tuple[dict[str, Any], bool]:
        return work(positive, negative, latent), False

    parts = halves(latent, positive, negative)

    def in_halves() -> tuple[dict[str, Any], bool]:
        sampled = [work(prompts[0], prompts[1], part) for part, prompts in parts]
        kept = {key: latent[key] for key in sampled[0] if key in latent}
        return {**kept, "samples": torch.cat([half["samples"] for half in sampled])}, True

    def error_text() -> str:
        height, width = cells
        batch = latent["samples"].shape[0]
        split = ", even in halves" if parts else ""
        return (
            f"Memory ran out while sampling {width}x{height} latent cells, batch {batch}{split}, with no other model "
            "loaded. Lower the resolution, the batch or the context; Estimate VRAM says what fits."
        )

    return retry_after_freeing(whole, in_halves if parts else whole, error_text)


def _sampled_by(model: Any, sampler: Any) -> Any:
    """Return a copy of a MODEL that this SAMPLER samples, whatever sampler name KSampler gets.

    KSampler accepts only names of the host's samplers.
    """

    def instead(executor: Any, *arguments: Any) -> torch.Tensor:
        return sampler.sample(*arguments)

    sampled = model.clone()
    sampled.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, "mend_sampler", instead)
    return sampled
