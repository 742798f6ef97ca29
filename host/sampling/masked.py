"""Patches of a MODEL for sampling with a mask. They work with every sampler of the host.

A MODEL reads soft masks in one way only: the last patch replaces earlier ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import comfy.model_base
import comfy.utils
import torch
from comfy.model_patcher import set_model_options_post_cfg_function
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...inpaint.core.checks import read_values
from ...inpaint.core.errors import InpaintError
from ...inpaint.masks import pool
from ...inpaint.sampling.soft import Soft, done, put_back, repaintable_mask
from ...inpaint.sampling.soft_blend import SoftBlend, blend, repainted
from ...inpaint.sampling.stages import Part
from . import stages
from .inputs import in_model_scale, keeps_in_its_own_way

# Name of the wrappers on the MODEL.
KEY = "mend_masked"
WHOLE = Part(0, 1)


def with_soft_mask(model: Any, soft: Soft) -> Any:
    """Return a copy of a MODEL that reads a soft noise mask as a schedule and preserves the latent outside the mask."""
    patched = _without_soft_patches(with_latent_preserved_outside_mask(model))
    patched.set_model_denoise_mask_function(scheduled_mask(soft))
    return patched


def scheduled_mask(soft: Soft) -> Callable[..., Tensor]:
    """Return a denoise mask function of the host that reads a soft mask as a schedule."""
    return functools.partial(_effective, soft)


def with_soft_blend(model: Any, soft: SoftBlend) -> Any:
    """Return a copy of a MODEL that blends old and new latents by a soft noise mask, like A1111's soft inpainting.

    It preserves the latent outside the mask.
    """
    patched = _without_soft_patches(with_latent_preserved_outside_mask(model))
    patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, functools.partial(_blending, soft))
    return patched


def with_latent_preserved_outside_mask(model: Any) -> Any:
    """Return a copy of a MODEL whose samplers preserve the latent where the noise mask is 0.

    A stage that continues an earlier one preserves the latent without noise, if the conditioning has it.
    """
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, _sample)
    return patched


def with_even_times(model: Any) -> Any:
    """Return a copy of a MODEL that noises all of a frame alike, however little of it is masked.

    The host sets the noise level of each frame of some video models by the share of it that is masked, as suits frames
    that are kept or made as a whole, and shows the model what is kept without noise.
    """
    conds = model.get_model_object("extra_conds")
    noised = functools.partial(comfy.model_base.BaseModel.scale_latent_inpaint, model.model)

    def without_mask(**given: Any) -> dict[str, Any]:
        return conds(**{name: value for name, value in given.items() if name != "denoise_mask"})

    patched = model.clone()
    patched.add_object_patch("extra_conds", without_mask)
    patched.add_object_patch("scale_latent_inpaint", noised)
    return patched


def in_whole_frames(mask: Tensor) -> bool:
    """Whether a mask [B, 1, T, h, w] keeps or repaints each frame as a whole."""
    frames = mask.flatten(-2)
    return bool((frames == frames[..., :1]).all())


def with_part(model: Any, part: Part) -> Any:
    """Return a copy of a MODEL that samples a known part of a whole sampling. Otherwise it is estimated."""
    patched = model.clone()
    patched.model_options[stages.PART] = part
    return patched


def reads_soft_masks(model: Any) -> bool:
    """Whether a MODEL has a patch that reads soft masks: from this pack, or the host's Differential Diffusion."""
    return "denoise_mask_function" in model.model_options or blends_soft_masks(model)


def blends_soft_masks(model: Any) -> bool:
    """Whether a MODEL blends like A1111's soft inpainting, which hides the mask from the sampler."""
    return bool(model.get_wrappers(WrappersMP.SAMPLER_SAMPLE, KEY))


def latent_mask(mask: Tensor, shape: Any) -> Tensor:
    """Resize a noise mask from any node to a latent's resolution, and repeat it to one mask per picture.

    Args:
        mask: [B, H, W], [B, 1, H, W] or [B, 1, T, H, W]. Its values are converted by `read_values`. Of masks for each
            channel, [B, C, H, W], the largest value counts: the host's samplers read one for all channels.
        shape: of the latent, [B, C, h, w] or [B, C, T, h, w].

    Raises:
        InpaintError: if there are more masks than pictures. The host would silently drop the rest.
    """
    mask = read_values(mask, "noise mask")
    if mask.ndim == len(shape) == 4:
        mask = mask.amax(dim=1, keepdim=True)
    if mask.ndim != len(shape) or mask.shape[-2:] != shape[-2:]:
        mask = pool(mask, shape)
    if len(mask) > shape[0]:
        raise InpaintError(
            f"noise mask: expected one mask, or one for each of {shape[0]} pictures, got {len(mask)}. Connect a mask "
            f"[B, H, W] with B = 1 or B = {shape[0]}."
        )
    return comfy.utils.repeat_to_batch_size(mask, shape[0])


def _without_soft_patches(patched: Any) -> Any:
    """Remove the patches that read soft masks, in place."""
    patched.model_options.pop("denoise_mask_function", None)
    patched.remove_wrappers_with_key(WrappersMP.SAMPLER_SAMPLE, KEY)
    return patched


def _effective(soft: Soft, sigma: Tensor, denoise_mask: Tensor, extra_options: dict[str, Any]) -> Tensor:
    """Return the mask for one call of the model, as a denoise mask function of the host."""
    part = getattr(extra_options["model"], "model_options", {}).get(stages.PART, WHOLE)
    return repaintable_mask(denoise_mask, part.done(done(sigma[0], extra_options["sigmas"])), soft)


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
    """Wrap one sampler run: hide the mask from the sampler, and blend the model's prediction of every step instead.

    Latents have the model's scale here.

    Raises:
        InpaintError: if the model keeps the unmasked area by its own method, or several latents are packed into one.
    """
    # `with_soft_blend` removed earlier mask functions, so this one was added later and takes precedence.
    overridden = "denoise_mask_function" in extra_args["model_options"]
    if denoise_mask is None or overridden:
        return executor(guider, sigmas, extra_args, callback, noise, latent_image, denoise_mask, *arguments)
    if keeps_in_its_own_way(guider.inner_model) or latent_image.ndim == 3:
        raise InpaintError(
            "Soft Inpaint: expected a model that adds noise to the unmasked area, as A1111's method requires, got "
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
    """Wrap one sampling: restore the latent outside the mask at its end, and begin a later stage with the true picture.

    Several latents packed into one (video with audio) are left to the host.
    """
    if denoise_mask is None or len(named.get("latent_shapes") or ()) > 1:
        return executor(noise, latent_image, sampler, sigmas, denoise_mask, *arguments, **named)
    # Sigmas are read before sampling, because uni_pc modifies them.
    noise_left = bool(sigmas[-1] > 0)
    denoise_mask = latent_mask(denoise_mask, latent_image.shape)
    guider = executor.class_obj
    sampling = guider.model_patcher.get_model_object("model_sampling")
    later, excess = stages.noise_is_left(noise, sigmas), stages.noise_excess(sampling, sigmas[0])
    if later:
        known = _split(guider, sampling, latent_image, sigmas[0], denoise_mask)
        latent_image, noise = known or (latent_image, noise)
    # The guider has its own copy of the model options.
    guider.model_options.setdefault(stages.PART, stages.part_of_run(sampling, sigmas, later))
    sampled = executor(noise, latent_image, sampler, sigmas, denoise_mask, *arguments, **named)
    if not noise_left:
        return put_back(sampled, latent_image, denoise_mask)
    if later or excess == 1 or blends_soft_masks(guider.model_patcher):
        return sampled
    # The next stage is to show the model the noise that this one has shown it.
    latent_image = latent_image.to(sampled)
    return put_back(sampled, latent_image + (sampled - latent_image) / excess, denoise_mask)


def _split(
    guider: Any, sampling: Any, latent_image: Tensor, sigma: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Split the latent with which a later stage begins into its picture and its noise, see `stages.without_noise`."""
    model = guider.model_patcher
    latent_image = latent_image.float()
    # As the host makes the sample with which it begins.
    sample = sampling.noise_scaling(sigma, torch.zeros_like(latent_image), in_model_scale(model, latent_image), False)
    to_scale = functools.partial(in_model_scale, model)
    return stages.without_noise(guider.conds, sampling, to_scale, sample, sigma, mask.to(sample.device))
