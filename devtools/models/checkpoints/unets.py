"""Untrained UNets of the Stable Diffusion families, in the key layout of their checkpoints.

The families differ in the depth of the transformers, the width of the text embedding, the form of two layers, and
whether picture size and pooled text are inputs. Every level has 320 channels.

The predicted noise is mostly the UNet's own input, plus a random part that depends on all other inputs (step, text,
mask, masked picture). This keeps sampling from diverging.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from devtools.models.checkpoints.random_weights import Maker, Weights

WIDTH = 320  # of every level; the host detects the family by the width of the first
INPUT_SHARE = 0.99  # part of the input in the predicted noise, in standard deviations
RANDOM_SHARE = 0.1


@dataclass(frozen=True)
class UNet:
    """The structure of a family's UNet."""

    depths: tuple[tuple[int, ...], ...]
    """Encoder: for each level, the number of transformer blocks after each residual block."""
    depths_up: tuple[int, ...]
    """Decoder: the number of transformer blocks after each residual block, one number per level."""
    text_width: int
    """Channels of the prompt's embedding."""
    linear: bool
    """Whether the transformers' outer layers are linear layers instead of 1x1 convolutions."""
    vector_width: int = 0
    """Channels of the vector of picture size and pooled text; 0 for none."""


SD15 = UNet(depths=((0,), (1,)), depths_up=(0, 1), text_width=768, linear=False)
SD2 = UNet(depths=((0,), (1,)), depths_up=(0, 1), text_width=1024, linear=True)
# The host detects SDXL by the encoder's depths. The decoder's depths are read from the file; published: 0, 2 and 10.
SDXL = UNet(depths=((0, 0), (2, 2), (10, 10)), depths_up=(0, 1, 1), text_width=2048, linear=True, vector_width=2816)


def unet(make: Maker, layout: UNet, in_channels: int) -> Weights:
    """Return the weights of a UNet. in_channels: 9 for an inpainting model (latent, mask, masked latent), else 4."""

    def residual(name: str, inputs: int = WIDTH) -> Weights:
        weights = make.norm(f"{name}.in_layers.0", inputs)
        weights |= make.linear(f"{name}.in_layers.2", WIDTH, inputs, 3, 3)
        weights |= make.linear(f"{name}.emb_layers.1", WIDTH, 4 * WIDTH)
        weights |= make.norm(f"{name}.out_layers.0", WIDTH)
        weights |= make.linear(f"{name}.out_layers.3", WIDTH, WIDTH, 3, 3)
        return weights | (make.linear(f"{name}.skip_connection", WIDTH, inputs, 1, 1) if inputs != WIDTH else {})

    def transformer(name: str, depth: int) -> Weights:
        if not depth:
            return {}
        outer = (WIDTH, WIDTH) if layout.linear else (WIDTH, WIDTH, 1, 1)
        weights = make.norm(f"{name}.norm", WIDTH) | make.linear(f"{name}.proj_in", *outer)
        for block in (f"{name}.transformer_blocks.{i}" for i in range(depth)):
            for attention, context in (("attn1", WIDTH), ("attn2", layout.text_width)):
                weights |= make.linear(f"{block}.{attention}.to_q", WIDTH, WIDTH, bias=False)
                weights |= make.linear(f"{block}.{attention}.to_k", WIDTH, context, bias=False)
                weights |= make.linear(f"{block}.{attention}.to_v", WIDTH, context, bias=False)
                weights |= make.linear(f"{block}.{attention}.to_out.0", WIDTH, WIDTH)
            weights |= make.linear(f"{block}.ff.net.0.proj", 8 * WIDTH, WIDTH)
            weights |= make.linear(f"{block}.ff.net.2", WIDTH, 4 * WIDTH)
            for norm in ("norm1", "norm2", "norm3"):
                weights |= make.norm(f"{block}.{norm}", WIDTH)
        return weights | make.linear(f"{name}.proj_out", *outer)

    weights = make.linear("time_embed.0", 4 * WIDTH, WIDTH) | make.linear("time_embed.2", 4 * WIDTH, 4 * WIDTH)
    if layout.vector_width:
        weights |= make.linear("label_emb.0.0", 4 * WIDTH, layout.vector_width)
        weights |= make.linear("label_emb.0.2", 4 * WIDTH, 4 * WIDTH)
    weights |= make.linear("input_blocks.0.0", WIDTH, in_channels, 3, 3)
    weights["input_blocks.0.0.weight"][:, 4:] *= 4  # larger, so that a wrong mask or masked picture is visible

    block = 1
    for level, depths in enumerate(layout.depths):
        if level:
            weights |= make.linear(f"input_blocks.{block}.0.op", WIDTH, WIDTH, 3, 3)
            block += 1
        for depth in depths:
            weights |= residual(f"input_blocks.{block}.0") | transformer(f"input_blocks.{block}.1", depth)
            block += 1
    weights |= residual("middle_block.0") | transformer("middle_block.1", layout.depths[-1][-1])
    weights |= residual("middle_block.2")

    # The decoder has one more residual block per level, for the skip from the level's first input.
    block = 0
    for level, depth in reversed([*enumerate(layout.depths_up)]):
        for _ in range(len(layout.depths[level]) + 1):
            weights |= residual(f"output_blocks.{block}.0", 2 * WIDTH) | transformer(f"output_blocks.{block}.1", depth)
            block += 1
        if level:
            place = f"output_blocks.{block - 1}.{2 if depth else 1}"
            weights |= make.linear(f"{place}.conv", WIDTH, WIDTH, 3, 3)
    weights |= make.norm("out.0", WIDTH) | make.linear("out.2", 4, WIDTH, 3, 3)
    _predict_the_input(weights, last=f"output_blocks.{block - 1}.0")
    return weights


def _predict_the_input(unet: Weights, last: str) -> None:
    """Route the noisy latent x through the UNet to its output, next to the random part.

    The first of the last norm's 32 groups carries x and -x in eight of its ten channels. They come from the first
    convolution over the outermost skip. The norm scales x to unit variance, and silu(x) - silu(-x) = x restores it.

    Args:
        unet: changed in place.
        last: name of its last residual block, which no transformer follows.
    """
    group = slice(0, WIDTH // 32)
    latent = torch.arange(4)
    first, out = unet["input_blocks.0.0.weight"], unet["out.2.weight"]
    first[group] = 0
    first[latent, latent, 1, 1] = 1
    first[4 + latent, latent, 1, 1] = -1
    skip = unet[f"{last}.skip_connection.weight"]
    skip[group] = 0
    skip[range(8), range(WIDTH, WIDTH + 8)] = 1
    unet[f"{last}.out_layers.3.weight"][group] = 0
    unet["out.0.weight"][group] = 0.8**0.5  # eight of ten channels are used
    out *= RANDOM_SHARE / 0.355**0.5  # 0.355: mean square of silu over a unit normal
    out[:, group] = 0
    out[latent, latent, 1, 1] = INPUT_SHARE
    out[latent, 4 + latent, 1, 1] = -INPUT_SHARE
