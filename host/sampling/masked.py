"""Patches of a MODEL for sampling with a mask: they hold for every sampler of the host.

A MODEL reads soft masks in one way: the last patch is the one that holds.
"""

from __future__ import annotations

import functools
from typing import Any

import comfy.utils
from comfy.model_patcher import set_model_options_post_cfg_function
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...inpaint.core.checks import as_values
from ...inpaint.core.errors import InpaintError
from ...inpaint.masks import pool
from ...inpaint.sampling.soft import Soft, done, put_back, repaintable_mask
from ...inpaint.sampling.soft_blend import SoftBlend, blend, repainted
from .inputs import keeps_in_its_own_way

# Under this name.
KEY = "mend_masked"


def with_soft_mask(model: Any, soft: Soft) -> Any:
    """A MODEL that reads a soft noise mask as a schedule, and leaves what is outside the mask as it was.

    The one that is given stays as it is.
    """
    patched = _without_reading(with_latent_preserved_outside_mask(model))
    patched.set_model_denoise_mask_function(functools.partial(_effective, soft))
    return patched


def with_soft_blend(model: Any, soft: SoftBlend) -> Any:
    """A MODEL that blends old and new by a soft noise mask as A1111's soft inpainting does, and leaves what is outside
    the mask as it was. The one that is given stays as it is."""
    patched = _without_reading(with_latent_preserved_outside_mask(model))
    patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, functools.partial(_blending, soft))
    return patched


def with_latent_preserved_outside_mask(model: Any) -> Any:
    """A MODEL whose samplers leave the latent as it was where the noise mask is 0. The one that is given stays as it
    is."""
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, _sample)
    return patched


def reads_soft_masks(model: Any) -> bool:
    """Whether a MODEL carries a reading of soft masks: ours, or the host's Differential Diffusion."""
    return "denoise_mask_function" in model.model_options or blends_soft_masks(model)


def blends_soft_masks(model: Any) -> bool:
    """Whether a MODEL carries A1111's way of reading soft masks, which takes the mask out of a sampler's hands."""
    return bool(model.get_wrappers(WrappersMP.SAMPLER_SAMPLE, KEY))


def latent_mask(mask: Tensor, shape: Any) -> Tensor:
    """A noise mask, as whatever node made it, at a latent's resolution, and one for each picture.

    Raises:
        InpaintError: if there are more masks than pictures, of which the host would drop the rest without a word.
    """
    mask = as_values(mask)
    if mask.ndim != len(shape) or mask.shape[-2:] != shape[-2:]:
        mask = pool(mask, shape)
    if len(mask) > shape[0]:
        raise InpaintError(
            f"noise mask: expected one mask, or one for each of {shape[0]} pictures, got {len(mask)}. Connect a mask "
            "[B, H, W] with as many as there are pictures."
        )
    return comfy.utils.repeat_to_batch_size(mask, shape[0])


def _without_reading(patched: Any) -> Any:
    patched.model_options.pop("denoise_mask_function", None)
    patched.remove_wrappers_with_key(WrappersMP.SAMPLER_SAMPLE, KEY)
    return patched


def _effective(soft: Soft, sigma: Tensor, denoise_mask: Tensor, extra_options: dict[str, Any]) -> Tensor:
    """What the host asks of a denoise mask function at every call of the model."""
    return repaintable_mask(denoise_mask, done(sigma[0], extra_options["sigmas"]), soft)


def _blending(
    soft: SoftBlend,
    executor: Any,
    guider: Any,
    sigmas: Tensor,
    extra_args: dict[str, Any],
    callback: Any,
    noise: Tensor,
    latent_image: Tensor,
    denoise_mask: Tensor | None = None,
    *arguments: Any,
) -> Tensor:
    """Around one whole sampling, where the latent has the model's scale: the mask is taken out of it, and what the
    model makes of every step is blended instead.

    Raises:
        InpaintError: if the model keeps what is not masked in a way of its own, or several latents are packed in one.
    """
    later = "denoise_mask_function" in extra_args["model_options"]  # our patch took out what was there before it
    if denoise_mask is None or later:
        return executor(guider, sigmas, extra_args, callback, noise, latent_image, denoise_mask, *arguments)
    if keeps_in_its_own_way(guider.inner_model) or latent_image.ndim == 3:
        raise InpaintError(
            "Soft Inpaint: expected a model that noises what is not masked, as A1111's method wants it, got "
            f"{type(guider.inner_model).__name__}. Choose the method schedule."
        )
    mask = denoise_mask

    def blended(step: dict[str, Any]) -> Tensor:
        return blend(latent_image, step["denoised"], repainted(mask, step["sigma"], soft), soft)

    options = set_model_options_post_cfg_function(extra_args["model_options"].copy(), blended)
    extra_args = {**extra_args, "model_options": options}
    return executor(guider, sigmas, extra_args, callback, noise, latent_image, None, *arguments)


def _sample(
    executor: Any,
    noise: Tensor,
    latent_image: Tensor,
    sampler: Any,
    sigmas: Tensor,
    denoise_mask: Tensor | None = None,
    *arguments: Any,
    **named: Any,
) -> Tensor:
    """Around one whole sampling. Several latents packed into one (pictures with sound) are left to the host."""
    if denoise_mask is None or len(named.get("latent_shapes") or ()) > 1:
        return executor(noise, latent_image, sampler, sigmas, denoise_mask, *arguments, **named)
    # Where noise is left, what is outside carries its share of it. Asked before, as uni_pc writes into the schedule.
    noise_left = bool(sigmas[-1] > 0)
    denoise_mask = latent_mask(denoise_mask, latent_image.shape)
    sampled = executor(noise, latent_image, sampler, sigmas, denoise_mask, *arguments, **named)
    return sampled if noise_left else put_back(sampled, latent_image, denoise_mask)
