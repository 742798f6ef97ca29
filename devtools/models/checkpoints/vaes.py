"""A VAE in TAESD's layout with weights set by hand.

The encoder takes the mean color of each 8x8 block; the decoder paints the block in that color. The convolutions only
average (encoder) or repeat (decoder), and the residual blocks are identities.
"""

from __future__ import annotations

import torch

from devtools.models.checkpoints.random_weights import Weights

VAE_WIDTH = 64


def vae(channels: int, scale: float, shift: float = 0.0) -> Weights:
    """Return the weights of the VAE.

    Args:
        channels: channels of the latent, a multiple of 4.
        scale, shift: of the family. A model takes (latent - shift) * scale, the scale that TAESD works in.
    """
    # Maps 3 colors to 4 latent channels. The columns are orthogonal, so the transpose maps back.
    mix = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float16).repeat(channels // 4, 1)
    color = torch.arange(3)

    def conv(name: str, outputs: int, inputs: int, bias: bool = False) -> Weights:
        weights = {f"{name}.weight": torch.zeros(outputs, inputs, 3, 3, dtype=torch.float16)}
        return weights | ({f"{name}.bias": torch.zeros(outputs, dtype=torch.float16)} if bias else {})

    def blocks(name: str, *numbers: int) -> Weights:
        weights: Weights = {}
        for layer in (f"{name}.{number}.conv.{i}" for number in numbers for i in (0, 2, 4)):
            weights |= conv(layer, VAE_WIDTH, VAE_WIDTH, bias=True)
        return weights

    encoder, decoder = "taesd_encoder", "taesd_decoder"
    weights = blocks(encoder, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13) | blocks(decoder, 3, 4, 5, 8, 9, 10, 13, 14, 15, 18)
    weights |= conv(f"{encoder}.0", VAE_WIDTH, 3, bias=True)
    weights[f"{encoder}.0.weight"][color, color, 1, 1] = 1
    for halve in (2, 6, 10):
        weights |= conv(f"{encoder}.{halve}", VAE_WIDTH, VAE_WIDTH)
        weights[f"{encoder}.{halve}.weight"][color, color, 1:, 1:] = 0.25  # the 2x2 pixels of this position
    weights |= conv(f"{encoder}.14", channels, VAE_WIDTH, bias=True)
    weights[f"{encoder}.14.weight"][:, :3, 1, 1] = mix
    weights[f"{encoder}.14.bias"] = -mix.sum(1) / 2  # mid grey is latent 0

    weights |= conv(f"{decoder}.1", VAE_WIDTH, channels, bias=True)
    weights[f"{decoder}.1.weight"][:3, :, 1, 1] = mix.T / channels
    weights[f"{decoder}.1.bias"][:3] = 0.5
    for double in (7, 12, 17):
        weights |= conv(f"{decoder}.{double}", VAE_WIDTH, VAE_WIDTH)
        weights[f"{decoder}.{double}.weight"][color, color, 1, 1] = 1
    weights |= conv(f"{decoder}.19", 3, VAE_WIDTH, bias=True)
    weights[f"{decoder}.19.weight"][color, color, 1, 1] = 1
    return weights | {"vae_scale": torch.tensor(scale), "vae_shift": torch.tensor(shift)}
