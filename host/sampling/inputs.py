"""The inputs that a MODEL takes in addition to noisy latents, detected by its structure and never by its name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import comfy.model_base
import node_helpers
from torch import Tensor

from ...inpaint.model_families.family import Family, InpaintInputs
from ...inpaint.model_families.latents import Latents, latents_of
from ...inpaint.model_families.table import family_of, label_of
from ...inpaint.model_families.tensor_names import TensorNames


@dataclass(frozen=True)
class ModelInputs:
    """The facts about a MODEL that are needed to prepare its inputs."""

    family: Family
    """Its row in the table of families. For a model without one it is `UNKNOWN`, with the model's own name."""
    label: str
    """Its name for users."""
    v_prediction: bool
    """Whether it predicts the velocity, as SD 2.1-v does."""
    inpaint: InpaintInputs
    """Its inputs for inpainting, see `_inpaint_inputs`."""
    own_pictures: bool
    """Whether it has picture or mask inputs that are not for inpainting, as image-to-video models have."""
    shown_latent: bool
    """Whether the host shows it the latent as such a picture, with what is masked."""
    mask_times: bool
    """Whether the host derives the timestep of each frame from the part of it that the noise mask covers."""
    latents: Latents | None
    """The latents that it works on; None for a format that the table does not know."""


def model_inputs(model: Any) -> ModelInputs:
    """Detect the inputs of a MODEL."""
    base = model.model
    inpaint, model_class, latent_format = (
        _inpaint_inputs(base),
        type(base.model_config).__name__,
        type(base.latent_format).__name__,
    )
    family = family_of(model_class)
    return ModelInputs(
        family=family,
        label=label_of(model_class),
        v_prediction=base.model_type is comfy.model_base.ModelType.V_PREDICTION,
        inpaint=inpaint,
        own_pictures=inpaint is None and _own_pictures(base),
        shown_latent=inpaint is None and "concat_image" in base.concat_keys,
        mask_times=isinstance(base, (comfy.model_base.WAN22, comfy.model_base.CosmosPredict2)),
        latents=family.latents if family.latents.format == latent_format else latents_of(latent_format),
    )


def tensor_names(model: Any) -> TensorNames:
    """Return the names and shapes of a MODEL's tensors."""
    network = model.model.diffusion_model
    tensors = itertools.chain(network.named_parameters(), network.named_buffers())
    return TensorNames({name: tuple(tensor.shape) for name, tensor in tensors})


def variant_of(model: Any) -> str:
    """Return the name of the variant of its family that a MODEL is, such as "FLUX.2 Klein 9B"."""
    inputs = model_inputs(model)
    # ComfyUI's classes tell those that have inputs of their own; the tensors tell the others.
    return inputs.label if inputs.inpaint is not None else inputs.family.variant(tensor_names(model)).label


def in_model_scale(model: Any, latents: Tensor) -> Tensor:
    """Convert latents from the scale of the VAE to the scale that the model samples in."""
    return model.model.process_latent_in(latents)


def from_model_scale(model: Any, latents: Tensor) -> Tensor:
    """Convert latents from the scale that the model samples in to the scale of the VAE."""
    return model.model.process_latent_out(latents)


def keeps_in_its_own_way(base: Any) -> bool:
    """Whether a model overrides `scale_latent_inpaint`: it keeps unmasked latents by its own method."""
    return type(base).scale_latent_inpaint is not comfy.model_base.BaseModel.scale_latent_inpaint


def set_conditioning(conditioning: list, values: dict[str, Any], keep: bool = False) -> list:
    """Return a copy of the conditioning list with these values set on every entry.

    Args:
        conditioning: the list.
        values: by key.
        keep: leave entries alone that have one of these keys already.
    """
    if not keep:
        return node_helpers.conditioning_set_values(conditioning, values)
    return [[text, entry if values.keys() & entry.keys() else {**entry, **values}] for text, entry in conditioning]


def _inpaint_inputs(base: Any) -> InpaintInputs:
    """Return the native inpainting inputs of a model.

    "channels": the 9-channel U-Nets of SD 1.5, SD 2 and SDXL (4 noise, 1 mask, 4 masked picture).
    "fill": Flux Fill. Its input holds the latent, the masked latent and 64 mask values per latent cell.
    None: a general model.

    The host's `inpaint_model()` cannot be used: it is true for every transformer.
    """
    config = base.model_config.unet_config
    if isinstance(base, comfy.model_base.Flux):
        return "fill" if config["in_channels"] > 2 * config["out_channels"] else None
    if base.concat_keys == ("mask", "masked_image") and config.get("in_channels") == 9:
        return "channels"
    return None


def _own_pictures(base: Any) -> bool:
    """Whether the host passes pictures or masks to a model in addition to latents. Some models invert the mask."""
    config = base.model_config.unet_config
    if isinstance(base, comfy.model_base.Flux):
        return config["in_channels"] > config["out_channels"]
    if base.concat_keys or config.get("model_type") == "vace":
        return True
    concatenates = type(base).concat_cond is not comfy.model_base.BaseModel.concat_cond
    # The classes of Wan, Kandinsky 5 and CogVideoX concatenate only for models whose input has more channels than the
    # latent; the second takes patches of 2 x 2.
    inputs = config.get("in_dim") or config.get("visual_embed_dim", 0) // 4 or config.get("in_channels")
    return concatenates and inputs != base.latent_format.latent_channels
