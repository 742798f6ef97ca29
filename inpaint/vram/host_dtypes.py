"""The dtypes that ComfyUI chooses on an NVIDIA card, as rules that do not need the card.

For the card in this computer, the host itself is asked: it also knows its command line. These are the host's rules
without command-line options; a test compares them with the host's own functions. dtypes have their safetensors names.

Source: comfy/model_management.py, the same from 0.3.75 to 0.33.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..model_files.safetensors_header import DTYPE_BITS

GIB = 2**30
MIB = 2**20
FP8 = ("F8_E4M3", "F8_E5M2")
# Cards of compute capability 7.5 whose fp16 is broken.
BROKEN_FP16 = ("1660", "1650", "1630", "T500", "T550", "T600", "MX550", "MX450", "CMP 30HX", "T2000", "T1000", "T1200")
# Cards of compute capability 6 whose fp16 works, but is slower than fp32 on Linux.
SLOW_FP16 = (
    *("1080", "1070", "1060", "1050", "titan x", "p100", "p40", "p6", "p4"),
    *("p3000", "p3200", "p4000", "p4200", "p5000", "p5200", "p6000"),
)


@dataclass(frozen=True)
class Card:
    """An NVIDIA graphics card."""

    name: str
    """The name that CUDA reports."""
    total: int
    """Bytes of memory that CUDA reports."""
    capability: tuple[int, int]
    """Compute capability, such as (8, 6)."""
    windows: bool = False
    """Whether it runs under Windows."""

    @property
    def reserve(self) -> int:
        """Bytes that the host leaves to other programs."""
        return (600 + 100 * (self.total > 15 * GIB)) * MIB if self.windows else 400 * MIB

    @property
    def most_weights(self) -> float:
        """The most bytes of weights that the host expects to fit."""
        return self.total * 0.88 - (0.8 * GIB + self.reserve)


def weights_dtype(card: Card, parameters: int, stored: str | None, supported: Sequence[str]) -> str:
    """Return the dtype in which the host keeps a diffusion model's weights.

    Args:
        card: the card that the model runs on.
        parameters: number of parameters of the diffusion model.
        stored: dtype of most of its parameters in the file; None if they are scaled or packed.
        supported: dtypes that its family can compute in, the best first.
    """
    if stored in FP8 and (computes_fp8(card) or parameters * 2 > card.most_weights):
        return stored
    if stored == "F16" and "F16" in supported and _uses_fp16(card, parameters):
        return "F16"
    for uses_fp16, uses_bf16 in (
        (_uses_fp16(card, parameters), card.capability >= (8, 0)),
        (_uses_fp16(card, parameters, cast=True), card.capability >= (8, 0) or parameters * 4 > card.most_weights),
    ):
        for dtype in supported:
            if (dtype == "F16" and uses_fp16) or (dtype == "BF16" and uses_bf16):
                return dtype
    return "F32"


def compute_dtype(card: Card, weights: str, supported: Sequence[str]) -> str:
    """Return the dtype in which the host computes with weights of this dtype. supported: as in `weights_dtype`."""
    if weights in ("F32", "F64"):
        return weights
    if weights == "F16" and _uses_fp16(card):
        return weights
    if weights == "BF16" and card.capability >= (8, 0):
        return weights
    for dtype in supported:
        if (dtype == "F16" and _uses_fp16(card)) or (dtype == "BF16" and card.capability >= (8, 0)):
            return dtype
    return "F32"


def vae_dtype(card: Card, allowed: Sequence[str] = ("BF16", "F32")) -> str:
    """Return the dtype of a VAE's weights and computation. allowed: dtypes that it can work in, the best first."""
    for dtype in allowed:
        if (dtype == "F16" and _uses_fp16(card)) or (dtype == "BF16" and card.capability >= (8, 0)):
            return dtype
    return "F32"


def text_on_card(card: Card) -> bool:
    """Return whether the host runs text encoders on the card. Without usable fp16, it runs them on the CPU."""
    return _uses_fp16(card)


def text_encoder_bytes(dtypes: Mapping[str, int]) -> int:
    """Return the bytes of text encoders in memory. Wider dtypes than fp16 become fp16, narrower ones stay.

    Args:
        dtypes: bytes in the file, by dtype.
    """
    return sum(min(count, count * 16 // DTYPE_BITS.get(dtype, 16)) for dtype, count in dtypes.items())


def computes_fp8(card: Card) -> bool:
    """Return whether the card multiplies in fp8. The host then keeps fp8 weights as they are."""
    return card.capability >= (8, 9)


def _uses_fp16(card: Card, parameters: int = 0, cast: bool = False) -> bool:
    major = card.capability[0]
    if major >= 8 or major < 6:
        return major >= 8
    if any(name in card.name.lower() for name in SLOW_FP16):
        return card.windows or cast
    if cast and parameters * 4 > card.most_weights:
        return True
    return major >= 7 and not any(name in card.name for name in BROKEN_FP16)
