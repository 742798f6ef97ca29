"""`inpaint.sampling.coherent` as a sampler of the host.

The host does not see the noise mask. Otherwise it would put the noised picture back before every call of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.k_diffusion.sampling
import comfy.model_sampling
import comfy.samplers
import torch
from comfy.patcher_extension import WrappersMP, get_wrappers_with_key
from torch import Tensor

from ...inpaint.core.checks import as_values
from ...inpaint.core.errors import InpaintError
from ...inpaint.sampling.coherent import Level, coherent, flow_level, ratio_level
from ...inpaint.sampling.soft import Soft
from . import stages
from .inputs import keeps_in_its_own_way
from .masked import KEY as MASKED
from .masked import scheduled_mask

# Added to the seed. The noise drawn during sampling then differs from the initial noise of any seed that users choose.
APART = 0x9E3779B97F4A7C15
# The entries of `model_options` that the host needs for a call without the network.
PASSED_ON = ("transformer_options",)


def coherent_sampler(renew: bool = False) -> comfy.samplers.KSAMPLER:
    """Return a SAMPLER for the host's nodes and `comfy.sample.sample_custom`.

    Args:
        renew: draw all noise anew after every step, see `inpaint.sampling.coherent`.
    """
    return comfy.samplers.KSAMPLER(sample_coherent, {"renew": renew})


@torch.no_grad()
def sample_coherent(
    model: Any,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    disable: bool | None = None,
    renew: bool = False,
) -> Tensor:
    """Sample with the signature of the host's sampler functions, see comfy.k_diffusion.sampling.sample_euler.

    A soft mask is read as the model's patch reads it (Soft Inpaint, Differential Diffusion), else as a schedule.

    Raises:
        InpaintError: if the model adds noise in an unsupported way. With a mask, also if the model keeps the unmasked
            area by its own method, or blends like A1111.
    """
    options = dict(extra_args or {})
    mask = options.pop("denoise_mask", None)
    base = getattr(getattr(model, "inner_model", None), "inner_model", None)
    if base is None:
        raise InpaintError(
            f"sampler: expected ComfyUI's model, or a function with its inner_model, got {type(model).__name__}. "
            "Take away the node between the Coherent Inpaint Sampler and the sampling node."
        )
    _check(base, options.get("model_options", {}), masked=mask is not None)
    scale, levels = _levels(base.model_sampling, sigmas.tolist())
    ones = sigmas.new_ones(len(x))

    def denoise(ours: Tensor, i: int) -> Tensor:
        return model(ours / scale[i], sigmas[i] * ones, denoise_mask=None, **options)

    def on_step(i: int, ours: Tensor, picture: Tensor) -> None:
        bar.update()
        if callback:
            sigma = {"sigma": sigmas[i], "sigma_hat": sigmas[i]}
            callback({"i": i, "x": ours / scale[i], "denoised": picture, **sigma})

    def keep(i: int) -> Tensor:
        if mask is None:
            return x.new_zeros(())
        return 1 - as_values(free(sigmas[i] * ones, mask, extra_options={"model": guider, "sigmas": sigmas}))

    guider = model.inner_model
    free = options.get("model_options", {}).get("denoise_mask_function", scheduled_mask(Soft()))
    reference = x.new_zeros(())
    if mask is not None:
        latent = _known_picture(model, x, sigmas[0] * ones, mask, options)
        reference = stages.picture_of(guider, x, latent, sigmas, mask)
    noise = _noise_like(x, options.get("seed"))
    with comfy.k_diffusion.sampling.trange(len(sigmas) - 1, disable=disable) as bar:
        sample = coherent(denoise, x * scale[0], levels, reference, keep, noise, renew, on_step)
    return sample / scale[-1]


def _known_picture(model: Any, x: Tensor, sigma: Tensor, mask: Tensor, options: dict[str, Any]) -> Tensor:
    """Return the latent that the mask keeps, in the model's scale.

    Nodes that wrap a sampler (Detail Daemon, Lying Sigma) hand it a function that hides the host's object and its
    `latent_image`. Asked with a mask of zeros, that function still answers with the latent, without its network.
    """
    latent = getattr(model, "latent_image", None)
    if latent is not None:
        return latent
    silent = {name: value for name, value in options.get("model_options", {}).items() if name in PASSED_ON}
    silent["model_function_wrapper"] = lambda _, given: torch.zeros_like(given["input"])
    return model(x, sigma, denoise_mask=torch.zeros_like(mask), **{**options, "model_options": silent})


def _levels(sampling: Any, sigmas: list[float]) -> tuple[list[float], list[Level]]:
    """Return for each sigma the factor that scales the host's samples, and the level of the scaled samples."""
    if isinstance(sampling, comfy.model_sampling.CONST):
        strength = getattr(sampling, "noise_scale", 1.0)  # only newer hosts have it
        return [1.0] * len(sigmas), [Level(level.alpha, strength * level.sigma) for level in map(flow_level, sigmas)]
    # x = picture + sigma * noise, where pictures have the standard deviation sigma_data.
    alphas = [ratio_level(sigma / sampling.sigma_data).alpha for sigma in sigmas]
    return alphas, [Level(alpha, alpha * sigma) for alpha, sigma in zip(alphas, sigmas, strict=True)]


def _noise_like(x: Tensor, seed: int | None) -> Callable[[], Tensor]:
    """Return a function that draws noise of x's shape, on the CPU so that every card gets the same noise."""
    random = None if seed is None else torch.Generator().manual_seed((seed + APART) % 2**64)
    return lambda: torch.randn(x.shape, generator=random).to(x.device)


def _check(base: Any, model_options: dict[str, Any], masked: bool) -> None:
    sampling = type(base.model_sampling)
    known = (comfy.model_sampling.CONST, comfy.model_sampling.EPS)
    if not any(
        sampling.noise_scaling is kind.noise_scaling and sampling.calculate_input is kind.calculate_input
        for kind in known
    ):
        kinds = ", ".join(kind.__name__ for kind in sampling.__bases__)
        raise InpaintError(
            f"model: expected one that adds noise like a flow model or Stable Diffusion, got {kinds}. "
            "Choose another sampler for this model."
        )
    blending = get_wrappers_with_key(WrappersMP.SAMPLER_SAMPLE, MASKED, model_options, is_model_options=True)
    if not masked and not blending:
        return
    if keeps_in_its_own_way(base):
        raise InpaintError(
            f"model: expected one without its own method to keep the unmasked area, got {type(base).__name__}. "
            "Choose another sampler for this model: all others follow the mask."
        )
    if blending:
        raise InpaintError(
            "model: expected one without Soft Inpaint's method A1111, which hides the mask from this sampler. Choose "
            "its method schedule, or remove the node: this sampler reads soft masks as a schedule by itself."
        )
