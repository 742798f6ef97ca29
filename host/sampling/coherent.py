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
from .inputs import keeps_in_its_own_way
from .masked import KEY as MASKED

# Added to the seed. The noise drawn during sampling then differs from the initial noise of any seed that users choose.
APART = 0x9E3779B97F4A7C15


def coherent_sampler(full: bool = False) -> comfy.samplers.KSAMPLER:
    """Return a SAMPLER for the host's nodes and `comfy.sample.sample_custom`.

    Args:
        full: call the model twice per step instead of once, see `inpaint.sampling.coherent`.
    """
    return comfy.samplers.KSAMPLER(sample_coherent, {"full": full})


@torch.no_grad()
def sample_coherent(
    model: Any,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    disable: bool | None = None,
    full: bool = False,
) -> Tensor:
    """Sample with the signature of the host's sampler functions, see comfy.k_diffusion.sampling.sample_euler.

    Raises:
        InpaintError: if the model adds noise in an unsupported way. With a mask, also if the model keeps the unmasked
            area by its own method, or has a patch that reads soft masks.
    """
    options = dict(extra_args or {})
    mask = options.pop("denoise_mask", None)
    base = model.inner_model.inner_model
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

    if mask is None:
        full = False  # without a known area, a second call has no use
        reference = keep = x.new_zeros(())
    else:
        reference, keep = model.latent_image, 1 - as_values(mask)
    noise = _noise_like(x, options.get("seed"))
    with comfy.k_diffusion.sampling.trange(len(sigmas) - 1, disable=disable) as bar:
        sample = coherent(denoise, x * scale[0], levels, reference, keep, noise, full, on_step)
    return sample / scale[-1]


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
    if blending or "denoise_mask_function" in model_options:
        raise InpaintError(
            "model: expected one without Soft Inpaint or Differential Diffusion, which this sampler does not support. "
            "Remove that node: this sampler reads soft masks by itself."
        )
