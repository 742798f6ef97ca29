"""Tensor names and shapes of published models, from the host's own model classes on the meta device.

Needs the host in this process (`import_host`). The settings are those that the host detects in the published files.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devtools.models.sparse_file import Hole, write_safetensors

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
FLUX2 = {
    "image_model": "flux2",
    "in_channels": 128,
    "out_channels": 128,
    "vec_in_dim": None,
    "context_in_dim": 15360,
    "hidden_size": 6144,
    "mlp_ratio": 3.0,
    "num_heads": 48,
    "depth": 8,
    "depth_single_blocks": 48,
    "axes_dim": [32, 32, 32, 32],
    "theta": 2000,
    "default_ref_method": "index",
    "ref_index_scale": 10.0,
    "patch_size": 1,
    "qkv_bias": False,
    "guidance_embed": True,
    "global_modulation": True,
    "mlp_silu_act": True,
    "ops_bias": False,
}
LUMINA2 = {
    "in_channels": 16,
    "dim": 2304,
    "cap_feat_dim": 2304,
    "n_layers": 26,
    "qk_norm": True,
    "n_heads": 24,
    "n_kv_heads": 8,
    "axes_dims": [32, 32, 32],
    "axes_lens": [300, 512, 512],
    "ffn_dim_multiplier": 4.0,
}
SD3 = {
    "input_size": None,
    "in_channels": 16,
    "patch_size": 2,
    "depth": 24,
    "num_patches": 36864,
    "pos_embed_max_size": 192,
    "pos_embed_scaling_factor": None,
    "adm_in_channels": 2048,
    "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": 4096, "out_features": 1536}},
}
HUNYUAN_IMAGE = {
    "image_model": "hunyuan_video",
    "in_channels": 64,
    "out_channels": 64,
    "patch_size": [1, 1],
    "vec_in_dim": None,
    "context_in_dim": 3584,
    "hidden_size": 3584,
    "mlp_ratio": 4.0,
    "num_heads": 28,
    "depth": 20,
    "depth_single_blocks": 40,
    "axes_dim": [64, 64],
    "theta": 256,
    "qkv_bias": True,
    "guidance_embed": False,
    "byt5": True,
    "meanflow": False,
    "use_cond_type_embedding": False,
    "vision_in_dim": None,
}

UNET_MODEL = "comfy.ldm.modules.diffusionmodules.openaimodel.UNetModel"
FLUX_MODEL = "comfy.ldm.flux.model.Flux"
HUNYUAN_MODEL = "comfy.ldm.hunyuan_video.model.HunyuanVideo"
NEXT_DIT = "comfy.ldm.lumina.model.NextDiT"
# Class and settings of each model.
MODELS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "SD 1.5": (UNET_MODEL, SD15 | {"in_channels": 4}),
    "SD 1.5 inpainting": (UNET_MODEL, SD15),
    "SD 2 inpainting": (UNET_MODEL, SD2),
    "SDXL": (UNET_MODEL, SDXL | {"in_channels": 4}),
    "SDXL inpainting": (UNET_MODEL, SDXL),
    "SD 3 medium": ("comfy.ldm.modules.diffusionmodules.mmdit.OpenAISignatureMMDITWrapper", SD3),
    "Flux dev": (FLUX_MODEL, FLUX),
    "Flux schnell": (FLUX_MODEL, FLUX | {"guidance_embed": False}),
    "Flux Fill": (FLUX_MODEL, FLUX | {"in_channels": 96}),
    "Flux 2": (FLUX_MODEL, FLUX2),
    "Chroma": ("comfy.ldm.chroma.model.Chroma", CHROMA),
    "Qwen-Image": ("comfy.ldm.qwen_image.model.QwenImageTransformer2DModel", {}),
    "Z-Image": (NEXT_DIT, Z_IMAGE),
    "Lumina 2": (NEXT_DIT, LUMINA2),
    "HunyuanImage 2.1": (HUNYUAN_MODEL, HUNYUAN_IMAGE),
}
# Additional settings of newer hosts' model classes. They do not change the tensors of these models.
NEWER_HOSTS: dict[str, Any] = {
    **{"txt_ids_dims": [], "vec_in_dim": None, "meanflow_sum": False, "use_x0": False},
    **{"use_sequential_txt_ids": False},
}


@dataclasses.dataclass
class Nothing:
    """Stands in for the settings class of a model that has none."""


def with_newer_settings(path: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of `NEWER_HOSTS` that the host's class at `path` knows, and without the others."""
    module, class_name = path.rsplit(".", 1)
    params = getattr(importlib.import_module(module), f"{class_name}Params", Nothing)
    known = {field.name for field in dataclasses.fields(params)}
    new = NEWER_HOSTS.keys() - known
    return {key: value for key, value in (NEWER_HOSTS | dict(settings)).items() if key not in new}


def make_model(name: str) -> Any:
    """Make a diffusion model of the host's own class on the meta device. name: a key of `MODELS`."""
    import comfy.ops
    import torch

    path, settings = MODELS[name]
    module, class_name = path.rsplit(".", 1)
    make = getattr(importlib.import_module(module), class_name)
    settings = with_newer_settings(path, settings)
    return make(**settings, dtype=torch.float16, device="meta", operations=comfy.ops.disable_weight_init)


def model_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a diffusion model's tensors by name. name: a key of `MODELS`."""
    model = make_model(name)
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    if name == "Z-Image":
        # The published file has this unused norm; newer hosts no longer create it.
        shapes.setdefault("norm_final.weight", (3840,))
    return shapes


def make_patcher(name: str) -> Any:
    """Make a MODEL like the host's loader, without memory for its weights. name: a key of `MODELS`."""
    import comfy.model_detection
    import comfy.model_patcher
    import torch

    weights = {key: torch.empty(shape, dtype=torch.float16, device="meta") for key, shape in model_shapes(name).items()}
    # The detection removes keys from its argument.
    base = comfy.model_detection.model_config_from_unet(dict(weights), "").get_model(weights, "", device="meta")
    return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))


def make_vae(channels: int = 4) -> Any:
    """Make the VAE of SD 1.5, SDXL or Flux of the host's own class on the meta device. channels: of its latents."""
    import torch
    from comfy.ldm.models.autoencoder import AutoencoderKL

    settings: dict[str, Any] = {"double_z": True, "z_channels": channels, "resolution": 256, "in_channels": 3}
    settings |= {"out_ch": 3, "ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_resolutions": []}
    with torch.device("meta"):
        return AutoencoderKL(ddconfig=settings | {"dropout": 0.0}, embed_dim=channels)


def vae_shapes(channels: int = 4) -> dict[str, tuple[int, ...]]:
    """Return the shapes of such a VAE's tensors by name. Flux's (16 channels) has no quant convolutions."""
    tensors = make_vae(channels).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in tensors.items() if channels == 4 or "quant_" not in name}


def write_sparse(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str = "F16") -> Path:
    """Write a safetensors file of zero tensors: a header followed by a hole in a sparse file."""
    return write_safetensors(path, {name: Hole(tuple(shape), dtype) for name, shape in shapes.items()})
