"""An untrained FLUX.2 transformer: one double and one single block, narrow.

ComfyUI 0.33 reads the width from the file, as Klein's is another one than that of FLUX.2. Older versions take 6144.
Its layers have no biases. The last layer sets the velocity's variance, see `flux_transformer`.
"""

from __future__ import annotations

from devtools.models.checkpoints.flux_transformer import HEAD, TIME_WIDTH, VELOCITY_GAIN
from devtools.models.checkpoints.random_weights import Maker, Weights

CHANNELS = 128  # per token, which is one cell of the latent
HIDDEN = 2 * HEAD
MLP = 3 * HIDDEN
# Of a word: three layers of Mistral Small 3, or of Qwen3 4B.
TEXT_WIDTH, KLEIN_TEXT_WIDTH = 3 * 5120, 3 * 2560


def flux2(make: Maker, text_width: int, guidance: bool) -> Weights:
    """Return the weights of a transformer.

    Args:
        text_width: numbers per word.
        guidance: whether it takes a guidance value, as FLUX.2 does and Klein does not.
    """

    def linear(name: str, *shape: int) -> Weights:
        return make.linear(name, *shape, bias=False)

    def embedder(name: str) -> Weights:
        return linear(f"{name}.in_layer", HIDDEN, TIME_WIDTH) | linear(f"{name}.out_layer", HIDDEN, HIDDEN)

    def head_norms(name: str) -> Weights:
        return {f"{name}.{norm}.scale": make.ones(HEAD) for norm in ("query_norm", "key_norm")}

    weights = linear("img_in", HIDDEN, CHANNELS) | linear("txt_in", HIDDEN, text_width) | embedder("time_in")
    weights |= embedder("guidance_in") if guidance else {}
    for stream in ("img", "txt"):
        block = f"double_blocks.0.{stream}"
        weights |= linear(f"double_stream_modulation_{stream}.lin", 6 * HIDDEN, HIDDEN)
        weights |= linear(f"{block}_attn.qkv", 3 * HIDDEN, HIDDEN) | head_norms(f"{block}_attn.norm")
        weights |= linear(f"{block}_attn.proj", HIDDEN, HIDDEN)
        weights |= linear(f"{block}_mlp.0", 2 * MLP, HIDDEN) | linear(f"{block}_mlp.2", HIDDEN, MLP)
    single = "single_blocks.0"
    weights |= linear("single_stream_modulation.lin", 3 * HIDDEN, HIDDEN) | head_norms(f"{single}.norm")
    weights |= linear(f"{single}.linear1", 3 * HIDDEN + 2 * MLP, HIDDEN)
    weights |= linear(f"{single}.linear2", HIDDEN, HIDDEN + MLP)
    weights |= linear("final_layer.adaLN_modulation.1", 2 * HIDDEN, HIDDEN)
    return weights | make.linear("final_layer.linear", CHANNELS, HIDDEN, bias=False, std=VELOCITY_GAIN * HIDDEN**-0.5)
