"""What we tell from a header against what the host has after a real load, on the CPU and in the dtypes it took there.

Mutations seen to fail here: half the bytes for a part; the formula of cards with flash attention for all; the latent's
cells counted by channel.
"""

import math

import pytest
import torch

from inpaint.model_files.checkpoint import read_header
from inpaint.vram.requirements import Dtypes, facts_of_family, requirements_of


@pytest.fixture(params=["inpaint_model", "general_model"])
def loaded(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def header(request, base, loaded):
    name = "small-sd15-inpaint" if loaded.model.model.diffusion_model.in_channels == 9 else "small-sd15"
    return read_header(base / "models" / "checkpoints" / f"{name}.safetensors")


def test_weights_are_those_of_a_real_load(header, loaded):
    needs = requirements_of(header, Dtypes("F32", "F32", "F32"))
    assert loaded.model.model.get_dtype() == loaded.vae.vae_dtype == torch.float32
    assert needs.model == pytest.approx(loaded.model.model_size(), rel=0.005)
    assert needs.vae == pytest.approx(loaded.vae.model_size(), rel=0.005)
    assert needs.text == pytest.approx(loaded.clip.patcher.model_size(), rel=0.005)
    largest = max(parameter.numel() * 4 for parameter in loaded.model.model.diffusion_model.parameters())
    assert needs.largest == largest


@pytest.mark.parametrize("flash", [False, True])
def test_sampling_is_the_hosts_formula(header, loaded, pack, monkeypatch, flash):
    import comfy.model_management as management

    monkeypatch.setattr(management, "pytorch_attention_flash_attention", lambda: flash)
    assert pack("host").flash_attention() == flash
    factors = pack("host").detect_model(header).factors
    facts = facts_of_family(header.family)._replace(factors=factors)
    needs = requirements_of(header, Dtypes("F32", "F32", "F32"), facts, flash=flash)
    for shape in [(1, 4, 64, 64), (4, 4, 96, 33)]:
        cells = shape[0] * math.prod(shape[2:])
        assert needs.sampling.safe * cells == pytest.approx(loaded.model.model.memory_required(list(shape)))
