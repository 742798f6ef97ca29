"""What a MODEL takes beside its noisy latents, read from its structure and never from its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import comfy.model_base
import node_helpers
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from torch import Tensor

InpaintInputs = Literal["channels", "fill"]


@dataclass(frozen=True)
class ModelInputs:
    """What matters of a MODEL to whoever prepares its inputs.

    kind: the host's name of its family. unet: whether its network is a U-Net. inpaint: its inputs for inpainting, see
    `_inpaint_inputs`. own_pictures: whether it has inputs for pictures or masks that are not for inpainting, as
    image-to-video models have. mask_times: whether the host tells it how noisy a frame is by how much of it the noise
    mask covers. format: the host's name of its latents. channels: of these. frames: whether they have frames,
    [B, C, T, h, w].
    """

    kind: str
    unet: bool
    inpaint: InpaintInputs | None
    own_pictures: bool
    mask_times: bool
    format: str
    channels: int
    frames: bool


def model_inputs(model: Any) -> ModelInputs:
    base = model.model
    latents, inpaint = base.latent_format, _inpaint_inputs(base)
    return ModelInputs(
        kind=type(base.model_config).__name__,
        unet=isinstance(base.diffusion_model, UNetModel),
        inpaint=inpaint,
        own_pictures=inpaint is None and _own_pictures(base),
        mask_times=isinstance(base, (comfy.model_base.WAN22, comfy.model_base.CosmosPredict2)),
        format=type(latents).__name__,
        channels=latents.latent_channels,
        frames=latents.latent_dimensions == 3,
    )


def in_model_scale(model: Any, latents: Tensor) -> Tensor:
    """Latents as the VAE gave them, in the scale that the model samples in."""
    return model.model.process_latent_in(latents)


def from_model_scale(model: Any, latents: Tensor) -> Tensor:
    """Latents as the VAE would have given them, from latents in the scale that the model samples in."""
    return model.model.process_latent_out(latents)


def keeps_in_its_own_way(base: Any) -> bool:
    """Whether a model of the host does something else with what is not masked than to noise it and put it back."""
    return type(base).scale_latent_inpaint is not comfy.model_base.BaseModel.scale_latent_inpaint


def set_conditioning(conditioning: list, values: dict[str, Any]) -> list:
    """A copy of the conditioning list with these values set on every entry."""
    return node_helpers.conditioning_set_values(conditioning, values)


def _inpaint_inputs(base: Any) -> InpaintInputs | None:
    """Which inpainting inputs of its own a model has.

    "channels": the 9-channel U-Nets of SD 1.5, SD 2 and SDXL (4 noise, 1 mask, 4 masked picture).
    "fill": Flux Fill, whose input is wide enough for latent, masked latent and 64 mask values per latent cell.
    None: a general model. (The host's own `inpaint_model()` is true for every transformer, so it is no help.)
    """
    config = base.model_config.unet_config
    if isinstance(base, comfy.model_base.Flux):
        return "fill" if config["in_channels"] > 2 * config["out_channels"] else None
    if base.concat_keys == ("mask", "masked_image") and config.get("in_channels") == 9:
        return "channels"
    return None


def _own_pictures(base: Any) -> bool:
    """Whether the host gives a model pictures or masks beside its latents, which some take inverted."""
    config = base.model_config.unet_config
    if isinstance(base, comfy.model_base.Flux):
        return config["in_channels"] > config["out_channels"]
    if base.concat_keys or config.get("model_type") == "vace":
        return True
    concatenates = type(base).concat_cond is not comfy.model_base.BaseModel.concat_cond
    # Wan's class concatenates for some of its models only: those that take more channels than latents have.
    return concatenates and config.get("in_dim") != base.latent_format.latent_channels
