"""The resolution that a model was trained at, and the multiple that the sides of its pictures have to be of."""

from __future__ import annotations

# Side in pixels of a square with the area of the trained resolution. Keys are prefixes of the host's family names; the
# longest match counts. Video models have their smallest trained resolution: 832x480, 1280x720 or 768x512.
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


def native_side(model_class: str | None) -> int:
    """Return the side, in pixels, of a square at the model's native resolution.

    Args:
        kind: the host's name of the model's family; None if there is no model.
    """
    fits = [name for name in NATIVE if (model_class or "").startswith(name)]
    return NATIVE[max(fits, key=len)] if fits else USUAL


def side_multiple(vae_ratio: int, unet: bool | None) -> int:
    """Return the number of pixels that the sides of a picture have to be a multiple of.

    A U-Net halves a latent three times. A transformer takes a latent in patches of 2 x 2, or pixels in 16 x 16.

    Args:
        vae_ratio: pixels per latent cell, along each side.
        unet: whether the model is a U-Net. None if unknown: it then counts as one if `vae_ratio` is 8.
    """
    cells = 8 if unet or (unet is None and vae_ratio == 8) else 2
    return max(cells * vae_ratio, 16)
