"""Checkpoint headers of true shape, made by the host's own model classes without their weights.

Our table of families has to agree with the host's detection on the same tensors, and the parameters we count with the
published sizes of these models.

Mutations seen to fail here: the 9-channel row dropped; Fill told by 64 inputs; Z-Image told by Lumina 2's width;
another text width for SDXL.
"""

import dataclasses
import importlib
import json
import struct

import pytest
import torch

from inpaint.checkpoint_header import read_header

UNET = {
    "image_size": 32,
    "in_channels": 9,
    "out_channels": 4,
    "model_channels": 320,
    "use_spatial_transformer": True,
    "legacy": False,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 4, 4],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
}
SD15 = UNET | {"context_dim": 768, "num_heads": 8}
SD2 = UNET | {"context_dim": 1024, "num_head_channels": 64, "use_linear_in_transformer": True}
SDXL = SD2 | {
    "context_dim": 2048,
    "num_classes": "sequential",
    "adm_in_channels": 2816,
    "num_res_blocks": [2, 2, 2],
    "channel_mult": [1, 2, 4],
    "transformer_depth": [0, 0, 2, 2, 10, 10],
    "transformer_depth_middle": 10,
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
}
FLUX = {
    "image_model": "flux",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 768,
    "context_in_dim": 4096,
    "hidden_size": 3072,
    "mlp_ratio": 4.0,
    "num_heads": 24,
    "depth": 19,
    "depth_single_blocks": 38,
    "axes_dim": [16, 56, 56],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": True,
}
CHROMA = {k: v for k, v in FLUX.items() if k not in ("vec_in_dim", "guidance_embed")} | {
    "image_model": "chroma",
    "in_channels": 64,
    "out_channels": 64,
    "in_dim": 64,
    "out_dim": 3072,
    "hidden_dim": 5120,
    "n_layers": 5,
}
Z_IMAGE = {
    "in_channels": 16,
    "dim": 3840,
    "cap_feat_dim": 2560,
    "n_layers": 30,
    "qk_norm": True,
    "n_heads": 30,
    "n_kv_heads": 30,
    "axes_dims": [32, 48, 48],
    "axes_lens": [1536, 512, 512],
    "ffn_dim_multiplier": 8 / 3,
    "z_image_modulation": True,
    "pad_tokens_multiple": 32,
}

# class, its settings, and what is expected: host's family, ours, inpainting inputs, parameters
OPENAI = "comfy.ldm.modules.diffusionmodules.openaimodel.UNetModel"
MODELS = {
    "SD 1.5 inpainting": (OPENAI, SD15, "SD15", "sd15", "channels", 859_535_364),
    "SD 2 inpainting": (OPENAI, SD2, "SD20", "sd2", "channels", 865_925_124),
    "SDXL inpainting": (OPENAI, SDXL, "SDXL", "sdxl", "channels", 2_567_478_084),
    "SD 1.5": (OPENAI, SD15 | {"in_channels": 4}, "SD15", "sd15", None, 859_520_964),
    "Flux dev": ("comfy.ldm.flux.model.Flux", FLUX, "Flux", "flux", None, 11_901_408_320),
    "Flux Fill": (
        "comfy.ldm.flux.model.Flux",
        FLUX | {"in_channels": 96},
        "FluxInpaint",
        "flux",
        "fill",
        11_902_391_360,
    ),
    "Chroma": ("comfy.ldm.chroma.model.Chroma", CHROMA, "Chroma", "chroma", None, 8_899_983_424),
    "Qwen-Image": (
        "comfy.ldm.qwen_image.model.QwenImageTransformer2DModel",
        {},
        "QwenImage",
        "qwen-image",
        None,
        20_430_401_088,
    ),
    "Z-Image": ("comfy.ldm.lumina.model.NextDiT", Z_IMAGE, "ZImage", "z-image", None, 6_154_912_576),
}

# What the model classes of newer hosts want besides; it has no bearing on the tensors of these models.
NEWER_HOSTS = {"txt_ids_dims": [], "vec_in_dim": None}


@dataclasses.dataclass
class Nothing:
    """Stands for the settings class of a model that has none."""


@pytest.mark.parametrize(
    ("model_class", "settings", "host_family", "family", "inpaint", "parameters"), MODELS.values(), ids=MODELS.keys()
)
def test_true_shapes(host_nodes, tmp_path, model_class, settings, host_family, family, inpaint, parameters):
    import comfy.model_detection
    import comfy.ops

    module_name, name = model_class.rsplit(".", 1)
    module = importlib.import_module(module_name)
    known = {field.name for field in dataclasses.fields(getattr(module, f"{name}Params", Nothing))}
    newer = {key: value for key, value in NEWER_HOSTS.items() if key in known - set(settings)}
    make = getattr(module, name)
    model = make(**settings, **newer, dtype=torch.float16, device="meta", operations=comfy.ops.disable_weight_init)
    tensors = {f"model.diffusion_model.{k}": v for k, v in model.state_dict().items()}
    if family == "z-image":
        # The published file has this unused norm; newer hosts no longer make it.
        tensors.setdefault("model.diffusion_model.norm_final.weight", torch.empty(3840, device="meta"))

    header, position = {}, 0
    for key, tensor in tensors.items():
        end = position + tensor.numel() * 2
        header[key] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    path = tmp_path / "true-size.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + position)  # a hole: no such tensors are on the disk

    found = read_header(path)
    detected = comfy.model_detection.model_config_from_unet(dict(tensors), "model.diffusion_model.")
    assert type(detected).__name__ == host_family
    assert (found.family, found.inpaint) == (family, inpaint)
    assert [(part.name, part.parameters, part.dtypes) for part in found.parts] == [
        ("diffusion model", parameters, {"F16": 2 * parameters})
    ]
