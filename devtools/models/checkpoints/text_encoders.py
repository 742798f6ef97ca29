"""Untrained text encoders in their real shape, which the host fixes, in two key layouts.

`clip` is random in every layer. The others have layers of zeros, which are holes in a sparse file: each token's
embedding is its random vector plus that of its position. Different words still give different embeddings, and 1.4 GB
take 130 MB on disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from devtools.models.checkpoints.random_weights import Maker, Weights, WithHoles

WORDS = 49408
PLACES = 77
LOGIT_SCALE = 4.6055  # of every published CLIP: log(1 / 0.01); the host ignores it


@dataclass(frozen=True)
class Encoder:
    """The size of a text encoder."""

    width: int
    """Channels of an embedding."""
    layers: int
    """Number of transformer layers."""


CLIP_L = Encoder(768, 12)
CLIP_H = Encoder(1024, 24)
CLIP_G = Encoder(1280, 32)


def clip(make: Maker, encoder: Encoder = CLIP_L) -> Weights:
    """Return random weights in the layout of transformers (the keys below `text_model.`)."""
    width = encoder.width
    weights = {
        "embeddings.token_embedding.weight": make.normal(WORDS, width, std=0.02),
        "embeddings.position_embedding.weight": make.normal(PLACES, width, std=0.01),
    }
    for layer in (f"encoder.layers.{i}" for i in range(encoder.layers)):
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            weights |= make.linear(f"{layer}.self_attn.{projection}", width, width, std=0.02)
        weights |= make.linear(f"{layer}.mlp.fc1", 4 * width, width, std=0.02)
        weights |= make.linear(f"{layer}.mlp.fc2", width, 4 * width, std=0.02)
        weights |= make.norm(f"{layer}.layer_norm1", width) | make.norm(f"{layer}.layer_norm2", width)
    return weights | make.norm("final_layer_norm", width)


def hollow_clip(make: Maker, encoder: Encoder = CLIP_L) -> WithHoles:
    """Return weights whose layers are holes, in the layout of transformers (the keys below `text_model.`)."""
    width = encoder.width
    shapes: dict[str, tuple[int, ...]] = {}
    for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
        shapes |= _layer(f"self_attn.{projection}", width, width)
    shapes |= _layer("mlp.fc1", 4 * width, width) | _layer("mlp.fc2", width, 4 * width)
    shapes |= _layer("layer_norm1", width) | _layer("layer_norm2", width)
    return {
        "embeddings.token_embedding.weight": make.normal(WORDS, width, std=1),
        "embeddings.position_embedding.weight": make.normal(PLACES, width, std=0.3),
        **_holes(make, "encoder.layers", encoder.layers, shapes),
        **make.norm("final_layer_norm", width),
    }


def hollow_open_clip(make: Maker, encoder: Encoder) -> WithHoles:
    """Return weights whose layers are holes, in the layout of OpenCLIP (the keys below `model.`)."""
    width = encoder.width
    shapes = {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,)}
    shapes |= _layer("attn.out_proj", width, width)
    shapes |= _layer("mlp.c_fc", 4 * width, width) | _layer("mlp.c_proj", width, 4 * width)
    shapes |= _layer("ln_1", width) | _layer("ln_2", width)
    return {
        "token_embedding.weight": make.normal(WORDS, width, std=1),
        "positional_embedding": make.normal(PLACES, width, std=0.3),
        **_holes(make, "transformer.resblocks", encoder.layers, shapes),
        **make.norm("ln_final", width),
        "text_projection": make.normal(width, width),
        "logit_scale": make.ones() * LOGIT_SCALE,
    }


def _layer(name: str, outputs: int, *inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, *inputs), f"{name}.bias": (outputs,)}


def _holes(make: Maker, name: str, layers: int, shapes: dict[str, tuple[int, ...]]) -> WithHoles:
    return {f"{name}.{i}.{part}": make.hole(*shape) for i in range(layers) for part, shape in shapes.items()}
