"""The VAE that belongs to a model, checked by the shape of its latents.

Latents of another shape show that a VAE is wrong. Latents of the same shape do not show that it is right: the VAEs of
SD 1.5 and SDXL share a shape and differ in scale, and so do those of SD 3 and FLUX.1, and of Wan and HunyuanVideo.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.errors import InpaintError

SD_VAE = "the VAE of its own checkpoint (SD 1.5 and SD 2: vae-ft-mse-840000-ema-pruned.safetensors)"
# The VAE for each latent format, by the host's name of the format. Files have the names that they are published under.
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
    """The shape of latents, without batch and size."""

    channels: int
    """Number of channels C."""
    frames: bool
    """True for [B, C, T, h, w], False for [B, C, h, w]."""

    def __str__(self) -> str:
        return f"{self.channels} channels{' with frames' if self.frames else ''}"


# The models that work on latents of each shape.
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
    """Raise if the model cannot work on the VAE's latents. Formats that are not in `VAE_OF` are not checked.

    Args:
        model: the model's common name.
        latent_format: the host's name of the model's latent format.
        needed: the latents that the model takes.
        made: the latents that the VAE makes.

    Raises:
        InpaintError: if the two shapes differ.
    """
    if latent_format in VAE_OF and made != needed:
        whose = f" (those of {OF[made]})" if made in OF else ""
        raise InpaintError(
            f"vae: expected latents of {needed} for {model}, got {made}{whose}. Connect {VAE_OF[latent_format]}."
        )
