"""Small models for demos and tests: the real key layout of each family with UNTRAINED weights.

They load, sample and decode like the real ones, only faster, and they paint noise.
UNets are narrower or have fewer levels. Transformers have one block of each kind. Text encoders have their real shape.
The VAE has TAESD's layout and paints each 8x8 block in its mean color; those of FLUX.2 and Qwen-Image are random.
float16 holds every weight exactly, so float32 arithmetic sees the same numbers everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from devtools.models.checkpoints import flux2_transformer, unets
from devtools.models.checkpoints.flux2_transformer import flux2
from devtools.models.checkpoints.flux_transformer import CHANNELS, FILL_CHANNELS, flux
from devtools.models.checkpoints.full_vaes import flux2_vae, wan_vae
from devtools.models.checkpoints.networks import write_lama, write_migan
from devtools.models.checkpoints.qwen_transformer import qwen_image
from devtools.models.checkpoints.random_weights import Maker, QuickMaker, WithHoles, under
from devtools.models.checkpoints.text_encoders import CLIP_G, CLIP_H, CLIP_L, clip, hollow_clip, hollow_open_clip
from devtools.models.checkpoints.unets import unet
from devtools.models.checkpoints.vaes import vae
from devtools.models.sparse_file import Contents, write_safetensors

__all__ = [
    "SeparateFiles",
    "write_flux2",
    "write_flux_fill",
    "write_klein_lora",
    "write_kontext",
    "write_lama",
    "write_migan",
    "write_qwen_edit",
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
    transformer = flux(make, FILL_CHANNELS if fill else CHANNELS)
    return _write_separate(models, "flux-fill" if fill else "flux-dev", transformer, "flux", _flux_vae(), seed)


def write_kontext(models: str | Path, seed: int = 0) -> SeparateFiles:
    """Write an untrained FLUX.1 Kontext, which has the tensors of FLUX.1 dev, in fp8: 0.5 GB. Args as above."""
    transformer = flux(QuickMaker(seed, torch.float8_e4m3fn), CHANNELS)
    return _write_separate(models, "flux-kontext", transformer, "flux", _flux_vae(), seed)


def write_flux2(models: str | Path, seed: int = 0, klein: bool = False) -> SeparateFiles:
    """Write an untrained, narrow FLUX.2, or one with the text and without the guidance of Klein 4B. Args as above."""
    make = QuickMaker(seed, torch.bfloat16)
    text_width = flux2_transformer.KLEIN_TEXT_WIDTH if klein else flux2_transformer.TEXT_WIDTH
    transformer = flux2(make, text_width, guidance=not klein)
    return _write_separate(
        models, "flux2-klein" if klein else "flux2", transformer, "flux2", flux2_vae(QuickMaker(seed)), seed
    )


def write_qwen_edit(models: str | Path, seed: int = 0) -> SeparateFiles:
    """Write an untrained Qwen-Image-Edit 2509, which has the tensors of Qwen-Image, in fp8: 0.4 GB. Args as above."""
    transformer = qwen_image(QuickMaker(seed, torch.float8_e4m3fn))
    return _write_separate(models, "qwen-image-edit", transformer, "qwen-image", wan_vae(QuickMaker(seed)), seed)


def write_klein_lora(path: str | Path, seed: int = 0, rank: int = 4) -> Path:
    """Write a LoRA for the FLUX.2 of `write_flux2` in the layout that ComfyUI's and most trainers' have."""
    make, width = Maker(seed), flux2_transformer.HIDDEN
    layers = {"double_blocks.0.img_attn.qkv": 3 * width, "double_blocks.0.img_attn.proj": width}
    weights: WithHoles = {}
    for layer, outputs in layers.items():
        weights[f"diffusion_model.{layer}.lora_A.weight"] = make.normal(rank, width)
        weights[f"diffusion_model.{layer}.lora_B.weight"] = make.normal(outputs, rank)
    return write_safetensors(Path(path), weights)


def _flux_vae() -> WithHoles:
    return dict(vae(16, FLUX_SCALE, FLUX_SHIFT))


def _write_separate(
    models: str | Path, name: str, transformer: Contents, vae_name: str, vae_weights: Contents, seed: int
) -> SeparateFiles:
    names = SeparateFiles(f"small-{name}.safetensors", "small-clip-l.safetensors", f"small-{vae_name}-vae.safetensors")
    parts = {
        "diffusion_models": (names.diffusion_model, transformer),
        "text_encoders": (names.text_encoder, _separate_clip(Maker(seed))),
        "vae": (names.vae, vae_weights),
    }
    for folder, (file, weights) in parts.items():
        path = Path(models) / folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(path, weights)
    return names


def _separate_clip(make: Maker) -> WithHoles:
    projection = {"text_projection.weight": make.normal(CLIP_L.width, CLIP_L.width)}
    return under("text_model.", hollow_clip(make)) | projection
