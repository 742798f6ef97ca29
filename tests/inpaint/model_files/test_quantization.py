"""Quantized files as they are published: named for what they are, counted by their bytes.

The layouts of tensors are those that ComfyUI 0.33.0 (comfy/quant_ops.py, comfy/ops.py) and Nunchaku write.

Mutations seen to fail here: packed numbers counted as bytes; mxfp8 taken for scaled fp8; SVDQuant taken for a LoRA; the
first layer's note read, not the largest one's; a note of many megabytes read; a damaged note let through as an error.
"""

import json
import os
from pathlib import Path

import pytest

from inpaint.model_files.checkpoint import read_header
from inpaint.model_files.quantization import BITSANDBYTES, COMFYUI, NUNCHAKU
from tests.inpaint.model_files.test_checkpoint import UNET, entries, unet, write

LAYER = UNET + "middle_block.1.transformer_blocks.0.attn1.to_q"
NUMBERS = 4096 * 4096


def quantized(dtype: str, packed: int, **scales: str) -> dict:
    """Header entries of a model with one large quantized layer. scales: dtypes of what stands beside it."""
    shapes: dict[str, tuple[tuple[int, ...], str]] = {LAYER + ".weight": ((4096, 4096 // packed), dtype)}
    shapes |= {f"{LAYER}.{name}": ((4096,), kind) for name, kind in scales.items()}
    return entries_of({UNET + name: (shape, "BF16") for name, shape in unet().items()} | shapes)


def entries_of(shapes: dict[str, tuple[tuple[int, ...], str]]) -> dict:
    """Header entries for tensors of several dtypes, one after another."""
    header: dict[str, dict] = {}
    position = 0
    for name, (shape, dtype) in shapes.items():
        (entry,) = entries({name: shape}, dtype).values()
        size = entry["data_offsets"][1]
        header[name] = entry | {"data_offsets": [position, position + size]}
        position += size
    return header


def with_note(path: Path, header: dict, note: bytes, layer: str = LAYER) -> Path:
    """The file, with a note beside the layer."""
    end = max(entry["data_offsets"][1] for entry in header.values())
    header = header | {
        f"{layer}.comfy_quant": {"dtype": "U8", "shape": [len(note)], "data_offsets": [end, end + len(note)]}
    }
    write(path, header)
    with path.open("r+b") as file:
        file.seek(-len(note), 2)
        file.write(note)
    return path


# Header entries, what ComfyUI notes, the name, the format.
FILES = {
    "fp8, old": (quantized("F8_E4M3", 1, scale_weight="F32"), None, "fp8 with scales", "float8_e4m3fn"),
    "fp8": (quantized("F8_E4M3", 1, weight_scale="F32"), None, "fp8 with scales", "float8_e4m3fn"),
    "nvfp4": (quantized("U8", 2, weight_scale="F8_E4M3", weight_scale_2="F32"), None, "nvfp4", "nvfp4"),
    "mxfp8": (quantized("F8_E4M3", 1, weight_scale="F8_E8M0"), None, "mxfp8", "mxfp8"),
    "int8": (quantized("I8", 1, weight_scale="F32"), None, "int8", "int8_tensorwise"),
    "int8, noted": (
        *(quantized("I8", 1, weight_scale="F32"), {"format": "int8_tensorwise"}),
        *("int8", "int8_tensorwise"),
    ),
    "convrot": (
        *(quantized("I8", 1, weight_scale="F32"), {"format": "int8_tensorwise", "convrot": True}),
        *("int8 with rotation (convrot)", "int8_tensorwise"),
    ),
    "convrot, 4 bits": (
        *(quantized("I8", 2, weight_scale="F32"), {"format": "convrot_w4a4", "convrot_groupsize": 256}),
        *("int4 with rotation (convrot)", "convrot_w4a4"),
    ),
    "a later format": (
        quantized("F8_E4M3", 1, weight_scale="F32"),
        {"format": "fp8_next"},
        "quantized (fp8_next)",
        "fp8_next",
    ),
}


@pytest.mark.parametrize(("header", "note", "label", "format"), FILES.values(), ids=FILES.keys())
def test_it_is_named_for_what_it_is(tmp_path, header, note, label, format):
    path = tmp_path / "m.safetensors"
    if note is None:
        write(path, header)
    else:
        with_note(path, header, json.dumps(note).encode())
    found = read_header(path)
    assert found.quantization is not None
    assert (found.quantization.label, found.quantization.format, found.quantization.loader) == (label, format, COMFYUI)
    part = found.part("diffusion model")
    assert part.bytes == sum(tensor.bytes for tensor in found.tensors.values())
    assert part.parameters == pytest.approx(NUMBERS, rel=0.02)
    assert f", {label}, " in found.summary()


def test_the_largest_layer_counts(tmp_path):
    """Small layers are often kept in fp8 where the large ones are nvfp4."""
    small = UNET + "input_blocks.0.0"
    header = quantized("U8", 2, weight_scale="F8_E4M3", weight_scale_2="F32")
    path = with_note(tmp_path / "m.safetensors", header, json.dumps({"format": "nvfp4"}).encode())
    assert read_header(path).quantization.label == "nvfp4"  # type: ignore[union-attr]
    path = with_note(tmp_path / "n.safetensors", header, json.dumps({"format": "mxfp8"}).encode(), small)
    assert read_header(path).quantization.label == "mxfp8"  # type: ignore[union-attr]


def test_what_the_metadata_says(tmp_path):
    """Files that ComfyUI converts while loading say it there, by layer."""
    layers = {"layers": {LAYER: {"format": "convrot_w4a4"}, UNET + "out.2": {"format": "float8_e4m3fn"}}}
    header = quantized("I8", 2, weight_scale="F32")
    for written, label in ((json.dumps(layers), "int4 with rotation (convrot)"), ("{", "int8"), ("[]", "int8")):
        path = write(tmp_path / "m.safetensors", {"__metadata__": {"_quantization_metadata": written}, **header})
        os.utime(path, ns=(1, len(label)))  # another file for the cache
        found = read_header(path)
        assert found.quantization is not None
        assert (found.quantization.label, found.quantization.noted) == (label, False)
    assert read_header(path).part("diffusion model").parameters == pytest.approx(NUMBERS / 2, rel=0.1)


def test_bitsandbytes(tmp_path):
    found = read_header(write(tmp_path / "m.safetensors", quantized("U8", 2, **{"weight.absmax": "F32"})))
    assert found.quantization is not None
    assert (found.quantization.label, found.quantization.loader) == ("bitsandbytes nf4", BITSANDBYTES)


def test_packed_weights_are_unpacked_before_the_family_is_told(tmp_path):
    """SDXL's text width of 2048 takes 1024 bytes in nvfp4, which is the width of SD 2."""
    key = UNET + "input_blocks.4.1.transformer_blocks.0.attn2.to_k"
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        UNET + "input_blocks.0.0.weight": ((320, 4, 3, 3), "BF16"),
        UNET + "out.2.weight": ((4, 320, 3, 3), "BF16"),
        key + ".weight": ((640, 1024), "U8"),
        key + ".weight_scale": ((640, 128), "F8_E4M3"),
        key + ".weight_scale_2": ((), "F32"),
    }
    header = read_header(write(tmp_path / "m.safetensors", entries_of(shapes)))
    assert (header.label, header.quantization.label) == ("SDXL", "nvfp4")  # type: ignore[union-attr]


@pytest.mark.parametrize("note", [b"", b"{", b"[" * 3000, b"7", b" " * 5000], ids=["empty", "cut", "deep", "7", "long"])
def test_a_note_that_is_none(tmp_path, note):
    header = quantized("I8", 1, weight_scale="F32")
    found = read_header(with_note(tmp_path / "m.safetensors", header, note))
    assert found.quantization is not None
    assert found.quantization.label == "int8"


@pytest.mark.parametrize(
    ("inputs", "more", "label"),
    [
        (64, "time_text_embed.guidance_embedder.linear_1.weight", "FLUX.1 dev"),
        (64, "proj_out.weight", "FLUX.1 schnell"),
        (384, "time_text_embed.guidance_embedder.linear_1.weight", "FLUX.1 Fill"),
    ],
)
def test_svdquant_is_no_lora(tmp_path, inputs, more, label):
    """Nunchaku's files: 4 bits, and a low-rank part of each layer."""
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "x_embedder.weight": ((3072, inputs), "BF16"),
        more: ((3072, 256), "BF16"),
        "transformer_blocks.0.qkv_proj.qweight": ((9216, 1536), "I8"),
        "transformer_blocks.0.qkv_proj.wscales": ((48, 9216), "BF16"),
        "transformer_blocks.0.qkv_proj.lora_down": ((3072, 32), "BF16"),
        "transformer_blocks.0.qkv_proj.lora_up": ((9216, 32), "BF16"),
        "single_transformer_blocks.0.mlp_fc1.qweight": ((12288, 1536), "I8"),
    }
    header = read_header(write(tmp_path / "svdq.safetensors", entries_of(shapes)))
    assert (header.family.id, header.label) == ("flux", label)
    assert header.quantization is not None
    assert (header.quantization.label, header.quantization.loader) == ("SVDQuant", NUNCHAKU)
    assert header.part("diffusion model").parameters == sum(
        rows * columns * (2 if dtype == "I8" else 1) for (rows, columns), dtype in shapes.values()
    )
