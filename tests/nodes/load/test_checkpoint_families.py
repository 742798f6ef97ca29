"""Checkpoint headers of true shape, made by the host's own model classes without their weights.

Our table of families has to agree with the host's detection on the same tensors, and the parameters we count with the
published sizes of these models. Counts without a source of their own are the host's classes' and say so.

Mutations seen to fail here: the 9-channel row dropped; Fill told by 64 inputs; Z-Image told by Lumina 2's width;
another text width for SDXL.
"""

import importlib
import math

import pytest
import torch

from devtools.models.model_shapes import MODELS, model_shapes, write_sparse
from inpaint.model_files.checkpoint import read_header
from inpaint.vram.requirements import FAMILIES

# host's family, ours, label, inpainting inputs, parameters; None: no count but the host's own is known
EXPECTED = {
    "SD 1.5": ("SD15", "sd15", "Stable Diffusion 1.5", None, 859_520_964),
    "SD 1.5 inpainting": ("SD15", "sd15", "Stable Diffusion 1.5 inpainting (9-channel)", "channels", 859_535_364),
    "SD 2 inpainting": ("SD20", "sd2", "Stable Diffusion 2 inpainting (9-channel)", "channels", 865_925_124),
    "SDXL": ("SDXL", "sdxl", "SDXL", None, 2_567_463_684),
    "SDXL inpainting": ("SDXL", "sdxl", "SDXL inpainting (9-channel)", "channels", 2_567_478_084),
    "SD 3 medium": ("SD3", "sd3", "Stable Diffusion 3", None, None),
    "Flux dev": ("Flux", "flux", "FLUX.1 dev", None, 11_901_408_320),
    "Flux schnell": ("FluxSchnell", "flux", "FLUX.1 schnell", None, 11_891_178_560),
    "Flux Fill": ("FluxInpaint", "flux", "FLUX.1 Fill", "fill", 11_902_391_360),
    "Flux 2": ("Flux2", "flux2", "FLUX.2", None, None),
    "Chroma": ("Chroma", "chroma", "Chroma", None, 8_899_983_424),
    "Qwen-Image": ("QwenImage", "qwen-image", "Qwen-Image", None, 20_430_401_088),
    "Z-Image": ("ZImage", "z-image", "Z-Image", None, 6_154_912_576),
    "Lumina 2": ("Lumina2", "lumina2", "Lumina 2", None, None),
    "HunyuanImage 2.1": ("HunyuanImage21", "hunyuan-image", "HunyuanImage 2.1", None, None),
}


@pytest.fixture(scope="module")
def shapes(host_nodes):
    return {name: model_shapes(name) for name in MODELS}


@pytest.mark.parametrize("prefix", ["model.diffusion_model.", ""], ids=["checkpoint", "diffusion model alone"])
@pytest.mark.parametrize("name", EXPECTED)
def test_true_shapes(shapes, tmp_path, pack, name, prefix):
    import comfy.model_detection

    host_family, family, label, inpaint, parameters = EXPECTED[name]
    named = {prefix + key: shape for key, shape in shapes[name].items()}
    header = read_header(write_sparse(tmp_path / "true-size.safetensors", named))
    assert (header.family, header.label, header.inpaint, header.prefix) == (family, label, inpaint, prefix)
    parameters = parameters or sum(math.prod(shape) for shape in named.values())
    (part,) = header.parts
    print(f"{name}: {part.parameters:,} parameters")
    assert (part.parameters, part.dtypes) == (parameters, {"F16": 2 * parameters})

    tensors = {key: torch.empty(shape, dtype=torch.float16, device="meta") for key, shape in named.items()}
    config = comfy.model_detection.model_config_from_unet(tensors, prefix)
    assert type(config).__name__ == host_family
    factor, supported = pack("host").detect_model(header)
    assert factor == config.memory_usage_factor
    # Newer hosts have other factors and take fp16 for more models; the table is that of the oldest we work on.
    known = FAMILIES[family].host
    oldest = importlib.import_module("comfyui_version").__version__ == "0.3.75"
    assert factor == pytest.approx(known.factor, rel=1e-6 if oldest else 1.0)
    assert set(known.supported) <= {*supported, "F16"}


def test_every_model_is_expected():
    assert set(MODELS) == set(EXPECTED)


def test_a_model_that_the_host_does_not_know(tmp_path, pack):
    header = read_header(write_sparse(tmp_path / "m.safetensors", {"model.diffusion_model.new.weight": (4, 4)}))
    assert pack("host").detect_model(header) is None
