"""Small models for demos and tests: the real key layout of each family with UNTRAINED weights.

They load, sample and decode like the real ones, only faster, and they paint noise.
UNets are narrower or have fewer levels. Transformers have one block of each kind. Text encoders have their real shape.
The VAE has TAESD's layout and paints each 8x8 block in its mean color.
float16 holds every weight exactly, so float32 arithmetic sees the same numbers everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from devtools.models.checkpoints import unets
from devtools.models.checkpoints.flux_transformer import CHANNELS, FILL_CHANNELS, flux
from devtools.models.checkpoints.networks import write_lama, write_migan
from devtools.models.checkpoints.random_weights import Maker, WithHoles, under
from devtools.models.checkpoints.text_encoders import CLIP_G, CLIP_H, CLIP_L, clip, hollow_clip, hollow_open_clip
from devtools.models.checkpoints.unets import unet
from devtools.models.checkpoints.vaes import vae
from devtools.models.sparse_file import write_safetensors

__all__ = [
    "SeparateFiles",
    "write_flux_fill",
    "write_lama",
    "write_migan",
    "write_sd2_inpaint",
    "write_sd15_inpaint",
    "write_sdxl",
]

UNET = "model.diffusion_model."
VAE = "first_stage_model."
SD_SCALE = 0.18215  # latent scaling of SD 1.5 and SD 2
SDXL_SCALE = 0.13025
FLUX_SCALE, FLUX_SHIFT = 0.3611, 0.1159


@dataclass(frozen=True)
class SeparateFiles:
    """File names of a model that is published in parts."""

    diffusion_model: str
    """Name in models/diffusion_models."""
    text_encoder: str
    """Name in models/text_encoders."""
    vae: str
    """Name in models/vae."""


def write_sd15_inpaint(path: str | Path, seed: int = 0, in_channels: int = 9) -> Path:
    """Write an untrained Stable Diffusion 1.5 checkpoint, float16, 324 MB. The same seed gives the same file.

    Args:
        path: where to write; the name should end in .safetensors.
        seed: picks the random weights.
        in_channels: 9 for an inpainting model (latent, mask, masked latent), 4 for a general one.

    Returns:
        The path written.
    """
    make = Maker(seed)
    weights = under(UNET, unet(make, unets.SD15, in_channels))
    weights |= under("cond_stage_model.transformer.text_model.", clip(make))
    return write_safetensors(Path(path), weights | under(VAE, vae(4, SD_SCALE)))


def write_sd2_inpaint(path: str | Path, seed: int = 0, in_channels: int = 9) -> Path:
    """Write an untrained Stable Diffusion 2 checkpoint: 788 MB, 183 MB on disk. Args as in `write_sd15_inpaint`.

    With 9 channels the host detects noise prediction, as in the published model. Do not use 4 channels: the host then
    reads a layer that is missing from these two levels.
    """
    make = Maker(seed)
    weights = under(UNET, unet(make, unets.SD2, in_channels))
    weights |= under("cond_stage_model.model.", hollow_open_clip(make, CLIP_H))
    return write_safetensors(Path(path), weights | under(VAE, vae(4, SD_SCALE)))


def write_sdxl(path: str | Path, seed: int = 0, in_channels: int = 9) -> Path:
    """Write an untrained SDXL checkpoint, 188 M parameters in the UNet: 2.0 GB, 588 MB on disk. Args as above."""
    make = Maker(seed)
    weights = under(UNET, unet(make, unets.SDXL, in_channels))
    weights |= under("conditioner.embedders.0.transformer.text_model.", hollow_clip(make))
    weights |= under("conditioner.embedders.1.model.", hollow_open_clip(make, CLIP_G))
    return write_safetensors(Path(path), weights | under(VAE, vae(4, SDXL_SCALE)))


def write_flux_fill(models: str | Path, seed: int = 0, fill: bool = True) -> SeparateFiles:
    """Write an untrained FLUX.1 Fill or FLUX.1 dev as separate files, as they are published: 1.2 GB.

    T5-XXL is left out for its size. CLIP-L is the only text encoder, so that loaders have one to load. Its output does
    not have the shape that the model expects: tests/host_pack has a node that makes such conditioning.

    Args:
        models: the models folder; its subfolders are created.
        seed: picks the random weights.
        fill: False for FLUX.1 dev, which has no inpainting inputs.
    """
    make = Maker(seed, torch.bfloat16)
    kind = "fill" if fill else "dev"
    names = SeparateFiles(f"small-flux-{kind}.safetensors", "small-clip-l.safetensors", "small-flux-vae.safetensors")
    folders = {"diffusion_models": names.diffusion_model, "text_encoders": names.text_encoder, "vae": names.vae}
    paths = {folder: Path(models) / folder / name for folder, name in folders.items()}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(paths["diffusion_models"], flux(make, FILL_CHANNELS if fill else CHANNELS))
    write_safetensors(paths["text_encoders"], _separate_clip(Maker(seed)))
    write_safetensors(paths["vae"], vae(16, FLUX_SCALE, FLUX_SHIFT))
    return names


def _separate_clip(make: Maker) -> WithHoles:
    projection = {"text_projection.weight": make.normal(CLIP_L.width, CLIP_L.width)}
    return under("text_model.", hollow_clip(make)) | projection
