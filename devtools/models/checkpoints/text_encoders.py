"""Untrained text encoders in their true shape, which the host has fixed, in two layouts of keys.

`clip` is random throughout. The others are mostly holes: their layers add nothing, so each word's embedding is its
random vector plus that of its place. Other words still give another embedding, and 1.4 GB cost 130 MB of disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from devtools.models.checkpoints.weights import Maker, Weights, WithHoles

WORDS = 49408
PLACES = 77
LOGIT_SCALE = 4.6055  # of every published CLIP: 1 / 0.01, as a logarithm; nothing reads it


@dataclass(frozen=True)
class Encoder:
    width: int
    layers: int


CLIP_L = Encoder(768, 12)
CLIP_H = Encoder(1024, 24)
CLIP_G = Encoder(1280, 32)


def clip(make: Maker, encoder: Encoder = CLIP_L) -> Weights:
    """Random in every layer, in the layout of transformers (the keys below `text_model.`)."""
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
    """Layers that are holes, in the layout of transformers (the keys below `text_model.`)."""
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
    """Layers that are holes, in the layout of OpenCLIP (the keys below `model.`)."""
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
