"""Models of the host's own classes, one for each class that the table of families has a row for.

They are made on the meta device, so their weights take no memory. Sizes that say nothing about the family are the
class's defaults or small. Needs the host in this process (`import_host`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from devtools.models.model_shapes import (
    CHROMA,
    FLUX,
    FLUX2,
    HUNYUAN_IMAGE,
    LUMINA2,
    SD2,
    SD3,
    SD15,
    SDXL,
    Z_IMAGE,
    with_newer_settings,
)

ONE_BLOCK = {"depth": 1, "depth_single_blocks": 1}
GENERAL = {"in_channels": 4}
SMALL_SDXL = SDXL | GENERAL | {"transformer_depth": [0, 0, 1, 1, 1, 1], "transformer_depth_middle": 1}
HUNYUAN_VIDEO = HUNYUAN_IMAGE | {
    **ONE_BLOCK,
    **{"patch_size": [1, 2, 2], "in_channels": 16, "out_channels": 16, "axes_dim": [16, 56, 56], "vec_in_dim": 768},
    **{"byt5": False, "context_in_dim": 4096, "hidden_size": 3072, "num_heads": 24, "guidance_embed": True},
}
HUNYUAN_VIDEO_15 = HUNYUAN_VIDEO | {
    **{"in_channels": 65, "out_channels": 32, "patch_size": [1, 1, 1], "vec_in_dim": None, "vision_in_dim": 1152},
    **{"use_cond_type_embedding": True, "meanflow_sum": True, "guidance_embed": False},
}
COSMOS = {
    **{"max_img_h": 240, "max_img_w": 240, "max_frames": 128, "out_channels": 16, "patch_spatial": 2},
    **{"patch_temporal": 1, "model_channels": 4096, "block_config": "FA-CA-MLP", "concat_padding_mask": True},
    **{"pos_emb_cls": "rope3d", "pos_emb_learnable": False, "pos_emb_interpolation": "crop"},
    **{"block_x_format": "THWBD", "affline_emb_norm": True, "use_adaln_lora": True, "adaln_lora_dim": 256},
    **{"num_blocks": 1, "num_heads": 32, "extra_per_block_abs_pos_emb": True, "rope_h_extrapolation_ratio": 1.0},
    **{"rope_w_extrapolation_ratio": 1.0, "rope_t_extrapolation_ratio": 2.0},
    **{"extra_per_block_abs_pos_emb_type": "learnable"},
}
COSMOS_PREDICT2 = {
    **{"max_img_h": 240, "max_img_w": 240, "max_frames": 128, "in_channels": 16, "out_channels": 16},
    **{"patch_spatial": 2, "patch_temporal": 1, "model_channels": 2048, "concat_padding_mask": True},
    **{"crossattn_emb_channels": 1024, "pos_emb_cls": "rope3d", "pos_emb_learnable": True},
    **{"pos_emb_interpolation": "crop", "min_fps": 1, "max_fps": 30, "use_adaln_lora": True, "adaln_lora_dim": 256},
    **{"num_blocks": 1, "num_heads": 16, "extra_per_block_abs_pos_emb": False, "rope_h_extrapolation_ratio": 4.0},
    **{"rope_w_extrapolation_ratio": 4.0, "rope_t_extrapolation_ratio": 1.0, "extra_h_extrapolation_ratio": 1.0},
    **{"extra_w_extrapolation_ratio": 1.0, "extra_t_extrapolation_ratio": 1.0, "rope_enable_fps_modulation": False},
}
HIDREAM = {
    **{"attention_head_dim": 128, "axes_dims_rope": [64, 32, 32], "caption_channels": [4096, 4096]},
    **{"max_resolution": [128, 128], "in_channels": 16, "llama_layers": [0, 1], "num_attention_heads": 20},
    **{"num_routed_experts": 4, "num_activated_experts": 2, "num_layers": 1, "num_single_layers": 1},
    **{"out_channels": 16, "patch_size": 2, "text_emb_dim": 2048},
}
MOCHI = {
    **{"depth": 2, "patch_size": 2, "num_heads": 24, "hidden_size_x": 3072, "hidden_size_y": 1536},
    **{"mlp_ratio_x": 4.0, "mlp_ratio_y": 4.0, "learn_sigma": False, "in_channels": 12, "qk_norm": True},
    **{"qkv_bias": False, "out_bias": True, "attn_drop": 0.0, "patch_embed_bias": True},
    **{"posenc_preserve_area": True, "timestep_mlp_bias": True, "attend_to_padding": False, "timestep_scale": 1000.0},
    **{"use_t5": True, "t5_feat_dim": 4096, "t5_token_length": 256, "rope_theta": 10000.0},
}
RADIANCE = CHROMA | {
    **ONE_BLOCK,
    **{"image_model": "chroma_radiance", "in_channels": 3, "out_channels": 3, "patch_size": 16},
    **{"nerf_hidden_size": 64, "nerf_mlp_ratio": 4, "nerf_depth": 1, "nerf_max_freqs": 8, "nerf_tile_size": 512},
    **{"nerf_final_head_type": "conv", "nerf_embedder_dtype": None},
}
PIXART = {
    **{"num_heads": 16, "patch_size": 2, "hidden_size": 1152, "in_channels": 4, "depth": 1, "input_size": 128},
    **{"pe_interpolation": 2, "model_max_length": 300},
}
WAN = {"dim": 5120, "ffn_dim": 256, "num_heads": 40, "num_layers": 1, "in_dim": 16}
WAN_I2V = WAN | {"in_dim": 36}
COGVIDEO = {"num_layers": 1, "num_attention_heads": 48, "attention_head_dim": 64, "time_embed_dim": 512}
# Settings of each class of the host (comfy.supported_models) beside those that the class has itself.
SETTINGS: dict[str, Mapping[str, Any]] = {
    "SD15": SD15 | GENERAL | {"use_temporal_attention": False},
    "SD15_instructpix2pix": SD15 | {"use_temporal_attention": False},
    "SD20": SD2 | GENERAL,
    "SD21UnclipL": SD2 | GENERAL | {"num_classes": "sequential"},
    "SD21UnclipH": SD2 | GENERAL | {"num_classes": "sequential"},
    "SDXL": SDXL | GENERAL,
    "SDXL_instructpix2pix": SDXL,
    "SDXLRefiner": SDXL
    | GENERAL
    | {
        **{"num_res_blocks": [2, 2, 2, 2], "channel_mult": [1, 2, 4, 4], "transformer_depth_middle": 4},
        **{"transformer_depth_output": [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0]},
    },
    "SSD1B": SDXL
    | GENERAL
    | {"transformer_depth_middle": -1, "transformer_depth_output": [0, 0, 0, 1, 1, 2, 10, 4, 4]},
    "Segmind_Vega": SDXL
    | GENERAL
    | {"transformer_depth_middle": -1, "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2]},
    "KOALA_700M": SDXL
    | GENERAL
    | {
        **{"num_res_blocks": [1, 1, 1], "transformer_depth_middle": -3},
        **{"transformer_depth_output": [0, 0, 2, 2, 5, 5]},
    },
    "KOALA_1B": SDXL
    | GENERAL
    | {
        **{"num_res_blocks": [1, 1, 1], "transformer_depth_middle": 6},
        **{"transformer_depth_output": [0, 0, 2, 2, 6, 6]},
    },
    "SD3": SD3,
    "Flux": FLUX | ONE_BLOCK,
    "FluxSchnell": FLUX | ONE_BLOCK,
    "FluxInpaint": FLUX | ONE_BLOCK,
    "LongCatImage": FLUX | ONE_BLOCK,
    "Flux2": FLUX2 | ONE_BLOCK,
    "Chroma": CHROMA | ONE_BLOCK,
    "ChromaRadiance": RADIANCE,
    "GenmoMochi": MOCHI,
    "HunyuanVideo15": HUNYUAN_VIDEO_15,
    "HunyuanImage21": HUNYUAN_IMAGE | ONE_BLOCK,
    "HunyuanVideo": HUNYUAN_VIDEO,
    "HunyuanVideoI2V": HUNYUAN_VIDEO,
    "HunyuanVideoSkyreelsI2V": HUNYUAN_VIDEO,
    "CosmosT2V": COSMOS,
    "CosmosI2V": COSMOS,
    "CosmosT2IPredict2": COSMOS_PREDICT2,
    "CosmosI2VPredict2": COSMOS_PREDICT2,
    "Anima": COSMOS_PREDICT2,
    "ZImage": Z_IMAGE | {"n_layers": 2},
    "ZImagePixelSpace": Z_IMAGE | {"n_layers": 2, "in_channels": 3, "patch_size": 32},
    "Lumina2": LUMINA2 | {"n_layers": 2},
    "PixArtAlpha": PIXART | {"micro_condition": True},
    "PixArtSigma": PIXART | {"micro_condition": False},
    "HiDream": HIDREAM,
    "WAN21_T2V": WAN,
    "WAN21_I2V": WAN_I2V,
    "WAN21_FunControl2V": WAN,
    "WAN21_Vace": WAN | {"vace_layers": 1, "vace_in_dim": 96},
    "WAN21_Camera": WAN,
    "WAN22_Camera": WAN_I2V,
    "WAN22_T2V": WAN | {"in_dim": 48},
    "WAN21_CausalAR_T2V": WAN,
    "WAN21_FlowRVS": WAN,
    "QwenImage": {"num_layers": 1},
    "CogVideoX_T2V": COGVIDEO,
    "CogVideoX_I2V": COGVIDEO,
    "CogVideoX_Inpaint": COGVIDEO,
    "Kandinsky5": {"model_dim": 1792, "visual_embed_dim": 132},
    "HunyuanVideo15_SR_Distilled": HUNYUAN_VIDEO_15,
    "LotusD": SD2 | GENERAL | {"num_classes": "sequential"},
    "HunyuanDiT1": {"size_cond": True, "use_style_cond": True},
}
# Where the host's classes list their settings, by the first word of the model's kind. See `with_newer_settings`.
SETTINGS_OF = {
    "flux": "comfy.ldm.flux.model.Flux",
    "chroma": "comfy.ldm.chroma.model.Chroma",
    "chroma_radiance": "comfy.ldm.chroma_radiance.model.ChromaRadiance",
    "flux2": "comfy.ldm.flux.model.Flux",
    "hunyuan_video": "comfy.ldm.hunyuan_video.model.HunyuanVideo",
}
# Prefix that published files have before the names of the class's tensors.
PUBLISHED_PREFIX = {"PixelDiTT2I": "core."}


def make_host_model(model_class: str) -> Any:
    """Make the host's model (comfy.model_base) of one of its classes, with weights on the meta device."""
    import comfy.supported_models
    import torch

    made_of = getattr(comfy.supported_models, model_class)
    settings = {**SETTINGS.get(model_class, {}), **made_of.unet_config}
    if path := SETTINGS_OF.get(settings.get("image_model", "")):
        settings = with_newer_settings(path, settings)
    # PixArt's class reads numbers while it is made, so the rest of it takes real memory; it is small.
    on = nullcontext() if model_class.startswith("PixArt") else torch.device("meta")
    with on:
        return made_of(settings).get_model({}, "", device="meta")


def host_shapes(model_class: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors of one of the host's models by their names in published files."""
    tensors, prefix = make_host_model(model_class).diffusion_model.state_dict(), PUBLISHED_PREFIX.get(model_class, "")
    return {prefix + name: tuple(tensor.shape) for name, tensor in tensors.items()}


def classes_of(comfyui: Path) -> list[str]:
    """List the names of a host's model classes, as its file says them: nothing of it is run."""
    tree = ast.parse((comfyui / "comfy" / "supported_models.py").read_text(encoding="utf-8"))
    listed = [node.value for node in tree.body if isinstance(node, (ast.Assign, ast.AugAssign)) and _is_list(node)]
    return [name.id for names in listed for name in ast.walk(names) if isinstance(name, ast.Name)]


def _is_list(node: ast.Assign | ast.AugAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "models" for target in targets)
