"""Checkpoint headers: families, parts and every way a file can be wrong.

Files are written as header bytes plus a sparse tail of the claimed size, so a 4 GB checkpoint costs a few kilobytes.

Mutations seen to fail here: the 9-channel row dropped; Fill told by 64 inputs; a UNet's output not asked for; holes,
overlaps, missing and trailing bytes accepted, each by itself; duplicate names kept; RecursionError let through; a dtype
unknown; the VAE's prefix dropped; bytes and shape not compared; negative or boolean sizes accepted; a cut-off zip
accepted.
"""

import gc
import json
import math
import os
import struct
import tracemalloc
import weakref
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.model_files import stored_file
from inpaint.model_files.checkpoint import Part, read_header, read_part
from inpaint.model_files.safetensors_header import DTYPE_BITS, read_safetensors
from inpaint.model_files.stored_file import READERS

from ..work import counted

UNET = "model.diffusion_model."


def entries(shapes: Mapping[str, tuple[int, ...]], dtype: str = "F16") -> dict[str, dict]:
    """Header entries for tensors that lie one after another."""
    header, position = {}, 0
    for name, shape in shapes.items():
        size = math.prod(shape) * DTYPE_BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    return header


def write(path: Path, header: dict | str, extra_bytes: int = 0) -> Path:
    """A safetensors file of this header, its tensors' bytes left as a hole of the right size."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    end = 0
    if isinstance(header, dict):
        end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end + extra_bytes)
    return path


def unet(channels: int = 4, width: int = 320, context: int = 768) -> dict[str, tuple[int, ...]]:
    return {
        "input_blocks.0.0.weight": (width, channels, 3, 3),
        "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (width, context),
        "out.2.weight": (4, width, 3, 3),
    }


def flux(inputs: int, *more: str) -> dict[str, tuple[int, ...]]:
    names = ("double_blocks.0.img_attn.norm.key_norm.scale", "final_layer.linear.weight", *more)
    return {**dict.fromkeys(names, (4, 4)), "img_in.weight": (3072, inputs)}


def hunyuan(dimensions: int) -> dict[str, tuple[int, ...]]:
    patch = (1, 2, 2)[3 - dimensions :]
    names = ("txt_in.individual_token_refiner.blocks.0.norm1.weight", "vector_in.in_layer.weight")
    return {**dict.fromkeys(names[: dimensions - 1], (4,)), "img_in.proj.weight": (4, 4, *patch)}


DIFFUSERS_UNET = {
    "conv_in.weight": (320, 9, 3, 3),
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    "conv_out.weight": (4, 320, 3, 3),
}
VIDEO_UNET = unet(8, context=1024) | {"input_blocks.1.1.time_stack.0.attn1.to_q.weight": (4, 4)}

FAMILIES = {
    "sd15": (unet(), "sd15", "SD 1.5", None),
    "sd15 inpaint": (unet(9), "sd15", "SD 1.5 inpainting (9-channel)", "channels"),
    "sd15 ip2p": (unet(8), "sd15", "SD 1.5 editing (8-channel)", None),
    "sd2": (unet(context=1024), "sd2", "SD 2", None),
    "sd2 inpaint": (unet(9, context=1024), "sd2", "SD 2 inpainting (9-channel)", "channels"),
    "x4": (unet(7, 256, 1024), "unknown", "Stable Diffusion x4 upscaler", None),
    "sdxl": (unet(context=2048), "sdxl", "SDXL", None),
    "sdxl inpaint": (unet(9, context=2048), "sdxl", "SDXL inpainting (9-channel)", "channels"),
    "sdxl ip2p": (unet(8, context=2048), "sdxl", "SDXL editing (8-channel)", None),
    "refiner": (unet(4, 384, 1280), "sdxl-refiner", "SDXL refiner", None),
    "svd": (VIDEO_UNET, "unknown", "Stable Video Diffusion", None),
    "diffusers sd15 inpaint": (DIFFUSERS_UNET, "sd15", "SD 1.5 inpainting (9-channel)", "channels"),
    "flux dev": (flux(64, "guidance_in.in_layer.weight"), "flux", "FLUX.1 dev", None),
    "flux schnell": (flux(64), "flux", "FLUX.1 schnell", None),
    "flux canny": (flux(128, "guidance_in.in_layer.weight"), "flux", "FLUX.1 Canny or Depth", None),
    "flux fill": (flux(384, "guidance_in.in_layer.weight"), "flux", "FLUX.1 Fill", "fill"),
    "flux2": (flux(128, "double_stream_modulation_img.lin.weight"), "flux2", "FLUX.2 Klein 4B", None),
    "chroma": (flux(64, "distilled_guidance_layer.norms.0.scale"), "chroma", "Chroma", None),
    "hunyuan image": (hunyuan(2), "hunyuan-image", "HunyuanImage 2.1", None),
    "hunyuan video": (hunyuan(3), "hunyuan-video", "HunyuanVideo", None),
    "sd3": ({"joint_blocks.0.context_block.attn.qkv.weight": (4, 4)}, "sd3", "SD 3", None),
    "qwen": ({"txt_norm.weight": (3584,), "img_in.weight": (3072, 64)}, "qwen-image", "Qwen-Image", None),
    "lumina2": ({"cap_embedder.1.weight": (2304, 2304)}, "lumina2", "Lumina 2", None),
    "z-image": ({"cap_embedder.1.weight": (3840, 2560)}, "z-image", "Z-Image", None),
}


@pytest.mark.parametrize("prefix", [UNET, ""], ids=["checkpoint", "diffusion model alone"])
@pytest.mark.parametrize(("shapes", "family", "label", "inpaint"), FAMILIES.values(), ids=FAMILIES.keys())
def test_family_and_inpainting_inputs(tmp_path, prefix, shapes, family, label, inpaint):
    header = read_header(write(tmp_path / "m.safetensors", entries({prefix + k: v for k, v in shapes.items()})))
    assert (header.family.id, header.label, header.inpaint) == (family, label, inpaint)
    assert [part.name for part in header.parts] == ["diffusion model"]


def test_a_checkpoint_of_true_size(tmp_path):
    shapes = {UNET + k: v for k, v in unet(9).items()} | {
        UNET + "bulk": (859_535_364 - sum(math.prod(v) for v in unet(9).values()),),
        "cond_stage_model.transformer.text_model.bulk": (123_060_480,),
        "first_stage_model.bulk": (83_653_863,),
        "alphas_cumprod": (1000,),
    }
    path = write(tmp_path / "m.safetensors", entries(shapes) | {"__metadata__": {"format": "pt"}})
    header = read_header(path)
    assert header.format == "safetensors"
    assert len(header.tensors) == len(shapes)
    assert header.file_bytes == path.stat().st_size > 2 * 10**9
    assert path.stat().st_blocks * 512 < 10**6, "the test's file is meant to be sparse"
    assert {part.name: part.parameters for part in header.parts} == {
        "diffusion model": 859_535_364,
        "text encoder": 123_060_480,
        "vae": 83_653_863,
        "other": 1000,
    }
    assert all(part.dtypes == {"F16": part.bytes} and part.bytes == 2 * part.parameters for part in header.parts)
    assert header.summary() == (
        "SD 1.5 inpainting (9-channel), 1.99 GiB\n"
        "diffusion model: 859.5 M parameters, fp16, 1.60 GiB\n"
        "text encoder: 123.1 M parameters, fp16, 234.7 MiB\n"
        "vae: 83.7 M parameters, fp16, 159.6 MiB\n"
        "other: 0.0 M parameters, fp16, 0.0 MiB"
    )


def test_bytes_by_dtype(tmp_path):
    header = entries({UNET + k: v for k, v in unet().items()})
    end = max(entry["data_offsets"][1] for entry in header.values())
    header[UNET + "w8"] = {"dtype": "F8_E4M3", "shape": [1000, 7000], "data_offsets": [end, end + 7_000_000]}
    header[UNET + "w4"] = {"dtype": "F4", "shape": [10, 3], "data_offsets": [end + 7_000_000, end + 7_000_015]}
    (part,) = read_header(write(tmp_path / "m.safetensors", header)).parts
    assert part.dtypes == {"F16": end, "F8_E4M3": 7_000_000, "F4": 15}
    assert part.bytes == end + 7_000_015
    assert part.parameters == end // 2 + 7_000_030
    assert "fp8 e4m3 and fp16 and f" in read_header(tmp_path / "m.safetensors").summary()


def test_order_of_names_scalars_and_empty_tensors_are_free(tmp_path):
    header = entries({"empty": (0, 3), "scalar": (), **{UNET + k: v for k, v in unet().items()}})
    path = write(tmp_path / "m.safetensors", dict(reversed(header.items())))
    assert len(read_header(path).tensors) == 5


def test_an_unknown_diffusion_model_is_left_to_the_host(tmp_path):
    header = read_header(write(tmp_path / "m.safetensors", entries({UNET + "new.weight": (4, 4)})))
    assert (header.family.id, header.inpaint, header.parts[0].name) == ("unknown", None, "diffusion model")


NOT_CHECKPOINTS = {
    "a LoRA": {"lora_unet_down_blocks_0.lora_up.weight": (320, 8)},
    "a VAE": {"decoder.conv_in.weight": (512, 4, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3)},
    "a text encoder": {"text_model.encoder.layers.0.mlp.fc1.weight": (3072, 768)},
    "a ControlNet": {"control_model.input_blocks.0.0.weight": (320, 4, 3, 3), "control_model.out": (1,)},
    "an embedding": {"emb_params": (8, 768)},
    "something else": {},
}


def test_a_family_that_the_table_does_not_know_is_left_to_the_host(tmp_path):
    shapes = {"new_layers.0.attn.w1q.weight": (4, 4), "vae.decoder.conv_in.weight": (2, 2)}
    header = read_header(write(tmp_path / "m.safetensors", entries(shapes)))
    assert header.family.id == "unknown"
    assert [(part.name, part.parameters) for part in header.parts] == [("diffusion model", 16), ("vae", 4)]


@pytest.mark.parametrize(("looks", "shapes"), NOT_CHECKPOINTS.items(), ids=NOT_CHECKPOINTS.keys())
def test_a_file_without_a_diffusion_model(tmp_path, looks, shapes):
    path = write(tmp_path / "m.safetensors", entries(shapes))
    with pytest.raises(InpaintError) as error:
        read_header(path)
    assert str(error.value).startswith(f"m.safetensors: no diffusion model found in it, it looks like {looks}. Choose")


def test_a_bare_controlnet_is_no_unet(tmp_path):
    shapes = {k: v for k, v in unet().items() if k != "out.2.weight"} | {"input_hint_block.0.weight": (16, 3, 3, 3)}
    with pytest.raises(InpaintError, match="looks like a ControlNet"):
        read_header(write(tmp_path / "m.safetensors", entries(shapes)))


def entry(**changes) -> str:
    good = {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}
    return json.dumps({"x": {k: v for k, v in (good | changes).items() if v is not None}})


DAMAGED = {
    "not JSON": ("{'a'", "expected a header of JSON, got Expecting property name"),
    "a list": ("[1, 2]", "expected a header that is a JSON object, got one that begins b'[1, 2]'"),
    "a space first": (" {}", "expected a header that is a JSON object, got one that begins b' {}'"),
    "deep": ('{"x":' * 50_000, "nested too deep"),
    "deep inside an entry": ('{"x":' + "[" * 100_000, "nested too deep"),
    "deeper": ('{"x":' + "[" * 2_000_000, "expected a header of at most 32,768 tensors, got 2,000,000 times ["),
    "a name twice": ('{"x": {}, "x": {}}', "got the name 'x' 2 times"),
    "a field twice": ('{"x": {"dtype": "F16", "dtype": "F32"}}', "got the name 'dtype' 2 times"),
    "a number too long": ('{"x": ' + "9" * 10_000 + "}", "expected"),
    "entry is a number": ('{"x": 3}', "expected dtype, shape and data_offsets of tensor 'x', got 3"),
    "no dtype": (entry(dtype=None), "expected dtype, shape and data_offsets"),
    "unknown dtype": (entry(dtype="F17"), "expected a known dtype for tensor 'x', got 'F17'. Update Mend"),
    "dtype of another type": (entry(dtype=["F16"]), "expected dtype, shape and data_offsets"),
    "shape is a number": (entry(shape=4), "expected dtype, shape and data_offsets"),
    "negative size": (entry(shape=[-2, -2]), "expected whole numbers from 0 for tensor 'x'"),
    "fraction": (entry(shape=[2.0, 2]), "expected whole numbers from 0"),
    "true as a size": (entry(shape=[True, 4]), "expected whole numbers from 0"),
    "a size past 64 bits": (entry(shape=[2**64]), "expected whole numbers from 0"),
    "too many dimensions": (entry(shape=[1] * 1000 + [4]), "expected whole numbers from 0"),
    "three offsets": (entry(data_offsets=[0, 4, 8]), "expected dtype, shape and data_offsets"),
    "offsets backwards": (entry(data_offsets=[8, 0]), "expected 8 bytes for tensor 'x' (F16 [2, 2]), got -8"),
    "bytes and shape differ": (entry(shape=[2, 3]), "expected 12 bytes for tensor 'x' (F16 [2, 3]), got 8"),
    "a hole": (entry(data_offsets=[2, 10]), "expected tensor 'x' to start at byte 0 of the data, got 2"),
    "an overlap": (
        '{"x": {"dtype": "U8", "shape": [5], "data_offsets": [0, 5]},'
        ' "y": {"dtype": "U8", "shape": [5], "data_offsets": [3, 8]}}',
        "expected tensor 'y' to start at byte 5 of the data, got 3",
    ),
}


@pytest.mark.parametrize(("text", "message"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_header(tmp_path, text, message):
    path = write(tmp_path / "m.safetensors", text, extra_bytes=8)
    with pytest.raises(InpaintError) as error:
        read_header(path)
    assert str(error.value).startswith("m.safetensors: the file is damaged: ")
    assert message in str(error.value)


def test_a_header_that_is_no_unicode(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 4) + b"{\xff\xfe}")
    with pytest.raises(InpaintError, match=r"expected a header of JSON, got 'utf-8' codec"):
        read_header(path)


def test_a_truncated_file(tmp_path):
    path = write(tmp_path / "model.safetensors", entries({UNET + "x": (2_132_573_152,)}))
    start = 8 + struct.unpack("<Q", path.open("rb").read(8))[0]
    with path.open("r+b") as file:
        file.truncate(start + 1000)
    with pytest.raises(InpaintError) as error:
        read_header(path)
    assert str(error.value) == (
        "model.safetensors: the file is truncated: header describes 4,265,146,304 bytes of tensors, "
        "the file holds 1,000. Download it again."
    )


def test_one_byte_too_few_or_too_many(tmp_path):
    header = entries({UNET + "x": (10,)})
    assert len(read_header(write(tmp_path / "exact.safetensors", header)).tensors) == 1
    with pytest.raises(InpaintError, match=r"truncated: header describes 20 bytes of tensors, the file holds 19\."):
        read_header(write(tmp_path / "less.safetensors", header, extra_bytes=-1))
    with pytest.raises(InpaintError, match=r"expected 20 bytes of tensors, got 21\."):
        read_header(write(tmp_path / "more.safetensors", header, extra_bytes=1))


BYTES = {
    "empty": (b"", r"the file is empty\. Download it again\."),
    "short": (b"\x01\x00", r"expected a header of 2 to 16,000,000 bytes, got 1 bytes"),
    "zero length": (bytes(64), r"expected a header of 2 to 16,000,000 bytes, got 0 bytes"),
    "huge length": (b"\xff" * 64, r"got 18,446,744,073,709,551,615 bytes"),
    "header cut off": (struct.pack("<Q", 5000) + b'{"x":', r"truncated: start describes 5,000 bytes of header"),
    "web page": (b"<!DOCTYPE html>\n<title>Sign in</title>", r"got a web page that begins '<!DOCTYPE html>"),
    "web page after blanks": (b"\r\n\r\n   <HTML lang='en'>", r"got a web page that begins"),
    "error message": (b'{"error": "Access to model is restricted"}', r"got text that begins '{\"error\": \"Access"),
    "Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
        r"got text .*version https://git-lfs",
    ),
    "pickle": (b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s.", r"got a PyTorch pickle\. Rename it to end in \.ckpt"),
    "zip": (b"PK\x03\x04" + bytes(100), r"got a PyTorch pickle\. Rename it to end in \.ckpt"),
}


@pytest.mark.parametrize(("content", "message"), BYTES.values(), ids=BYTES.keys())
def test_something_else_under_a_safetensors_name(tmp_path, content, message):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(InpaintError, match=message):
        read_header(path)


def test_a_legacy_pickle_is_reported_unread(tmp_path):
    for name in ("legacy.ckpt", "legacy.pt"):
        (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
        header = read_header(tmp_path / name)
        assert (header.format, header.family.id, header.inpaint, header.parts) == ("legacy pickle", "unknown", None, ())
        assert "unknown until it is loaded" in header.summary()


def test_a_pickle_is_described_like_any_checkpoint(tmp_path):
    tensors = {UNET + name: torch.zeros(shape, dtype=torch.float16) for name, shape in unet(9).items()}
    tensors["first_stage_model.decoder.conv_in.weight"] = torch.zeros(8, 4, 3, 3)
    torch.save({"state_dict": tensors, "global_step": 7}, tmp_path / "m.ckpt")
    header = read_header(tmp_path / "m.ckpt")
    assert (header.format, header.family.id, header.inpaint) == ("pickle", "sd15", "channels")
    assert header.part("vae") == Part("vae", 288, 1152, {"F32": 1152})
    assert header.part("diffusion model").parameters == sum(math.prod(shape) for shape in unet(9).values())


def test_a_gguf_is_described_like_any_checkpoint(tmp_path):
    name, shape = b"cap_embedder.1.weight", (2560, 3840)  # the fastest axis first
    info = struct.pack("<Q", len(name)) + name + struct.pack("<IQQIQ", 2, *shape, 8, 0)  # Q8_0
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + info
    head += bytes(-len(head) % 32)
    path = tmp_path / "m.gguf"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2560 * 3840 * 34 // 32)
    header = read_header(path)
    assert (header.format, header.family.id) == ("gguf", "z-image")
    assert header.part("diffusion model") == Part("diffusion model", 9_830_400, 10_444_800, {"Q8_0": 10_444_800})
    assert header.summary().splitlines()[1] == "diffusion model: 9.8 M parameters, GGUF Q8_0, 10.0 MiB"


@pytest.mark.parametrize("mark", ["blocks.0.attn.scale_weight", "scaled_fp8", "a.weight_scale", "a.comfy_quant"])
def test_scaled_and_packed_weights_are_told(tmp_path, mark):
    shapes = {UNET + name: shape for name, shape in unet().items()}
    assert not read_header(write(tmp_path / "plain.safetensors", entries(shapes))).quantization
    assert read_header(write(tmp_path / "m.safetensors", entries(shapes | {UNET + mark: (1,)}))).quantization
    assert not read_header(write(tmp_path / "vae.safetensors", entries(shapes | {"vae." + mark: (1,)}))).quantization


def test_a_part_by_itself(tmp_path):
    path = write(tmp_path / "t5.safetensors", entries({"encoder.block.0.layer.0.w": (3, 4)}, "F8_E4M3"))
    assert read_part(path, "text encoder") == Part("text encoder", 12, 12, {"F8_E4M3": 12})


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setitem(READERS, "safetensors", lambda file, size: reads.append(size) or read_safetensors(file, size))
    path = write(tmp_path / "m.safetensors", entries({UNET + k: v for k, v in unet().items()}))
    assert read_header(path) is read_header(str(path))
    assert len(reads) == 1
    write(path, entries({UNET + k: v for k, v in unet(9).items()}))
    os.utime(path, ns=(1, 1))
    assert read_header(path).inpaint == "channels"
    os.utime(path, ns=(2, 2))
    read_header(path)
    assert len(reads) == 3


def test_few_files_are_remembered(tmp_path):
    described = [
        weakref.ref(read_header(write(tmp_path / f"{number}.safetensors", entries({UNET + "w": (number,)}))))
        for number in range(40)
    ]
    gc.collect()
    assert len(stored_file._read) == 32
    assert [header() is None for header in described] == [True] * 8 + [False] * 32


def test_fewer_where_they_are_large(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_file._read, "_most", 25)
    shapes = {f"{UNET}{number}": (1,) for number in range(10)}
    paths = [write(tmp_path / f"{number}.safetensors", entries(shapes)) for number in range(3)]
    first, second, third = map(read_header, paths)
    assert len(stored_file._read) == 2
    assert (read_header(paths[1]) is second, read_header(paths[2]) is third) == (True, True)
    assert read_header(paths[0]) is not first
    monkeypatch.setattr(stored_file._read, "_most", 5)
    assert read_header(paths[1]).tensors, "one that is too large by itself is read all the same"
    assert len(stored_file._read) == 0


# Sixteen megabytes of what is no model.
LENGTH = 15_900_000
HOSTILE = {
    "lists": '{"x":[' + "[]," * (LENGTH // 3) + "0]}",
    "objects": '{"x":[' + "{}," * (LENGTH // 3) + "0]}",
    "numbers": '{"x":[' + "0," * (LENGTH // 2) + "0]}",
    "names": "{" + ",".join(f'"{number}":0' for number in range(LENGTH // 12)) + "}",
    "empty tensors": "{"
    + ",".join(f'"{number}":{{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}' for number in range(LENGTH // 64))
    + "}",
    "metadata": '{"__metadata__":{"a":"' + "x" * LENGTH + '"}}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_header_takes_little(tmp_path, text):
    """Within a few times its length of memory, and without work for each of its pieces."""
    path = write(tmp_path / "m.safetensors", text)
    tracemalloc.start()
    try:
        with pytest.raises(InpaintError):
            read_header(path)
        assert tracemalloc.get_traced_memory()[1] < 80e6
    finally:
        tracemalloc.stop()
    with counted() as work, pytest.raises(InpaintError):
        read_header(path)
    assert work.calls < 3_000


@pytest.mark.slow
def test_the_most_tensors(tmp_path):
    for count, read in ((32_768, True), (32_769, False)):
        path = write(tmp_path / f"{count}.safetensors", entries({f"{UNET}{number}": (1,) for number in range(count)}))
        if read:
            assert len(read_header(path).tensors) == count
        else:
            with pytest.raises(InpaintError, match=r"expected a header of at most 32,768 tensors, got 32,769"):
                read_header(path)


def test_parts_of_which_nothing_is_known(tmp_path):
    path = write(tmp_path / "none.safetensors", "{}")
    with pytest.raises(InpaintError, match=r"^none\.safetensors: expected a vae with weights, got none\. Choose"):
        read_part(path, "vae")
    old = tmp_path / "old.pt"
    old.write_bytes(b"\x80\x02}q\x00.")
    message = r"^old\.pt: legacy PyTorch pickle: its contents are unknown until it is loaded"
    with pytest.raises(InpaintError, match=message):
        read_part(old, "text encoder")


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "a.safetensors").symlink_to(tmp_path / "b.safetensors")
    (tmp_path / "b.safetensors").symlink_to(tmp_path / "a.safetensors")
    with pytest.raises(InpaintError, match=r"^a\.safetensors: no such file"):
        read_header(tmp_path / "a.safetensors")


PICKLES = {
    "web page": (b"<!DOCTYPE html>", "got a web page"),
    "cut off": (b"PK\x03\x04" + bytes(100), "truncated: its end is missing"),
    "safetensors": (struct.pack("<Q", 2) + b"{}", "got a safetensors file. Rename it to end in .safetensors"),
    "noise": (b"\x00\x01\x02\x03\x04\x05\x06\x07", "got bytes 00 01 02 03 04 05 06 07"),
}


@pytest.mark.parametrize(("content", "message"), PICKLES.values(), ids=PICKLES.keys())
def test_something_else_under_a_ckpt_name(tmp_path, content, message):
    path = tmp_path / "m.ckpt"
    path.write_bytes(content)
    with pytest.raises(InpaintError) as error:
        read_header(path)
    assert message in str(error.value)


def test_another_zip_under_a_ckpt_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.ckpt", "w") as archive:
        archive.writestr("readme.txt", b"hello")
    with pytest.raises(InpaintError, match="got another zip archive"):
        read_header(tmp_path / "m.ckpt")


def test_missing_file_and_foreign_suffix(tmp_path):
    with pytest.raises(InpaintError, match=r"^none\.safetensors: no such file"):
        read_header(tmp_path / "none.safetensors")
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07" + bytes(20))
    with pytest.raises(InpaintError, match=r"^m\.onnx: expected a \.safetensors, .* or \.bin file, got \.onnx"):
        read_header(str(tmp_path / "m.onnx"))
