"""Samplings in several stages, such as those of KSampler (Advanced), split sigmas, or two expert models.

A later stage begins with the noisy latent of the one before. The host takes that latent for the picture that the mask
keeps. Here the true picture comes from the conditioning, where Encode for Inpainting puts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...inpaint.sampling.conditioning import repeat_to
from ...inpaint.sampling.stages import Part, Rest, part_of, place_of, rest_of
from ..server import tell
from .inputs import set_conditioning

# Key of a conditioning, and of a LATENT from Masked Sampler with noise left: the latent without noise.
ORIGINAL = "mend_original"
# Key of a guider's model options: the part of the whole sampling that it runs.
PART = "mend_part"
UNKNOWN = (
    "No noise is added here. If the latent has noise left from an earlier stage, the picture under it is not known, "
    "and the mask keeps that noise. Connect positive and negative from Encode for Inpainting to every stage, encoded "
    "at this size."
)


def with_original(conditioning: list, samples: Any) -> list:
    """Return a copy of a conditioning with the latent that a noise mask is to keep, without noise."""
    return set_conditioning(conditioning, {ORIGINAL: samples})


def has_original(conditioning: list) -> bool:
    """Whether a conditioning has a latent from `with_original`."""
    return any(ORIGINAL in entry for _, entry in conditioning)


def without_noise(
    conds: dict[str, list[dict[str, Any]]],
    sampling: Any,
    in_model_scale: Callable[[Tensor], Tensor],
    sample: Tensor,
    sigma: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor] | None:
    """Find the picture and the noise of a sample with which a later stage begins.

    Says so to the user if the picture is not known.

    Args:
        conds: a guider's, by name.
        sampling: the MODEL's model_sampling.
        in_model_scale: converts latents to the scale in which the model samples.
        sample: [B, C, ...] in that scale.
        sigma: its noise level, one number in a tensor.
        mask: broadcastable to it; 0 where the picture is kept.

    Returns:
        The latent as it was encoded, and the noise; None if the sample has no noise, or its picture is not known.
    """
    one, zero = sample.new_ones(1), sample.new_zeros(1)
    spread, signal = (sampling.noise_scaling(sigma, *parts, False) for parts in ((one, zero), (zero, one)))
    for entry in (entry for entries in conds.values() for entry in entries):
        original = entry.get(ORIGINAL)
        if not isinstance(original, Tensor) or original.shape[1:] != sample.shape[1:]:
            continue
        if len(original) not in (1, len(sample)):
            continue
        original = repeat_to(original.to(sample), len(sample))
        noise = (sample - signal * in_model_scale(original)) / spread
        rest = rest_of(noise, mask)
        if rest is Rest.NOISE:
            return original, noise
        if rest is Rest.NOTHING:
            return None
    tell(UNKNOWN)
    return None


def part_of_run(sampling: Any, sigmas: Tensor, later: bool) -> Part:
    """Estimate the part of a whole sampling that a run with these sigmas is.

    Args:
        sampling: the MODEL's model_sampling.
        sigmas: [n + 1], descending.
        later: whether it continues an earlier stage. The first stage then began at the highest noise level.
    """
    highest, first, last = (place_of(float(sigma), sampling.sigmas) for sigma in (sampling.sigma_max, *sigmas[[0, -1]]))
    top = highest if later else first
    return part_of(1 - first / top, 1 - last / top, len(sigmas) - 1) if top else Part(0, 1)


def picture_of(guider: Any, sample: Tensor, latent: Tensor, sigmas: Tensor, mask: Tensor) -> Tensor:
    """Return the picture that a sampler is to keep, in the model's scale, and set the guider's part of the sampling.

    For a sampler without the MODEL patches of `masked`, which do the same.

    Args:
        guider: the guider that samples.
        sample: [B, C, ...] with which the sampler begins.
        latent: the latent that the host takes for the picture.
        sigmas: [n + 1], descending.
        mask: broadcastable to the sample; 0 where the picture is kept.
    """
    base = guider.inner_model
    # No noise was added if the sample is the latent, scaled.
    scaled = base.model_sampling.noise_scaling(sigmas[0], torch.zeros_like(latent), latent, False)
    later = noise_is_left(sample - scaled, sigmas)
    if later:
        found = without_noise(guider.conds, base.model_sampling, base.process_latent_in, sample, sigmas[0], mask)
        latent = latent if found is None else base.process_latent_in(found[0])
    if PART not in guider.model_options:
        guider.model_options[PART] = part_of_run(base.model_sampling, sigmas, later)
    return latent


def noise_excess(sampling: Any, sigma: Tensor) -> float:
    """Return how many times as much noise the host adds at a level as it shows the model outside the mask.

    It adds a little more at the highest level.
    """
    one, zero = sigma.new_ones(1), sigma.new_zeros(1)
    highest = bool(sigma >= sampling.sigma_max * (1 - 1e-5))
    added, shown = (sampling.noise_scaling(sigma, one, zero, more) for more in (highest, False))
    return float(added / shown)


def noise_is_left(noise: Tensor, sigmas: Tensor) -> bool:
    """Whether a run adds no noise, as one that continues an earlier stage."""
    return bool(sigmas[0] > 0) and not torch.any(noise)
