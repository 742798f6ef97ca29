"""Latent formats: their shape, and the VAE that makes them. Names are ComfyUI's (comfy/latent_formats.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from . import vaes
from .vaes import Vae


class LatentShape(NamedTuple):
    """The shape of latents, without batch and size."""

    channels: int
    """Number of channels C."""
    frames: bool
    """True for [B, C, T, h, w], False for [B, C, h, w]."""

    def __str__(self) -> str:
        return f"{self.channels} channels{' with frames' if self.frames else ''}"


@dataclass(frozen=True)
class Latents:
    """One latent format."""

    format: str
    """ComfyUI's name of the format."""
    shape: LatentShape
    """Channels, and whether there are frames."""
    ratio: int
    """Pixels per latent cell, along each side."""
    vae: Vae
    """The kind of VAE that makes such latents."""
    files: str
    """Where that VAE is found, for users. Files have the names that they are published under."""


PIXEL_SPACE = "pixel_space, which works on the pixels themselves"
SD15 = Latents(
    *("SD15", LatentShape(4, False), 8, vaes.KL4),
    files="the VAE of its own checkpoint (SD 1.5 and SD 2: vae-ft-mse-840000-ema-pruned.safetensors)",
)
SDXL = Latents(
    *("SDXL", LatentShape(4, False), 8, vaes.KL4), files="the VAE of its own checkpoint, or sdxl_vae.safetensors"
)
SD3 = Latents("SD3", LatentShape(16, False), 8, vaes.KL16, "the VAE of its own checkpoint")
FLUX = Latents("Flux", LatentShape(16, False), 8, vaes.KL16, "ae.safetensors")
FLUX2 = Latents("Flux2", LatentShape(128, False), 16, vaes.FLUX2, "flux2-vae.safetensors")
# Mage-Flow has a VAE of its own for these latents.
MAGE = Latents("Flux2", LatentShape(128, False), 16, vaes.MAGE, "mage_flow_vae_bf16.safetensors")
HUNYUAN_IMAGE = Latents(
    *("HunyuanImage21", LatentShape(64, False), 32, vaes.HUNYUAN_IMAGE), files="hunyuan_image_2.1_vae_fp16.safetensors"
)
WAN = Latents(
    *("Wan21", LatentShape(16, True), 8, vaes.WAN),
    files="wan_2.1_vae.safetensors, or qwen_image_vae.safetensors for image models",
)
WAN22 = Latents("Wan22", LatentShape(48, True), 16, vaes.WAN22, "wan2.2_vae.safetensors")
HUNYUAN_VIDEO = Latents(
    *("HunyuanVideo", LatentShape(16, True), 8, vaes.HUNYUAN_VIDEO), files="hunyuan_video_vae_bf16.safetensors"
)
HUNYUAN_VIDEO_15 = Latents(
    *("HunyuanVideo15", LatentShape(32, True), 16, vaes.HUNYUAN_VIDEO_15), files="hunyuanvideo15_vae_fp16.safetensors"
)
LTX = Latents("LTXV", LatentShape(128, True), 32, vaes.LTX, "the VAE of its own checkpoint")
LTX_AUDIO = Latents("LTXAV", LatentShape(128, True), 32, vaes.LTX, "the video VAE of its own checkpoint")
MINIMAX_H3 = Latents("MiniMaxH3AV", LatentShape(24, True), 16, vaes.MINIMAX_H3, "minimax_h3_video_vae_fp16.safetensors")
MOCHI = Latents("Mochi", LatentShape(12, True), 8, vaes.MOCHI, "mochi_vae.safetensors")
COSMOS = Latents("Cosmos1CV8x8x8", LatentShape(16, True), 8, vaes.COSMOS, "cosmos_cv8x8x8_1.0.safetensors")
COGVIDEO = Latents("CogVideoX", LatentShape(16, True), 8, vaes.COGVIDEO, "cogvideox_vae.safetensors")
CHROMA_PIXELS = Latents("ChromaRadiance", LatentShape(3, False), 1, vaes.PIXELS, PIXEL_SPACE)
Z_IMAGE_PIXELS = Latents("ZImagePixelSpace", LatentShape(3, False), 1, vaes.PIXELS, PIXEL_SPACE)
HIDREAM_PIXELS = Latents("HiDreamO1Pixel", LatentShape(3, False), 1, vaes.PIXELS, PIXEL_SPACE)
PIXELDIT_PIXELS = Latents("PixelDiTPixel", LatentShape(3, False), 1, vaes.PIXELS, PIXEL_SPACE)

_BY_FORMAT = {
    latents.format: latents
    for latents in (
        *(SD15, SDXL, SD3, FLUX, FLUX2, HUNYUAN_IMAGE, WAN, WAN22, HUNYUAN_VIDEO, HUNYUAN_VIDEO_15, LTX, LTX_AUDIO),
        *(MINIMAX_H3, MOCHI, COSMOS, COGVIDEO, CHROMA_PIXELS, Z_IMAGE_PIXELS, HIDREAM_PIXELS, PIXELDIT_PIXELS),
    )
}
# The larger CogVideoX models scale their latents in another way.
_BY_FORMAT["CogVideoX1_5"] = COGVIDEO


def latents_of(format: str) -> Latents | None:
    """Return the latents of one of ComfyUI's formats; None if the table does not know it."""
    return _BY_FORMAT.get(format)
