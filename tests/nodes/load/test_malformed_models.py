"""Files that look like a model and are none: planning gives a plan or one error in words, the route an answer.

Mutations seen to fail here: errors of the host's detection let through; sizes that torch cannot name let through.
"""

import asyncio
import json
import math
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devtools.models.model_shapes import write_sparse
from inpaint.model_files.safetensors_header import DTYPE_BITS

UNET = "model.diffusion_model."
# Each has the tensor by which a family is told, and little else of it.
SIGNS: dict[str, dict[str, tuple[int, ...]]] = {
    "SD 3": {"joint_blocks.0.context_block.attn.qkv.weight": (8, 8)},
    "SD 3 with an input": {
        "joint_blocks.0.context_block.attn.qkv.weight": (8, 8),
        "x_embedder.proj.weight": (8, 8),
    },
    "Flux": {"double_blocks.0.img_attn.norm.key_norm.scale": (128,), "final_layer.linear.weight": (64, 3072)},
    "Flux of another shape": {
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        "final_layer.linear.weight": (64, 3072),
        "img_in.weight": (3072,),
    },
    "Chroma": {"distilled_guidance_layer.x": (8, 8), "double_blocks.0.img_attn.norm.key_norm.scale": (128,)},
    "Wan": {"head.modulation": (1, 2), "patch_embedding.weight": (8, 8)},
    "Lumina 2": {"cap_embedder.1.weight": (2304,)},
    "Z-Image": {"cap_embedder.1.weight": (3840,)},
    "Qwen-Image": {"txt_norm.weight": (8,), "img_in.weight": (8,)},
    "HunyuanImage": {"txt_in.individual_token_refiner.blocks.0.norm1.weight": (8,)},
    "HunyuanVideo": {
        "txt_in.individual_token_refiner.blocks.0.norm1.weight": (8,),
        "img_in.proj.weight": (8, 8, 1, 2, 2),
    },
    "Flux 2": {"double_stream_modulation_img.lin.weight": (8, 8)},
    "a UNet": {
        "input_blocks.0.0.weight": (320, 4, 3, 3),
        "out.2.weight": (4, 320, 3, 3),
        "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    },
    "a UNet of diffusers": {
        "conv_in.weight": (320, 4, 3, 3),
        "conv_out.weight": (4, 320, 3, 3),
        "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    },
    "audio": {"transformer.rotary_pos_emb.inv_freq": (8,)},
    "a scalar": {"x": ()},
    "more than 64 bits": {"x": (2**62, 0, 2**62)},
    "nothing, of great size": {"x": (0, 2**40, 2**40)},
}


@pytest.fixture
def asked(base, pack, InpaintError):
    """What planning and the route make of a file of these tensors: the route's status and planning's error, or None."""
    path = base / "models" / "checkpoints" / "malformed.safetensors"

    def asked(shapes):
        write_sparse(path, shapes)
        pack("inpaint.model_files.stored_file")._read.forget()
        job = pack("inpaint.vram.memory_plan").Job(512, 512)
        error = None
        for card in ("this computer", "RTX 3060 12 GB"):
            try:
                pack("host.planning").plan_for(str(path), job, card)
            except InpaintError as problem:
                error = str(problem)
                assert error.startswith("malformed.safetensors: ")
                assert len(error) < 600
                assert str(base) not in error
        return asyncio.run(pack("nodes.load.estimate_route").answer({"model": path.name}))[0], error

    yield asked
    path.unlink()


@pytest.mark.parametrize("prefix", [UNET, ""])
@pytest.mark.parametrize("shapes", SIGNS.values(), ids=SIGNS.keys())
def test_a_sign_of_a_family_and_nothing_else(asked, shapes, prefix):
    status, error = asked({prefix + name: shape for name, shape in shapes.items()})
    assert status == (404 if error else 200)


def test_the_error_says_what_it_looks_like(asked):
    status, error = asked({UNET + name: shape for name, shape in SIGNS["SD 3"].items()})
    assert status == 404
    assert "looks like SD 3, but tensors are missing or of a wrong shape (KeyError: " in error
    assert error.endswith("Download it again, or choose a whole model.")


names = st.sampled_from(sorted({name for shapes in SIGNS.values() for name in shapes}))
sizes = st.sampled_from([0, 1, 2, 4, 8, 9, 16, 64, 128, 320, 384, 768, 1024, 2048, 2304, 3072, 3840, 2**40])
shapes = st.lists(sizes, max_size=5).map(tuple).filter(lambda shape: math.prod(shape) < 2**40)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(names, shapes, min_size=1, max_size=8), st.sampled_from([UNET, "", "net."]))
def test_signs_of_several_families_in_any_shape(asked, mixed, prefix):
    status, error = asked({prefix + name: shape for name, shape in mixed.items()})
    assert status == (404 if error else 200)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.binary(max_size=60))
def test_bytes_that_are_no_header(base, pack, inner, after):
    text = b"{" + inner
    path = base / "models" / "checkpoints" / "malformed.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + after)
    assert asyncio.run(pack("nodes.load.estimate_route").answer({"model": path.name}))[0] == 404
    path.unlink()


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_a_model_in_any_dtype_that_a_file_can_name(base, pack, dtype):
    entry = {"dtype": dtype, "shape": [2304, 8], "data_offsets": [0, 2304 * DTYPE_BITS[dtype]]}
    text = json.dumps({UNET + "cap_embedder.1.weight": entry}).encode()
    path = base / "models" / "checkpoints" / "malformed.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(entry["data_offsets"][1]))
    for card in ("this computer", "RTX 3060 12 GB"):
        plan = pack("host.planning").plan_for(str(path), pack("inpaint.vram.memory_plan").Job(512, 512), card)
        assert plan.requirements.label == "Lumina 2"
    path.unlink()
