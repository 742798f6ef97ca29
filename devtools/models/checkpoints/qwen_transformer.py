"""An untrained Qwen-Image transformer: one block of the real width, which the host fixes.

Qwen-Image-Edit has the same tensors. The last layer sets the velocity's variance, see `flux_transformer`.
"""

from __future__ import annotations

from devtools.models.checkpoints.flux_transformer import HEAD, HIDDEN, TIME_WIDTH, VELOCITY_GAIN
from devtools.models.checkpoints.random_weights import Maker, Weights

CHANNELS = 64  # per token: 2x2 cells of a latent with 16 channels
TEXT_WIDTH = 3584


def qwen_image(make: Maker) -> Weights:
    """Return the weights of a transformer."""
    block, embedder = "transformer_blocks.0", "time_text_embed.timestep_embedder"
    weights = make.linear("img_in", HIDDEN, CHANNELS) | make.linear("txt_in", HIDDEN, TEXT_WIDTH)
    weights |= make.linear(f"{embedder}.linear_1", HIDDEN, TIME_WIDTH)
    weights |= make.linear(f"{embedder}.linear_2", HIDDEN, HIDDEN)
    weights |= {"txt_norm.weight": make.ones(TEXT_WIDTH)}
    for stream in ("img", "txt"):
        weights |= make.linear(f"{block}.{stream}_mod.1", 6 * HIDDEN, HIDDEN)
        weights |= make.linear(f"{block}.{stream}_mlp.net.0.proj", 4 * HIDDEN, HIDDEN)
        weights |= make.linear(f"{block}.{stream}_mlp.net.2", HIDDEN, 4 * HIDDEN)
    for norm in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
        weights |= {f"{block}.attn.{norm}.weight": make.ones(HEAD)}
    for projection in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"):
        weights |= make.linear(f"{block}.attn.{projection}", HIDDEN, HIDDEN)
    weights |= make.linear("norm_out.linear", 2 * HIDDEN, HIDDEN)
    return weights | make.linear("proj_out", CHANNELS, HIDDEN, std=VELOCITY_GAIN * HIDDEN**-0.5)
