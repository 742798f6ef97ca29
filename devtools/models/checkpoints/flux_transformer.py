"""An untrained FLUX.1 transformer: one double and one single block of the real width, which the host fixes.

A flow model stays in range without further measures. The last norm normalizes to unit variance, so the last layer's
weights alone set the velocity's variance, and sampling integrates the velocity over sigmas from 1 to 0.
"""

from __future__ import annotations

from devtools.models.checkpoints.random_weights import Maker, Weights

HIDDEN = 3072
HEAD = 128
TEXT_WIDTH = 4096
POOLED_WIDTH = 768
TIME_WIDTH = 256
CHANNELS = 64  # per token: 2x2 cells of a latent with 16 channels
FILL_CHANNELS = 384  # per token: latent, masked latent, and the mask's 16x16 pixels
# The last layer's input is a unit norm times (1 + random scale) plus a random shift: mean square about 1.9.
VELOCITY_GAIN = 1.9**-0.5


def flux(make: Maker, in_channels: int) -> Weights:
    """Return the weights of a transformer. in_channels: channels per token, `FILL_CHANNELS` or `CHANNELS`."""

    def embedder(name: str, inputs: int) -> Weights:
        return make.linear(f"{name}.in_layer", HIDDEN, inputs) | make.linear(f"{name}.out_layer", HIDDEN, HIDDEN)

    def head_norms(name: str) -> Weights:
        return {f"{name}.{norm}.scale": make.ones(HEAD) for norm in ("query_norm", "key_norm")}

    weights = make.linear("img_in", HIDDEN, in_channels) | make.linear("txt_in", HIDDEN, TEXT_WIDTH)
    weights |= embedder("time_in", TIME_WIDTH) | embedder("guidance_in", TIME_WIDTH)
    weights |= embedder("vector_in", POOLED_WIDTH)
    for stream in ("double_blocks.0.img", "double_blocks.0.txt"):
        weights |= make.linear(f"{stream}_mod.lin", 6 * HIDDEN, HIDDEN)
        weights |= make.linear(f"{stream}_attn.qkv", 3 * HIDDEN, HIDDEN) | head_norms(f"{stream}_attn.norm")
        weights |= make.linear(f"{stream}_attn.proj", HIDDEN, HIDDEN)
        weights |= make.linear(f"{stream}_mlp.0", 4 * HIDDEN, HIDDEN)
        weights |= make.linear(f"{stream}_mlp.2", HIDDEN, 4 * HIDDEN)
    single = "single_blocks.0"
    weights |= make.linear(f"{single}.modulation.lin", 3 * HIDDEN, HIDDEN) | head_norms(f"{single}.norm")
    weights |= make.linear(f"{single}.linear1", 7 * HIDDEN, HIDDEN)
    weights |= make.linear(f"{single}.linear2", HIDDEN, 5 * HIDDEN)
    weights |= make.linear("final_layer.adaLN_modulation.1", 2 * HIDDEN, HIDDEN)
    return weights | make.linear("final_layer.linear", CHANNELS, HIDDEN, std=VELOCITY_GAIN * HIDDEN**-0.5)
