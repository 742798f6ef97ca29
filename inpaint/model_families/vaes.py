"""The kinds of VAE, and the memory that each takes.

Figures per pixel hold for one picture. Where ComfyUI runs, its own VAE object is asked instead: it changes its formulas
from version to version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Work(NamedTuple):
    """Bytes that a computation takes beside its weights. Units are latent cells or pixels."""

    expected: float
    """Bytes per unit that are likely in use at the peak, in addition to `base`."""
    safe: float
    """Bytes per unit that ComfyUI sets aside."""
    base: float = 0.0
    """Bytes likely in use at any size."""
    safe_base: float = 0.0
    """Bytes that ComfyUI sets aside at any size, in addition."""


@dataclass(frozen=True, eq=False)
class Vae:
    """One kind of VAE."""

    encode: Work
    """Bytes per pixel and byte of the dtype, to encode."""
    decode: Work
    """Bytes per pixel and byte of the dtype, to decode."""
    dtypes: Sequence[str] = ("BF16", "F32")
    """The dtypes that it can work in, the best first."""
    signature: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of the few tensors by which ComfyUI recognizes a file of this kind."""


def _as_budgeted(encode: float, decode: float, dtypes: Sequence[str] = ("BF16", "F32"), **signature: tuple) -> Vae:
    """A VAE that nobody measured: what is expected is what ComfyUI sets aside. `signature` has "__" for "."."""
    named = {name.replace("__", "."): shape for name, shape in signature.items()}
    return Vae(Work(encode, encode), Work(decode, decode), dtypes, named)


ANY = ("BF16", "F16", "F32")
HALF_FIRST = ("F16", "BF16", "F32")
_FOUR_LEVELS = {"encoder.down.2.downsample.conv.weight": (512, 512, 3, 3)}

# Safe: the formulas of ComfyUI 0.33.0 (comfy/sd.py, class VAE) for one frame. Expected: from simulated allocations and
# measurements. For the usual VAE, simulation gives 387 to encode and 640 to decode; others measured 985 to 1090 on
# cards for decoding. The workspaces of convolutions explain the difference.
_KL_ENCODE, _KL_DECODE = Work(620, 1767), Work(1030, 2178)
KL4 = Vae(_KL_ENCODE, _KL_DECODE, signature={"decoder.conv_in.weight": (512, 4, 3, 3), **_FOUR_LEVELS})
KL16 = Vae(_KL_ENCODE, _KL_DECODE, signature={"decoder.conv_in.weight": (512, 16, 3, 3), **_FOUR_LEVELS})
FLUX2 = Vae(
    _KL_ENCODE,
    _KL_DECODE,
    signature={
        "decoder.conv_in.weight": (512, 32, 3, 3),
        "post_quant_conv.weight": (32, 32, 1, 1),
        "bn.running_mean": (128,),
        **_FOUR_LEVELS,
    },
)
MAGE = _as_budgeted(400, 1000, student__dconv_encoder__proj_out__weight=(256, 384, 1, 1))
WAN = _as_budgeted(
    1500,
    2200,
    ANY,
    decoder__middle__0__residual__0__gamma=(384, 1, 1, 1),
    decoder__head__0__gamma=(96, 1, 1, 1),
    decoder__head__2__weight=(3, 96, 3, 3, 3),
    encoder__conv1__weight=(96, 3, 3, 3, 3),
)
WAN22 = _as_budgeted(
    3300,
    8000,
    ANY,
    decoder__middle__0__residual__0__gamma=(1024, 1, 1, 1),
    decoder__upsamples__0__upsamples__0__residual__2__weight=(1024, 1024, 3, 3, 3),
)
HUNYUAN_IMAGE = _as_budgeted(700, 700, HALF_FIRST, decoder__conv_in__weight=(1024, 64, 3, 3))
HUNYUAN_VIDEO = _as_budgeted(
    1400, 2800, ANY, decoder__conv_in__conv__weight=(512, 16, 3, 3, 3), post_quant_conv__weight=(16, 16, 1, 1, 1)
)
HUNYUAN_VIDEO_15 = _as_budgeted(1400 * 9, 3600 * 4, HALF_FIRST, decoder__conv_in__conv__weight=(1024, 32, 3, 3, 3))
LTX = _as_budgeted(80 * 7, 600, decoder__up_blocks__0__res_blocks__0__conv1__conv__weight=(512, 512, 3, 3, 3))
MOCHI = _as_budgeted(
    1.5 * 7 * 6 * 64, 6000, ("F16", "F32"), decoder__blocks__2__blocks__3__stack__5__weight=(512, 512, 3, 3, 3)
)
# No signature: its constructor reads a number, so it cannot be built without memory to ask it.
COSMOS = _as_budgeted(400, 400)
COGVIDEO = _as_budgeted(
    1400,
    2800 * 2,
    ANY,
    decoder__conv_in__conv__weight=(512, 16, 3, 3, 3),
    decoder__mid_block__resnets__0__norm1__norm_layer__weight=(512,),
    encoder__conv_out__conv__weight=(32, 512, 3, 3, 3),
)
MINIMAX_H3 = Vae(
    Work(7.21, 7.21, 113.3e6, 113.3e6),
    Work(9.785, 9.785, 113.3e6, 113.3e6),
    ("F16", "F32"),
    {"decoder.transformer_blocks.0.scale1": (2048,), "encoder.down.5.block.0.conv1.weight": (1024, 512, 3, 3, 3)},
)
PIXELS = _as_budgeted(1, 1, pixel_space_vae=(1,))
