"""Whether a VAE belongs to a model, checked by the shape of its latents.

Latents of another shape show that a VAE is wrong. Latents of the same shape do not show that it is right: the VAEs of
SD 1.5 and SDXL share a shape and differ in scale, and so do those of SD 3 and FLUX.1, and of Wan and HunyuanVideo.
"""

from __future__ import annotations

from ..core.errors import InpaintError
from .latents import Latents, LatentShape

# The best-known models that work on latents of each shape.
BEST_KNOWN = {
    LatentShape(4, False): "SD 1.5, SD 2 and SDXL",
    LatentShape(16, False): "SD 3 and FLUX.1",
    LatentShape(128, False): "FLUX.2",
    LatentShape(64, False): "HunyuanImage 2.1",
    LatentShape(16, True): "Wan, Qwen-Image and HunyuanVideo",
    LatentShape(48, True): "Wan 2.2 5B",
    LatentShape(32, True): "HunyuanVideo 1.5",
    LatentShape(128, True): "LTX-Video and LTX-2",
    LatentShape(24, True): "MiniMax H3",
    LatentShape(12, True): "Mochi 1",
    LatentShape(3, False): "models that work on pixels",
}


def check_vae(latents: Latents, label: str, made: LatentShape) -> None:
    """Raise if a model cannot work on a VAE's latents.

    Args:
        latents: the latents that the model works on.
        label: the model's name for users.
        made: the latents that the VAE makes.

    Raises:
        InpaintError: if the two shapes differ.
    """
    if made != latents.shape:
        whose = f" (those of {BEST_KNOWN[made]})" if made in BEST_KNOWN else ""
        raise InpaintError(
            f"vae: expected latents of {latents.shape} for {label}, got {made}{whose}. Connect {latents.files}."
        )
