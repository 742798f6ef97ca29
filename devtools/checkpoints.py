"""A small checkpoint for demos and tests: the true key layout of Stable Diffusion 1.5, but UNTRAINED weights.

It loads, samples and decodes like the real thing, only faster, and paints noise: it has never seen a picture.
The file holds a UNet of two levels instead of four, CLIP-L in its true shape, and a VAE in TAESD's layout.
Three choices make runs with it readable:

- The UNet's noise prediction is mostly its own input, plus a random part that depends on everything the model is
  given (step, text, mask, masked picture). So sampling settles down instead of running away.
- The VAE is set by hand: encoding takes the mean colour of each 8x8 block, decoding paints the block in that colour.
- Every weight is one that float16 can hold, so float32 arithmetic sees the same numbers everywhere.
"""

import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

WIDTH = 320  # of every UNet level; the host tells the family by it
TEXT_WIDTH = 768
CLIP_LAYERS = 12
VAE_WIDTH = 64
LATENT_SCALE = 0.18215  # SD 1.5's latent scaling, which TAESD undoes
INPUT_SHARE = 0.99  # of the predicted noise, in standard deviations
RANDOM_SHARE = 0.1

Weights = dict[str, Tensor]


def write_sd15_inpaint(path: str | Path, seed: int = 0, in_channels: int = 9) -> Path:
    """Write an untrained Stable Diffusion 1.5 checkpoint, float16, 324 MB; the same file for the same seed.

    Args:
        path: where to write; the name should end in .safetensors.
        seed: picks the random weights.
        in_channels: 9 for an inpainting model (latent, mask, masked latent), 4 for a general one.

    Returns:
        The path written.
    """
    random = torch.Generator().manual_seed(seed)
    weights = {f"model.diffusion_model.{k}": v for k, v in _unet(in_channels, random).items()}
    weights |= {f"cond_stage_model.transformer.text_model.{k}": v for k, v in _clip(random).items()}
    weights |= {f"first_stage_model.{k}": v for k, v in _vae().items()}
    path = Path(path)
    partial = path.with_suffix(".part")  # so that an interrupted run leaves no half of a checkpoint
    save_file(weights, partial, metadata={"format": "pt"})
    return partial.replace(path)


def _normal(random: torch.Generator, *shape: int, std: float | None = None) -> Tensor:
    """Random weights that keep the spread of their input, unless told otherwise."""
    fan_in = math.prod(shape[1:])
    return torch.empty(shape, dtype=torch.float16).normal_(std=std or fan_in**-0.5, generator=random)


def _linear(random: torch.Generator, name: str, *shape: int, bias: bool = True, std: float | None = None) -> Weights:
    weights = {f"{name}.weight": _normal(random, *shape, std=std)}
    return weights | {f"{name}.bias": torch.zeros(shape[0], dtype=torch.float16)} if bias else weights


def _norm(name: str, width: int) -> Weights:
    return {
        f"{name}.weight": torch.ones(width, dtype=torch.float16),
        f"{name}.bias": torch.zeros(width, dtype=torch.float16),
    }


def _unet(in_channels: int, random: torch.Generator) -> Weights:
    def linear(name: str, *shape: int, bias: bool = True) -> Weights:
        return _linear(random, name, *shape, bias=bias)

    def residual(name: str, inputs: int) -> Weights:
        weights = _norm(f"{name}.in_layers.0", inputs)
        weights |= linear(f"{name}.in_layers.2", WIDTH, inputs, 3, 3)
        weights |= linear(f"{name}.emb_layers.1", WIDTH, 4 * WIDTH)
        weights |= _norm(f"{name}.out_layers.0", WIDTH)
        weights |= linear(f"{name}.out_layers.3", WIDTH, WIDTH, 3, 3)
        return weights | (linear(f"{name}.skip_connection", WIDTH, inputs, 1, 1) if inputs != WIDTH else {})

    def transformer(name: str) -> Weights:
        weights = _norm(f"{name}.norm", WIDTH) | linear(f"{name}.proj_in", WIDTH, WIDTH, 1, 1)
        block = f"{name}.transformer_blocks.0"
        for attention, context in (("attn1", WIDTH), ("attn2", TEXT_WIDTH)):
            weights |= linear(f"{block}.{attention}.to_q", WIDTH, WIDTH, bias=False)
            weights |= linear(f"{block}.{attention}.to_k", WIDTH, context, bias=False)
            weights |= linear(f"{block}.{attention}.to_v", WIDTH, context, bias=False)
            weights |= linear(f"{block}.{attention}.to_out.0", WIDTH, WIDTH)
        weights |= linear(f"{block}.ff.net.0.proj", 8 * WIDTH, WIDTH) | linear(f"{block}.ff.net.2", WIDTH, 4 * WIDTH)
        weights |= _norm(f"{block}.norm1", WIDTH) | _norm(f"{block}.norm2", WIDTH) | _norm(f"{block}.norm3", WIDTH)
        return weights | linear(f"{name}.proj_out", WIDTH, WIDTH, 1, 1)

    weights = linear("time_embed.0", 4 * WIDTH, WIDTH) | linear("time_embed.2", 4 * WIDTH, 4 * WIDTH)
    weights |= linear("input_blocks.0.0", WIDTH, in_channels, 3, 3)
    weights["input_blocks.0.0.weight"][:, 4:] *= 4  # mask and masked picture weigh more, so that wrong ones show
    weights |= residual("input_blocks.1.0", WIDTH)
    weights |= linear("input_blocks.2.0.op", WIDTH, WIDTH, 3, 3)
    weights |= residual("input_blocks.3.0", WIDTH) | transformer("input_blocks.3.1")
    weights |= residual("middle_block.0", WIDTH) | transformer("middle_block.1") | residual("middle_block.2", WIDTH)
    weights |= residual("output_blocks.0.0", 2 * WIDTH) | transformer("output_blocks.0.1")
    weights |= residual("output_blocks.1.0", 2 * WIDTH) | transformer("output_blocks.1.1")
    weights |= linear("output_blocks.1.2.conv", WIDTH, WIDTH, 3, 3)
    weights |= residual("output_blocks.2.0", 2 * WIDTH) | residual("output_blocks.3.0", 2 * WIDTH)
    weights |= _norm("out.0", WIDTH) | linear("out.2", 4, WIDTH, 3, 3)
    _predict_the_input(weights)
    return weights


def _predict_the_input(unet: Weights) -> None:
    """Lay the noisy latent x through the UNet to its output, beside the random part.

    The first of the 32 groups of the last norm carries x and -x in eight of its ten channels, from the first
    convolution over the outermost skip. There silu(x) - silu(-x) = x, and the norm gives it unit spread.
    """
    group = slice(0, WIDTH // 32)
    latent = torch.arange(4)
    first, last, out = unet["input_blocks.0.0.weight"], "output_blocks.3.0", unet["out.2.weight"]
    first[group] = 0
    first[latent, latent, 1, 1] = 1
    first[4 + latent, latent, 1, 1] = -1
    skip = unet[f"{last}.skip_connection.weight"]
    skip[group] = 0
    skip[range(8), range(WIDTH, WIDTH + 8)] = 1
    unet[f"{last}.out_layers.3.weight"][group] = 0
    unet["out.0.weight"][group] = 0.8**0.5  # eight of ten channels in use
    out *= RANDOM_SHARE / 0.355**0.5  # 0.355: mean square of silu over a unit normal
    out[:, group] = 0
    out[latent, latent, 1, 1] = INPUT_SHARE
    out[latent, 4 + latent, 1, 1] = -INPUT_SHARE


def _clip(random: torch.Generator) -> Weights:
    def linear(name: str, outputs: int, inputs: int) -> Weights:
        return _linear(random, name, outputs, inputs, std=0.02)

    weights = {
        "embeddings.token_embedding.weight": _normal(random, 49408, TEXT_WIDTH, std=0.02),
        "embeddings.position_embedding.weight": _normal(random, 77, TEXT_WIDTH, std=0.01),
    }
    for layer in (f"encoder.layers.{i}" for i in range(CLIP_LAYERS)):
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            weights |= linear(f"{layer}.self_attn.{projection}", TEXT_WIDTH, TEXT_WIDTH)
        weights |= linear(f"{layer}.mlp.fc1", 4 * TEXT_WIDTH, TEXT_WIDTH)
        weights |= linear(f"{layer}.mlp.fc2", TEXT_WIDTH, 4 * TEXT_WIDTH)
        weights |= _norm(f"{layer}.layer_norm1", TEXT_WIDTH) | _norm(f"{layer}.layer_norm2", TEXT_WIDTH)
    return weights | _norm("final_layer_norm", TEXT_WIDTH)


def _vae() -> Weights:
    """TAESD whose convolutions only average (encoder) or repeat (decoder) colours; its residual blocks do nothing."""
    # Three colours in four latents: the columns are orthogonal, so colours come back by the transpose.
    mix = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float16)
    colour = torch.arange(3)

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
    weights[f"{encoder}.0.weight"][colour, colour, 1, 1] = 1
    for halve in (2, 6, 10):
        weights |= conv(f"{encoder}.{halve}", VAE_WIDTH, VAE_WIDTH)
        weights[f"{encoder}.{halve}.weight"][colour, colour, 1:, 1:] = 0.25  # exactly the 2x2 pixels of this position
    weights |= conv(f"{encoder}.14", 4, VAE_WIDTH, bias=True)
    weights[f"{encoder}.14.weight"][:, :3, 1, 1] = mix
    weights[f"{encoder}.14.bias"] = -mix.sum(1) / 2  # mid grey is latent 0

    weights |= conv(f"{decoder}.1", VAE_WIDTH, 4, bias=True)
    weights[f"{decoder}.1.weight"][:3, :, 1, 1] = mix.T / 4
    weights[f"{decoder}.1.bias"][:3] = 0.5
    for double in (7, 12, 17):
        weights |= conv(f"{decoder}.{double}", VAE_WIDTH, VAE_WIDTH)
        weights[f"{decoder}.{double}.weight"][colour, colour, 1, 1] = 1
    weights |= conv(f"{decoder}.19", 3, VAE_WIDTH, bias=True)
    weights[f"{decoder}.19.weight"][colour, colour, 1, 1] = 1
    return weights | {"vae_scale": torch.tensor(LATENT_SCALE), "vae_shift": torch.tensor(0.0)}
