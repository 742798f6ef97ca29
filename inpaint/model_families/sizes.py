"""The sizes of pictures that a model asks for."""

from __future__ import annotations

import math

from .family import Family

# Without a model: the side that most models were trained at.
USUAL = 1024


def native_side(family: Family | None, v_prediction: bool = False) -> int:
    """Return the side, in pixels, of a square with the area that a model was trained at.

    Args:
        family: the model's family; None if there is no model.
        v_prediction: whether the model predicts the velocity, as SD 2.1-v does.
    """
    if family is None:
        return USUAL
    return family.side_v_prediction if v_prediction and family.side_v_prediction else family.side


def encoded_multiple(family: Family, vae_ratio: int) -> int:
    """Return the number of pixels to a multiple of which a picture is padded for a model.

    Args:
        family: the model's family.
        vae_ratio: pixels per latent cell of the VAE, along each side.
    """
    return family.grid if family.whole_patches else vae_ratio


def patch_cells(family: Family) -> int:
    """Return the latent cells, along each side, that the sides of a latent have to be a multiple of for a model."""
    return family.grid // family.latents.ratio


def side_multiple(family: Family | None, vae_ratio: int | None = None) -> int:
    """Return the number of pixels that the sides of a picture have to be a multiple of.

    Args:
        family: the model's family; None if there is no model.
        vae_ratio: pixels per latent cell of the VAE, along each side; None if there is no VAE.
    """
    if family is not None:
        return math.lcm(family.grid, vae_ratio or 1)
    # A VAE of eighths may be a U-Net's, which halves the latent three times. Other models take a latent in patches of
    # 2 x 2 at most, or pixels in patches of 16 x 16.
    ratio = vae_ratio or 8
    return 64 if ratio == 8 else max(2 * ratio, 16)
