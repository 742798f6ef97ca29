"""The figures of a plan against the host's own formulas: every class of models, four sizes, four cards.

Mutations seen to fail here: the row's ratio and VAE where the host can be asked; the channels of packed latents left
out; the VAE's base left out; the factor of another dtype; the VAE of another host.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from devtools.models.host_models import classes_of, host_shapes, make_host_model
from devtools.models.model_shapes import model_shapes, write_sparse
from inpaint.model_families.table import FAMILIES, family_of
from inpaint.model_files.checkpoint import read_header
from inpaint.vram.memory_plan import GIB, Job, Machine

COMFYUI = Path(os.environ["MEND_COMFYUI"])
HOST_CLASSES = classes_of(COMFYUI)
# Whether the host has dynamic VRAM.
DYNAMIC = "def get_free_memory" in (COMFYUI / "comfy" / "model_patcher.py").read_text(encoding="utf-8")
MIB = 2**20
CARDS = ("GTX 1660 6 GB", "RTX 2060 6 GB", "RTX 3060 12 GB", "RTX 5090 32 GB")
SIZES = ((512, 512), (1024, 1024), (768, 1344), (2048, 2048))
TORCH = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


@pytest.mark.slow
@pytest.mark.parametrize("model_class", [name for row in FAMILIES for name in row.classes if name in HOST_CLASSES])
def test_sampling(model_class, tmp_path, pack, host_nodes, monkeypatch):
    import comfy.model_management as management

    monkeypatch.setattr(management, "pytorch_attention_flash_attention", lambda: True)
    header = read_header(write_sparse(tmp_path / "small.safetensors", host_shapes(model_class)))
    model, latents = make_host_model(model_class), family_of(model_class).latents
    for card in CARDS:
        _, dtypes = pack("host.planning").detected(header, card)
        model.model_config.set_inference_dtype(TORCH[dtypes.weights], TORCH[dtypes.compute])
        model.manual_cast_dtype = TORCH[dtypes.compute]
        # Some classes have another factor for another dtype; the host reads it when it makes the model.
        model.memory_usage_factor = model.model_config.memory_usage_factor
        for width, height in SIZES:
            plan = pack("host.planning").plan_for(str(header.path), Job(width, height, 2), card)
            cells = (-(-height // latents.ratio), -(-width // latents.ratio))
            shape = [2, latents.shape.channels, *((1,) if latents.shape.frames else ()), *cells]
            if header.family.memory.numbers > 1:  # packed with the sound
                shape = [2, 1, latents.shape.channels * cells[0] * cells[1]]
            host = model.memory_required(shape)
            mine = plan.requirements.sampling.safe * 2 * cells[0] * cells[1]
            assert mine == pytest.approx(host, rel=0.1), (card, width, height)


@pytest.mark.parametrize("side", [512, 1024, 2048])
@pytest.mark.parametrize("gib", [12, 14, 24])
def test_both_halves_of_cfg_at_once(gib, side, tmp_path, pack, host_nodes, monkeypatch):
    """As the host decides it (comfy/samplers.py), on hosts with dynamic VRAM and without: Qwen-Image on a card."""
    import comfy.model_management as management
    import comfy.model_patcher

    monkeypatch.setattr(management, "pytorch_attention_flash_attention", lambda: True)
    path = str(write_sparse(tmp_path / "qwen.safetensors", model_shapes("Qwen-Image"), "F8_E4M3"))
    machine = Machine("card", gib * GIB, 400 * MIB, dynamic=DYNAMIC)
    monkeypatch.setattr(pack("host.planning"), "as_machine", lambda *arguments: machine)
    plan = pack("host.planning").plan_for(path, Job(side, side), "RTX 4070 12 GB")
    base = make_host_model("QwenImage")
    base.model_config.set_inference_dtype(torch.float8_e4m3fn, torch.bfloat16)
    base.manual_cast_dtype = torch.bfloat16
    resident = plan.requirements.model - plan.offloaded
    monkeypatch.setattr(management, "get_free_memory", lambda *arguments, **named: machine.free - resident)
    cpu = torch.device("cpu")
    model: Any = comfy.model_patcher.ModelPatcher(base, cpu, cpu)
    if DYNAMIC:
        monkeypatch.setattr("comfy.memory_management.aimdo_enabled", True)
        monkeypatch.setattr("comfy_aimdo.model_vbar.vbars_analyze", lambda device: resident)
        free = model.get_free_memory(cpu)
    else:
        free = management.get_free_memory(cpu)
    at_once = base.memory_required([2, 16, 1, side // 8, side // 8]) * 1.5 < free
    assert plan.batched_cfg == at_once


KINDS = {row.latents.format: row.latents for row in FAMILIES if set(row.classes) & set(HOST_CLASSES)}


@pytest.mark.parametrize("name", KINDS)
def test_vae(name, pack, host_nodes):
    import comfy.sd

    latents = KINDS[name]
    kind = pack("host").vae_here(latents.vae)
    assert (kind is latents.vae) == (name == "Cosmos1CV8x8x8")
    if kind is latents.vae:
        return
    with torch.device("meta"):
        vae = comfy.sd.VAE(sd={key: torch.empty(shape) for key, shape in latents.vae.signature.items()})
    assert (vae.latent_channels, vae.latent_dim == 3) == tuple(latents.shape)
    assert vae.spacial_compression_encode() == vae.spacial_compression_decode() == latents.ratio
    assert [TORCH[dtype] for dtype in kind.dtypes] == vae.working_dtypes
    frames = (1,) if latents.shape.frames else ()
    for width, height in SIZES:
        for dtype in (torch.float32, torch.bfloat16):
            pixels, cells = (height, width), (height // latents.ratio, width // latents.ratio)
            encode = vae.memory_used_encode((1, 3, *frames, *pixels), dtype)
            decode = vae.memory_used_decode((1, latents.shape.channels, *frames, *cells), dtype)
            for work, host in ((kind.encode, encode), (kind.decode, decode)):
                mine = (work.safe_base + work.safe * width * height) * dtype.itemsize
                assert mine == pytest.approx(host, rel=0.1), (width, height, dtype)
