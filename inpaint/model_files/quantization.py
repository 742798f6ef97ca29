"""How the weights of a file are quantized, and what loads such files.

Formats are ComfyUI's (comfy/quant_ops.py of 0.33.0), GGUF's, and Nunchaku's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from .stored_tensors import Stored

COMFYUI, GGUF_PACK, NUNCHAKU = "ComfyUI", "the loader of a GGUF node pack", "the Nunchaku nodes"
BITSANDBYTES = "the bitsandbytes NF4 nodes"
# What is written beside a quantized layer by ComfyUI, as JSON. Versions before 0.4 do not read it.
NOTE = ".comfy_quant"
SCALES = (".weight_scale", ".scale_weight")


class Quantization(NamedTuple):
    """How weights are quantized."""

    label: str
    """Name for users."""
    format: str = ""
    """ComfyUI's name of the format; "" for formats that it does not have."""
    loader: str = COMFYUI
    """What loads such files."""
    per_byte: int = 1
    """Numbers in a byte of packed weights."""
    noted: bool = False
    """Whether only a note beside each layer tells ComfyUI of it."""


SCALED_FP8 = Quantization("fp8 with scales", "float8_e4m3fn")
MXFP8 = Quantization("mxfp8", "mxfp8")
NVFP4 = Quantization("nvfp4", "nvfp4", per_byte=2)
INT8 = Quantization("int8", "int8_tensorwise")
SVDQUANT = Quantization("SVDQuant", loader=NUNCHAKU, per_byte=2)
NF4 = Quantization("bitsandbytes nf4", loader=BITSANDBYTES, per_byte=2)
# Formats that tensors alone do not tell.
BY_NOTE = {
    "float8_e4m3fn": SCALED_FP8,
    "float8_e5m2": SCALED_FP8._replace(format="float8_e5m2"),
    "mxfp8": MXFP8,
    "nvfp4": NVFP4,
    "int8_tensorwise": INT8,
    "convrot_w4a4": Quantization("int4 with rotation (convrot)", "convrot_w4a4", per_byte=2),
    "asym_w4a8_int8": Quantization("int4 for int8 computation", "asym_w4a8_int8", per_byte=2),
}
ROTATED_INT8 = INT8._replace(label="int8 with rotation (convrot)")


def quantization_of(tensors: Mapping[str, Stored], note: Mapping[str, object] | None = None) -> Quantization | None:
    """Return how the weights of a safetensors file or a checkpoint are quantized; None if they are not.

    Args:
        tensors: the diffusion model's tensors, by name.
        note: what ComfyUI wrote of its largest quantized layer, beside it or in the file's metadata; None if nothing.
    """
    noted = any(name.endswith(NOTE) for name in tensors) and not any(name.endswith("scaled_fp8") for name in tensors)
    if note is not None and isinstance(format := note.get("format"), str):
        told = BY_NOTE.get(format) or Quantization(f"quantized ({format[:40]})", format[:40])
        return (ROTATED_INT8 if told is INT8 and note.get("convrot") else told)._replace(noted=noted)
    if any(name.endswith(".qweight") for name in tensors) and any(name.endswith(".wscales") for name in tensors):
        return SVDQUANT
    if any(name.endswith(".weight_scale_2") for name in tensors):
        return NVFP4._replace(noted=noted)
    if any(name.endswith((".absmax", ".quant_state.bitsandbytes__nf4")) for name in tensors):
        return NF4
    scaled = next((name for name in tensors if name.endswith(SCALES)), None)
    if scaled is None:
        marked = any(name.endswith(("scaled_fp8", NOTE)) for name in tensors)
        return Quantization("quantized", noted=noted) if marked else None
    weight = tensors.get(scaled.rpartition(".")[0] + ".weight")
    if weight is not None and weight.dtype == "I8":
        return INT8._replace(noted=noted)
    return (MXFP8 if tensors[scaled].dtype in ("U8", "F8_E8M0") else SCALED_FP8)._replace(noted=noted)


def gguf_quantization(tensors: Mapping[str, Stored]) -> Quantization:
    """Return how the weights of a GGUF file are quantized: by the type that takes the most bytes."""
    sizes = Counter[str]()
    for tensor in tensors.values():
        sizes[tensor.dtype] += tensor.bytes
    kind = max(sizes, key=lambda dtype: sizes[dtype], default="")
    return Quantization(f"GGUF {kind}".strip(), loader=GGUF_PACK)
