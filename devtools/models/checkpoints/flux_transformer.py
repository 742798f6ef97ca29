"""An untrained FLUX.1 transformer: one double and one single block of true width, which the host has fixed.

A flow model needs no trick to stay in range: its last norm gives unit spread whatever came before, so the velocity's
is that of the last layer's weights, and sampling only adds it up over sigmas from 1 to 0.
"""

from __future__ import annotations

from devtools.models.checkpoints.weights import Maker, Weights

HIDDEN = 3072
HEAD = 128
TEXT_WIDTH = 4096
POOLED_WIDTH = 768
TIME_WIDTH = 256
CHANNELS = 64  # of a token: 2x2 cells of a latent of 16 channels
FILL_CHANNELS = 384  # latent, masked latent, and the mask's 16x16 pixels
# The last layer sees a unit norm times 1 + a random scale plus a random shift: a mean square of about 1.9.
VELOCITY_GAIN = 1.9**-0.5


def flux(make: Maker, in_channels: int) -> Weights:
    """in_channels: of a token, `FILL_CHANNELS` or `CHANNELS`."""

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
