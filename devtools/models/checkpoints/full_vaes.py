"""Untrained VAEs in the full layouts of FLUX.2 and of Wan, whose VAE Qwen-Image uses.

Random weights: what they decode is a texture, and no picture comes back. The width of Wan's is read from the file, so
it is narrow here.
"""

from __future__ import annotations

import itertools

from devtools.models.checkpoints.random_weights import Maker, Weights

LEVELS = (1, 2, 4, 4)
FLUX2_WIDTH, FLUX2_CHANNELS = 128, 32
WAN_WIDTH, WAN_CHANNELS = 16, 16


def flux2_vae(make: Maker) -> Weights:
    """Return the weights of FLUX.2's VAE: a KL autoencoder, and statistics of its latents in patches of 2 x 2."""
    widths = [FLUX2_WIDTH * level for level in LEVELS]
    last = widths[-1]

    def conv(name: str, outputs: int, inputs: int, side: int = 3) -> Weights:
        return make.linear(name, outputs, inputs, side, side)

    def block(name: str, inputs: int, outputs: int) -> Weights:
        weights = make.norm(f"{name}.norm1", inputs) | conv(f"{name}.conv1", outputs, inputs)
        weights |= make.norm(f"{name}.norm2", outputs) | conv(f"{name}.conv2", outputs, outputs)
        return weights | (conv(f"{name}.nin_shortcut", outputs, inputs, side=1) if inputs != outputs else {})

    def middle(name: str) -> Weights:
        weights = block(f"{name}.block_1", last, last) | block(f"{name}.block_2", last, last)
        weights |= make.norm(f"{name}.attn_1.norm", last)
        for part in ("q", "k", "v", "proj_out"):
            weights |= conv(f"{name}.attn_1.{part}", last, last, side=1)
        return weights

    weights = conv("encoder.conv_in", widths[0], 3)
    for level, (before, width) in enumerate(zip([widths[0], *widths], widths, strict=False)):
        weights |= block(f"encoder.down.{level}.block.0", before, width)
        weights |= block(f"encoder.down.{level}.block.1", width, width)
        if level < len(widths) - 1:
            weights |= conv(f"encoder.down.{level}.downsample.conv", width, width)
    weights |= middle("encoder.mid") | make.norm("encoder.norm_out", last)
    weights |= conv("encoder.conv_out", 2 * FLUX2_CHANNELS, last)
    weights |= conv("quant_conv", 2 * FLUX2_CHANNELS, 2 * FLUX2_CHANNELS, side=1)
    weights |= conv("post_quant_conv", FLUX2_CHANNELS, FLUX2_CHANNELS, side=1)
    weights |= conv("decoder.conv_in", last, FLUX2_CHANNELS) | middle("decoder.mid")
    before = last
    for level, width in reversed(list(enumerate(widths))):
        for number, inputs in enumerate((before, width, width)):
            weights |= block(f"decoder.up.{level}.block.{number}", inputs, width)
        weights |= conv(f"decoder.up.{level}.upsample.conv", width, width) if level else {}
        before = width
    weights |= make.norm("decoder.norm_out", widths[0]) | conv("decoder.conv_out", 3, widths[0])
    statistics = {"running_mean": make.zeros(4 * FLUX2_CHANNELS), "running_var": make.ones(4 * FLUX2_CHANNELS)}
    return weights | {f"bn.{name}": tensor for name, tensor in statistics.items()}


def wan_vae(make: Maker) -> Weights:
    """Return the weights of Wan 2.1's VAE: convolutions over time too, and norms without a shift."""
    widths = [WAN_WIDTH * level for level in LEVELS]
    last = widths[-1]

    def conv(name: str, outputs: int, inputs: int, *sides: int) -> Weights:
        return make.linear(name, outputs, inputs, *(sides or (3, 3, 3)))

    def block(name: str, inputs: int, outputs: int) -> Weights:
        norms = {f"{name}.residual.{number}.gamma": width for number, width in ((0, inputs), (3, outputs))}
        weights = {norm: make.ones(width, 1, 1, 1) for norm, width in norms.items()}
        weights |= conv(f"{name}.residual.2", outputs, inputs) | conv(f"{name}.residual.6", outputs, outputs)
        return weights | (conv(f"{name}.shortcut", outputs, inputs, 1, 1, 1) if inputs != outputs else {})

    def middle(name: str) -> Weights:
        weights = block(f"{name}.0", last, last) | block(f"{name}.2", last, last)
        weights |= {f"{name}.1.norm.gamma": make.ones(last, 1, 1)}
        return weights | conv(f"{name}.1.to_qkv", 3 * last, last, 1, 1) | conv(f"{name}.1.proj", last, last, 1, 1)

    weights = conv("encoder.conv1", widths[0], 3)
    numbers = itertools.count()
    for level, (before, width) in enumerate(zip([widths[0], *widths], widths, strict=False)):
        weights |= block(f"encoder.downsamples.{next(numbers)}", before, width)
        weights |= block(f"encoder.downsamples.{next(numbers)}", width, width)
        if level < len(widths) - 1:
            halved = f"encoder.downsamples.{next(numbers)}"
            weights |= conv(f"{halved}.resample.1", width, width, 3, 3)
            weights |= conv(f"{halved}.time_conv", width, width, 3, 1, 1) if level else {}
    weights |= middle("encoder.middle") | {"encoder.head.0.gamma": make.ones(last, 1, 1, 1)}
    weights |= conv("encoder.head.2", 2 * WAN_CHANNELS, last)
    weights |= conv("conv1", 2 * WAN_CHANNELS, 2 * WAN_CHANNELS, 1, 1, 1)
    weights |= conv("conv2", WAN_CHANNELS, WAN_CHANNELS, 1, 1, 1)
    weights |= conv("decoder.conv1", last, WAN_CHANNELS) | middle("decoder.middle")
    numbers = itertools.count()
    before = last
    for level, width in reversed(list(enumerate(widths))):
        for inputs in (before, width, width):
            weights |= block(f"decoder.upsamples.{next(numbers)}", inputs, width)
        before = width // 2
        if level:
            doubled = f"decoder.upsamples.{next(numbers)}"
            weights |= conv(f"{doubled}.resample.1", before, width, 3, 3)
            weights |= conv(f"{doubled}.time_conv", 2 * width, width, 3, 1, 1) if level > 1 else {}
    weights |= {"decoder.head.0.gamma": make.ones(widths[0], 1, 1, 1)}
    return weights | conv("decoder.head.2", 3, widths[0])
