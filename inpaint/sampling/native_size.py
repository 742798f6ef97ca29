"""The size of pictures that a model was trained on, and the multiple that its network asks for."""

from __future__ import annotations

# Side of a square with as many pixels, by how the host's name of a family begins; the longest that fits counts. For
# video models that of the smaller resolution they were made for, or of the only one: 832x480, 1280x720, 768x512.
NATIVE = {
    "SD15": 512,
    "SD20": 512,
    "SD21Unclip": 768,
    "SD_X4": 512,
    "LotusD": 768,
    "Stable_Zero123": 256,
    "SV3D": 576,
    "SVD": 768,
    "WAN": 640,
    "WAN22_T2V": 960,
    "LTX": 640,
    "GenmoMochi": 640,
    "Cosmos": 960,
    "CosmosT2I": 1024,
    "HunyuanVideo": 960,
    "HunyuanImage": 2048,
}
USUAL = 1024


def native_side(kind: str | None) -> int:
    """Pixels of the side of a square of the model's own size.

    Args:
        kind: the host's name of the model's family; None where there is no model.
    """
    fits = [name for name in NATIVE if (kind or "").startswith(name)]
    return NATIVE[max(fits, key=len)] if fits else USUAL


def side_multiple(vae_ratio: int, unet: bool | None) -> int:
    """What the sides of a picture have to be a multiple of, in pixels.

    A U-Net halves a latent three times, a transformer takes it in patches of 2 x 2, or the pixels of 16 x 16.

    Args:
        vae_ratio: pixels to a latent cell, along each side.
        unet: whether the model is a U-Net. None where that is not known: with eighths it may be.
    """
    cells = 8 if unet or (unet is None and vae_ratio == 8) else 2
    return max(cells * vae_ratio, 16)
