"""What a MODEL takes beside its noisy latents, read from its structure and never from its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import comfy.model_base
import node_helpers
from torch import Tensor

InpaintInputs = Literal["channels", "fill"]


@dataclass(frozen=True)
class ModelInputs:
    """What matters of a MODEL to whoever prepares its inputs.

    kind: the host's name of its family. inpaint: its inputs for inpainting, see `_inpaint_inputs`. own_pictures:
    whether it has inputs for pictures or masks that are not for inpainting, as image-to-video models have. format: the
    host's name of its latents. channels: of these. frames: whether they have frames, [B, C, T, h, w].
    """

    kind: str
    inpaint: InpaintInputs | None
    own_pictures: bool
    format: str
    channels: int
    frames: bool


def model_inputs(model: Any) -> ModelInputs:
    base = model.model
    latents = base.latent_format
    frames = latents.latent_dimensions == 3
    return ModelInputs(
        kind=type(base.model_config).__name__,
        inpaint=_inpaint_inputs(base),
        own_pictures=frames and _own_pictures(base),
        format=type(latents).__name__,
        channels=latents.latent_channels,
        frames=frames,
    )


def in_model_scale(model: Any, latents: Tensor) -> Tensor:
    """Latents as the VAE gave them, in the scale that the model samples in."""
    return model.model.process_latent_in(latents)


def from_model_scale(model: Any, latents: Tensor) -> Tensor:
    """Latents as the VAE would have given them, from latents in the scale that the model samples in."""
    return model.model.process_latent_out(latents)


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
    """Whether a video model is given pictures or masks, which some take inverted, or times that a mask decides."""
    config, plain = base.model_config.unet_config, comfy.model_base.BaseModel
    width = config.get("in_dim") or config.get("in_channels") or 0
    concatenates = type(base).concat_cond is not plain.concat_cond and width > base.latent_format.latent_channels
    return bool(base.concat_keys) or concatenates or type(base).process_timestep is not plain.process_timestep
