"""Checkpoint headers of true shape, made by the host's own model classes without their weights.

Our table of families has to agree with the host's detection on the same tensors, and the parameters we count with the
published sizes of these models. Counts without a source of their own are the host's classes' and say so.

Mutations seen to fail here: the 9-channel row dropped; Fill told by 64 inputs; Z-Image told by Lumina 2's width;
another text width for SDXL.
"""

import dataclasses
import math
import os
from pathlib import Path

import pytest
import torch

from devtools.models.host_models import classes_of, host_shapes
from devtools.models.model_shapes import MODELS, model_shapes, write_sparse
from inpaint.model_families.not_ours import NOT_OURS
from inpaint.model_families.table import FAMILIES, family_of, label_of
from inpaint.model_files.checkpoint import read_header
from inpaint.vram.requirements import facts_of_family

# host's family, ours, label, inpainting inputs, parameters; None: no count but the host's own is known
EXPECTED = {
    "SD 1.5": ("SD15", "sd15", "SD 1.5", None, 859_520_964),
    "SD 1.5 inpainting": ("SD15", "sd15", "SD 1.5 inpainting (9-channel)", "channels", 859_535_364),
    "SD 2 inpainting": ("SD20", "sd2", "SD 2 inpainting (9-channel)", "channels", 865_925_124),
    "SDXL": ("SDXL", "sdxl", "SDXL", None, 2_567_463_684),
    "SDXL inpainting": ("SDXL", "sdxl", "SDXL inpainting (9-channel)", "channels", 2_567_478_084),
    "SD 3 medium": ("SD3", "sd3", "SD 3", None, None),
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
    assert (header.family.id, header.label, header.inpaint, header.prefix) == (family, label, inpaint, prefix)
    parameters = parameters or sum(math.prod(shape) for shape in named.values())
    (part,) = header.parts
    print(f"{name}: {part.parameters:,} parameters")
    assert (part.parameters, part.dtypes) == (parameters, {"F16": 2 * parameters})

    tensors = {key: torch.empty(shape, dtype=torch.float16, device="meta") for key, shape in named.items()}
    config = comfy.model_detection.model_config_from_unet(tensors, prefix)
    assert type(config).__name__ == host_family
    detected = pack("host").detect_model(header)
    assert detected.model_class == host_family
    assert detected.factors == dict.fromkeys(detected.factors, config.memory_usage_factor)


def test_every_model_is_expected():
    assert set(MODELS) == set(EXPECTED)


COMFYUI = Path(os.environ["MEND_COMFYUI"])
HOST_CLASSES = classes_of(COMFYUI)
# Newer hosts have other factors; the table is that of 0.33.0.
NEWEST = "0.33.0" in (COMFYUI / "comfyui_version.py").read_text()
# Classes that the host tells by more than tensors: by what is written beside them, or not at all.
TOLD_OTHERWISE = {"WAN21_CausalAR_T2V": "WAN21_T2V", "WAN21_FlowRVS": "WAN21_T2V", "HunyuanDiT1": "HunyuanDiT"}
# Classes to whose dtypes the host adds fp16 where the card is good at it.
FP16_BY_CARD = ("Omnigen2", "Boogu", "ZImage", "ZImagePixelSpace")
# Formats that differ from the row's for some of a family's models, in scale alone.
OTHER_FORMATS = {"CogVideoX1_5": "CogVideoX"}


@pytest.mark.parametrize("model_class", [name for row in FAMILIES for name in row.classes if name in HOST_CLASSES])
def test_a_row_says_what_the_host_says(model_class, tmp_path, pack):
    import comfy.latent_formats

    row = family_of(model_class)
    header = read_header(write_sparse(tmp_path / "small.safetensors", host_shapes(model_class)))
    told = TOLD_OTHERWISE.get(model_class, model_class)
    if model_class not in TOLD_OTHERWISE:
        assert header.family is row
        # FLUX.1 dev and Kontext have one class, which is named FLUX.1.
        assert header.label == label_of(model_class) or model_class == "Flux"
    detected = pack("host").detect_model(header)
    assert detected.model_class == told
    assert OTHER_FORMATS.get(detected.format, detected.format) == row.latents.format
    assert detected.ratio in (None, row.latents.ratio)
    latent_format = getattr(comfy.latent_formats, detected.format)
    if model_class != "MiniMaxH3":  # its format names the channels of the sound, which are more
        assert latent_format.latent_channels == row.latents.shape.channels
    assert (latent_format.latent_dimensions == 3) == row.latents.shape.frames
    dtypes = header.variant.dtypes or row.memory.dtypes
    if model_class in FP16_BY_CARD:
        assert [dtype for dtype in detected.supported if dtype != "F16"] == list(dtypes)
    elif NEWEST:
        assert list(detected.supported) == list(dtypes)
    if NEWEST:
        facts = facts_of_family(row, header.names, dtypes)
        assert detected.factors == pytest.approx({dtype: facts.factors[dtype] for dtype in detected.factors}, rel=1e-3)


# Classes that this pack is not made for, of which a model can be made without a file; None: their tensors do not tell.
OTHERS = {
    "PiD": "PiD",
    "HunyuanVideo15_SR_Distilled": "HunyuanVideo 1.5 super-resolution",
    "WAN22_S2V": "Wan S2V",
    "WAN21_HuMo": "HuMo",
    "WAN22_Animate": "Wan Animate",
    "WAN_Animate2": None,
    "WAN21_SCAIL": "SCAIL",
    "WAN22_WanDancer": "WanDancer",
    "Hunyuan3Dv2": "a 3-D model",
    "Hunyuan3Dv2mini": "a 3-D model",
    "ACEStep": "an audio model",
    "Stable_Cascade_C": "Stable Cascade",
    "LotusD": "Lotus",
}


@pytest.mark.parametrize("model_class", [name for name in OTHERS if name in HOST_CLASSES])
def test_models_of_other_purposes_are_not_taken_for_ours(model_class, tmp_path, pack):
    header = read_header(write_sparse(tmp_path / "small.safetensors", host_shapes(model_class)))
    if OTHERS[model_class] is not None:
        assert (header.family.id, header.label) == ("unknown", OTHERS[model_class])
    known = pack("host.planning").recognized(header)
    if pack("host").detect_model(header).model_class == model_class:
        assert (known.family.id, known.label) == ("unknown", label_of(model_class))


def test_the_host_knows_better(tmp_path, pack):
    """A file whose tensors we would take for another family, or for none."""
    planning, header = (
        pack("host.planning"),
        read_header(write_sparse(tmp_path / "z.safetensors", host_shapes("ZImage"))),
    )
    table = pack("inpaint.model_families.table")
    wrong = dataclasses.replace(header, family=table.BY_ID["flux"], variant=table.BY_ID["flux"].variants[0])
    for given in (
        wrong,
        dataclasses.replace(header, family=table.UNKNOWN, variant=table.UNKNOWN.variant(header.names)),
    ):
        known = planning.recognized(given)
        assert (known.family.id, known.label, known.inpaint) == ("z-image", "Z-Image", None)
    assert planning.recognized(header) is header


def test_the_running_host_has_no_class_without_a_row():
    others = {name for other in NOT_OURS for name in other.classes}
    assert set(HOST_CLASSES) <= others | {name for row in FAMILIES for name in row.classes}


def test_every_kind_of_text_encoder_is_the_hosts(host_nodes):
    """Hosts have had more and more of them: on 0.3.75, FLUX.2's is told by its tensors alone."""
    import comfy.sd

    kinds = {row.text_encoder.upper() for row in FAMILIES if set(row.classes) & set(HOST_CLASSES)}
    assert kinds - set(comfy.sd.CLIPType.__members__) == (set() if NEWEST else {"FLUX2"})


def test_a_model_that_the_host_does_not_know(tmp_path, pack):
    header = read_header(write_sparse(tmp_path / "m.safetensors", {"model.diffusion_model.new.weight": (4, 4)}))
    assert pack("host").detect_model(header) is None
