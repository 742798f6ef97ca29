"""Which VAE makes the latents that a model works on, told by their shape.

Shapes do not tell all: the VAEs of SD 1.5 and SDXL, those of SD 3 and FLUX.1, and those of Wan and HunyuanVideo make
latents of one shape each in different scales. What they tell is a VAE that cannot be the right one.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.errors import InpaintError

SD_VAE = "the VAE of its own checkpoint (SD 1.5 and SD 2: vae-ft-mse-840000-ema-pruned.safetensors)"
# By the host's names of latent formats: the VAE that makes them, under the name its file is published by.
VAE_OF = {
    "SD15": SD_VAE,
    "SDXL": "the VAE of its own checkpoint, or sdxl_vae.safetensors",
    "SD3": "the VAE of its own checkpoint",
    "Flux": "ae.safetensors",
    "Flux2": "flux2-vae.safetensors",
    "Wan21": "wan_2.1_vae.safetensors, or qwen_image_vae.safetensors for Qwen-Image",
    "Wan22": "wan2.2_vae.safetensors",
    "HunyuanImage21": "hunyuan_image_2.1_vae_fp16.safetensors",
    "HunyuanVideo": "hunyuan_video_vae_bf16.safetensors",
    "HunyuanVideo15": "hunyuanvideo15_vae_fp16.safetensors",
    "ChromaRadiance": "pixel_space, which works on the pixels themselves",
}


class LatentShape(NamedTuple):
    """channels, and whether latents have frames, [B, C, T, h, w]."""

    channels: int
    frames: bool

    def __str__(self) -> str:
        return f"{self.channels} channels{' with frames' if self.frames else ''}"


# Whose latents have a shape.
OF = {
    LatentShape(4, False): "SD 1.5, SD 2 and SDXL",
    LatentShape(16, False): "SD 3 and FLUX.1",
    LatentShape(128, False): "FLUX.2",
    LatentShape(64, False): "HunyuanImage 2.1",
    LatentShape(16, True): "Wan, Qwen-Image and HunyuanVideo",
    LatentShape(48, True): "Wan 2.2 5B",
    LatentShape(32, True): "HunyuanVideo 1.5",
    LatentShape(3, False): "models that work on pixels",
}


def check_vae(model: str, latent_format: str, needed: LatentShape, made: LatentShape) -> None:
    """Refuse a VAE whose latents the model cannot work on. Formats that are not listed here are let through.

    Args:
        model: what people call it.
        latent_format: the host's name of the model's latents.
        needed, made: by the model, and by the VAE.

    Raises:
        InpaintError: if they differ.
    """
    if latent_format in VAE_OF and made != needed:
        whose = f", as those of {OF[made]} do" if made in OF else ""
        raise InpaintError(
            f"vae: {model} works on latents of {needed}, this VAE makes {made}{whose}. Connect {VAE_OF[latent_format]}."
        )
