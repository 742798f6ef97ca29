"""MODELs of the host's own classes with few random weights: quick to sample, one or more for each family of models.

The table is one for all hosts; `tiny_names` lists those that a host has. What makes models needs the host in this
process (`import_host`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.models.host_models import (
    COGVIDEO,
    COSMOS,
    COSMOS_PREDICT2,
    HIDREAM,
    MOCHI,
    PIXART,
    SETTINGS_OF,
    classes_of,
)
from devtools.models.model_shapes import (
    CHROMA,
    FLUX,
    FLUX2,
    HUNYUAN_IMAGE,
    LUMINA2,
    SD3,
    UNET,
    Z_IMAGE,
    with_newer_settings,
)
from inpaint.model_families.family import Family
from inpaint.model_families.table import family_of

Settings = dict[str, Any]
WORDS = 5


@dataclass(frozen=True)
class Tiny:
    """A small model."""

    model_class: str
    """The host's class (comfy.supported_models)."""
    settings: Settings
    """Settings of its network."""
    text: int
    """Numbers per word of its text embedding."""
    pooled: int = 0
    """Numbers of its pooled text embedding; 0 if it takes none."""
    more: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of what else its prompts hold, by key. Masks and ids are ones."""
    needs: tuple[str, str] | None = None
    """One of the host's files, and the name of a setting that it has only on newer hosts."""
    scale: int = 1
    """How many times larger its pictures have to be than those of the others."""
    unused: str = ""
    """The part of its network that such prompts do not need, which is left out for its size."""

    @property
    def family(self) -> Family:
        """Its row in the table of families."""
        return family_of(self.model_class)


TINY_UNET: Settings = UNET | {
    **{"model_channels": 32, "num_res_blocks": [1, 1], "channel_mult": [1, 2], "transformer_depth": [1, 1]},
    **{"transformer_depth_middle": 1, "transformer_depth_output": [1, 1, 1, 1], "use_temporal_attention": False},
    **{"in_channels": 4, "context_dim": 64, "num_heads": 2},
}
TINY_SD2: Settings = TINY_UNET | {
    **{"model_channels": 64, "num_heads": -1, "num_head_channels": 64, "use_linear_in_transformer": True},
}
TINY_SDXL: Settings = TINY_SD2 | {"num_classes": "sequential", "adm_in_channels": 2816}
INPAINTING = {"in_channels": 9}
ONE_BLOCK = {"depth": 1, "depth_single_blocks": 1, "hidden_size": 64, "num_heads": 1}
TINY_FLUX: Settings = FLUX | ONE_BLOCK | {"axes_dim": [16, 24, 24], "context_in_dim": 64, "vec_in_dim": 64}
TINY_CHROMA: Settings = (
    CHROMA
    | ONE_BLOCK
    | {
        **{"axes_dim": [16, 24, 24], "context_in_dim": 64, "out_dim": 64, "hidden_dim": 64, "n_layers": 1},
    }
)
TINY_HUNYUAN: Settings = (
    HUNYUAN_IMAGE
    | ONE_BLOCK
    | {
        **{
            "context_in_dim": 64,
            "in_channels": 16,
            "out_channels": 16,
            "patch_size": [1, 2, 2],
            "axes_dim": [16, 24, 24],
        },
        **{"byt5": False, "vec_in_dim": 64, "guidance_embed": True},
    }
)
TINY_LUMINA: Settings = LUMINA2 | {
    **{"dim": 96, "cap_feat_dim": 64, "n_layers": 1, "n_refiner_layers": 1, "n_heads": 1, "n_kv_heads": 1},
    **{"ffn_dim_multiplier": 1.0},
}
TINY_Z_IMAGE: Settings = Z_IMAGE | {
    **{"dim": 256, "cap_feat_dim": 64, "n_layers": 1, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2},
    **{"ffn_dim_multiplier": 1.0},
}
TINY_WAN: Settings = {
    **{"image_model": "wan2.1", "model_type": "t2v", "dim": 128, "ffn_dim": 128, "num_heads": 1, "num_layers": 1},
    **{"text_dim": 64, "in_dim": 16},
}
TINY_COGVIDEO: Settings = COGVIDEO | {
    **{"num_attention_heads": 1, "text_embed_dim": 64, "time_embed_dim": 64, "use_rotary_positional_embeddings": True},
}
TINY_COSMOS2: Settings = COSMOS_PREDICT2 | {
    **{"model_channels": 128, "crossattn_emb_channels": 64, "num_heads": 1, "adaln_lora_dim": 16},
}
TINY_KANDINSKY: Settings = {
    **{"model_dim": 64, "axes_dims": [16, 24, 24], "num_text_blocks": 1, "num_visual_blocks": 1, "ff_dim": 64},
    **{"visual_embed_dim": 132, "in_text_dim": 64, "in_text_dim2": 64, "time_dim": 64},
}
TINY_PIXART: Settings = PIXART | {"hidden_size": 96, "num_heads": 1, "caption_channels": 64}
ONE_LAYER = {"num_layers": 1, "num_attention_heads": 1}
TINY: dict[str, Tiny] = {
    "SD 1.5": Tiny("SD15", TINY_UNET, 64),
    "SD 1.5 inpainting": Tiny("SD15", TINY_UNET | INPAINTING, 64),
    "InstructPix2Pix": Tiny("SD15_instructpix2pix", TINY_UNET | {"in_channels": 8}, 64),
    "SD 2": Tiny("SD20", TINY_SD2, 64),
    "SDXL": Tiny("SDXL", TINY_SDXL, 64, pooled=1280),
    "SDXL inpainting": Tiny("SDXL", TINY_SDXL | INPAINTING, 64, pooled=1280),
    "SDXL refiner": Tiny("SDXLRefiner", TINY_SDXL | {"adm_in_channels": 2560}, 64, pooled=1280),
    "SD 3": Tiny(
        "SD3",
        SD3
        | {
            **{"depth": 1, "num_patches": 64, "pos_embed_max_size": 8, "adm_in_channels": 64},
            "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": 64, "out_features": 64}},
        },
        *(64, 64),
    ),
    "AuraFlow": Tiny(
        "AuraFlow",
        {
            **{"dim": 64, "n_layers": 2, "n_double_layers": 1, "n_heads": 1, "global_conddim": 64, "cond_seq_dim": 64},
            "max_seq": 64,
        },
        64,
    ),
    "PixArt-alpha": Tiny("PixArtAlpha", TINY_PIXART | {"micro_condition": True}, 64, scale=3),
    "PixArt-Sigma": Tiny("PixArtSigma", TINY_PIXART | {"micro_condition": False}, 64, scale=3),
    "HunyuanDiT": Tiny(
        "HunyuanDiT",
        {
            **{"hidden_size": 96, "depth": 2, "num_heads": 1, "text_states_dim": 64, "text_states_dim_t5": 64},
            **{"text_len": 8, "text_len_t5": 8, "size_cond": True, "use_style_cond": True},
        },
        64,
        more={"conditioning_mt5xl": (1, 8, 64), "attention_mask": (1, 8), "attention_mask_mt5xl": (1, 8)},
    ),
    "HunyuanImage 2.1": Tiny(
        "HunyuanImage21",
        TINY_HUNYUAN
        | {
            **{"in_channels": 64, "out_channels": 64, "patch_size": [1, 1], "axes_dim": [32, 32], "vec_in_dim": None},
            "guidance_embed": False,
        },
        64,
    ),
    "Lens": Tiny("Lens", ONE_LAYER | {"enc_hidden_dim": 64, "selected_layer_index": (0, 1)}, 128),
    "Mage-Flow": Tiny("MageFlow", ONE_LAYER | {"joint_attention_dim": 64}, 64),
    "Qwen-Image": Tiny("QwenImage", ONE_LAYER | {"joint_attention_dim": 64}, 64),
    "JoyImage": Tiny("JoyImage", ONE_LAYER | {"hidden_size": 128, "text_dim": 64}, 64),
    "Z-Image": Tiny("ZImage", TINY_Z_IMAGE, 64),
    "Lumina 2": Tiny("Lumina2", TINY_LUMINA, 64),
    "NewBie": Tiny(
        *("Lumina2", TINY_LUMINA | {"clip_text_dim": 64}, 64, 64),
        needs=("comfy/ldm/lumina/model.py", "clip_text_dim"),
    ),
    "HiDream-I1": Tiny(
        "HiDream",
        HIDREAM
        | {
            **{"attention_head_dim": 64, "axes_dims_rope": [32, 16, 16], "caption_channels": [64, 64]},
            **{"num_attention_heads": 1, "text_emb_dim": 64},
        },
        *(64, 64),
        more={"conditioning_llama3": (1, 2, WORDS, 64)},
    ),
    "Boogu-Image": Tiny(
        "Boogu",
        ONE_LAYER
        | {
            **{"hidden_size": 120, "num_double_stream_layers": 1, "num_refiner_layers": 1, "num_kv_heads": 1},
            **{"instruction_feat_dim": 64, "multiple_of": 8},
        },
        64,
        more={"attention_mask": (1, WORDS)},
    ),
    "OmniGen2": Tiny(
        "Omnigen2",
        ONE_LAYER
        | {"hidden_size": 96, "num_refiner_layers": 1, "num_kv_heads": 1, "text_feat_dim": 64, "multiple_of": 8},
        64,
        more={"attention_mask": (1, WORDS)},
    ),
    "Ideogram 4": Tiny(
        "Ideogram4",
        ONE_LAYER
        | {
            **{"attention_head_dim": 64, "intermediate_size": 64, "adaln_dim": 64, "llm_features_dim": 64},
            "mrope_section": [12, 10, 10],
        },
        64,
    ),
    "Krea 2": Tiny(
        "Krea2",
        {
            **{"features": 64, "tdim": 64, "txtdim": 64, "heads": 1, "kvheads": 1, "layers": 1, "txtlayers": 2},
            **{"txtheads": 1, "txtkvheads": 1},
        },
        128,
    ),
    "Ernie-Image": Tiny(
        "ErnieImage",
        ONE_LAYER | {"hidden_size": 128, "ffn_hidden_size": 64, "text_in_dim": 64, "rope_axes_dim": (32, 48, 48)},
        64,
    ),
    "Anima": Tiny("Anima", TINY_COSMOS2 | {"crossattn_emb_channels": 1024}, 1024, unused="llm_adapter"),
    "Cosmos Predict2": Tiny("CosmosT2IPredict2", TINY_COSMOS2, 64),
    "Cosmos Predict2 image to video": Tiny("CosmosI2VPredict2", TINY_COSMOS2 | {"in_channels": 17}, 64),
    "Kandinsky 5 Image": Tiny("Kandinsky5Image", TINY_KANDINSKY | {"model_dim": 64, "visual_embed_dim": 64}, 64, 64),
    "Chroma": Tiny("Chroma", TINY_CHROMA, 64, 64),
    "FLUX.2": Tiny("Flux2", FLUX2 | ONE_BLOCK | {"context_in_dim": 64, "axes_dim": [16, 16, 16, 16]}, 64, 64),
    "LongCat-Image": Tiny("LongCatImage", TINY_FLUX | {"vec_in_dim": None, "guidance_embed": False}, 64),
    "Ovis-Image": Tiny(
        "FluxSchnell",
        TINY_FLUX | {"vec_in_dim": None, "guidance_embed": False, "yak_mlp": True, "txt_norm": True},
        *(64, 64),
        needs=("comfy/ldm/flux/model.py", "yak_mlp"),
    ),
    "FLUX.1": Tiny("Flux", TINY_FLUX, 64, 64),
    "FLUX.1 Fill": Tiny("FluxInpaint", TINY_FLUX | {"in_channels": 96}, 64, 64),
    "FLUX.1 Canny": Tiny("Flux", TINY_FLUX | {"in_channels": 32}, 64, 64),
    "Chroma Radiance": Tiny(
        "ChromaRadiance",
        TINY_CHROMA
        | {
            **{"image_model": "chroma_radiance", "in_channels": 3, "out_channels": 3, "patch_size": 16},
            **{"nerf_hidden_size": 16, "nerf_mlp_ratio": 1, "nerf_depth": 1, "nerf_max_freqs": 2},
            **{"nerf_tile_size": 512, "nerf_final_head_type": "conv", "nerf_embedder_dtype": None},
        },
        *(64, 64),
    ),
    "Z-Image in pixels": Tiny(
        "ZImagePixelSpace",
        TINY_Z_IMAGE | {"in_channels": 3, "patch_size": 32, "decoder_hidden_size": 32, "decoder_num_res_blocks": 1},
        64,
    ),
    "HiDream-O1": Tiny(
        "HiDreamO1",
        {
            "text_config_overrides": {
                **{"hidden_size": 128, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1},
                **{"num_key_value_heads": 1, "head_dim": 128},
            },
            "vision_config_overrides": {"hidden_size": 64, "num_heads": 1, "intermediate_size": 64, "depth": 1},
        },
        64,
        more={"text_input_ids": (1, WORDS)},
        unused="visual",
    ),
    "PixelDiT": Tiny(
        "PixelDiTT2I",
        {
            **{"num_groups": 1, "hidden_size": 64, "pixel_attn_hidden_size": 64, "pixel_num_groups": 1},
            **{"patch_depth": 1, "pixel_depth": 1, "txt_embed_dim": 64, "txt_max_length": 8},
        },
        64,
    ),
    "HunyuanVideo 1.5": Tiny(
        "HunyuanVideo15",
        TINY_HUNYUAN
        | {
            **{"in_channels": 65, "out_channels": 32, "patch_size": [1, 1, 1], "vec_in_dim": None},
            **{"vision_in_dim": 1152, "use_cond_type_embedding": True, "guidance_embed": False},
        },
        *(64, 64),
    ),
    "HunyuanVideo": Tiny("HunyuanVideo", TINY_HUNYUAN, 64, 64),
    "HunyuanVideo image to video": Tiny("HunyuanVideoI2V", TINY_HUNYUAN | {"in_channels": 33}, 64, 64),
    "SkyReels image to video": Tiny("HunyuanVideoSkyreelsI2V", TINY_HUNYUAN | {"in_channels": 32}, 64, 64),
    "Kandinsky 5 Video": Tiny("Kandinsky5", TINY_KANDINSKY, 64, 64),
    "Mochi 1": Tiny(
        "GenmoMochi",
        # The host asks for the width of the published model inside the MLPs.
        MOCHI
        | {
            **{"num_heads": 1, "hidden_size_x": 128, "hidden_size_y": 64, "t5_feat_dim": 64, "t5_token_length": 8},
            "mlp_ratio_x": 96.0,
        },
        64,
        more={"attention_mask": (1, WORDS)},
    ),
    "MiniMax H3": Tiny(
        "MiniMaxH3",
        {
            **{"hidden_size": 128, "num_layers": 1, "token_refiner_num_layers": 1, "num_attention_heads": 1},
            **{"ffn_hidden_size": 128, "text_dim": 64, "time_embed_hidden_size": 64, "time_embed_dim": 64},
        },
        64,
    ),
    "LTX-2": Tiny(
        "LTXAV",
        ONE_LAYER
        | {
            **{"cross_attention_dim": 64, "audio_cross_attention_dim": 64, "attention_head_dim": 64},
            **{"audio_num_attention_heads": 1, "caption_channels": 64, "connector_attention_head_dim": 64},
            **{"connector_num_attention_heads": 1, "connector_num_layers": 1},
        },
        128,
        more={"attention_mask": (1, WORDS)},
    ),
    "LTX-Video": Tiny(
        "LTXV",
        ONE_LAYER | {"cross_attention_dim": 64, "caption_channels": 64},
        64,
        more={"attention_mask": (1, WORDS)},
    ),
    "Cosmos 1": Tiny(
        "CosmosT2V",
        COSMOS | {"model_channels": 128, "num_heads": 1, "adaln_lora_dim": 16, "crossattn_emb_channels": 64},
        64,
    ),
    "Cosmos 1 image to video": Tiny(
        "CosmosI2V",
        COSMOS
        | {
            **{"model_channels": 128, "num_heads": 1, "adaln_lora_dim": 16, "crossattn_emb_channels": 64},
            "in_channels": 17,
        },
        64,
    ),
    "CogVideoX": Tiny("CogVideoX_T2V", TINY_COGVIDEO | {"in_channels": 16}, 64),
    "CogVideoX image to video": Tiny("CogVideoX_I2V", TINY_COGVIDEO | {"in_channels": 32}, 64),
    "CogVideoX Inpaint (VOID)": Tiny("CogVideoX_Inpaint", TINY_COGVIDEO | {"in_channels": 48}, 64),
    "Wan 2.2 5B": Tiny("WAN22_T2V", TINY_WAN | {"in_dim": 48, "out_dim": 48}, 64),
    "Wan VACE": Tiny("WAN21_Vace", TINY_WAN | {"model_type": "vace", "vace_layers": 1, "vace_in_dim": 96}, 64),
    "Wan": Tiny("WAN21_T2V", TINY_WAN, 64),
    "Wan image to video": Tiny("WAN21_I2V", TINY_WAN | {"model_type": "i2v", "in_dim": 36}, 64),
    "Wan Fun control": Tiny("WAN21_FunControl2V", TINY_WAN | {"model_type": "i2v", "in_dim": 48}, 64),
    "Wan with camera control": Tiny("WAN22_Camera", TINY_WAN | {"model_type": "camera", "in_dim": 36}, 64),
}


def tiny_names(comfyui: Path) -> list[str]:
    """List the keys of `TINY` whose class and settings a host has, as its files say them: nothing of it is run."""
    classes = classes_of(comfyui)

    def has(tiny: Tiny) -> bool:
        if tiny.needs is None:
            return tiny.model_class in classes
        path, setting = tiny.needs
        return setting in (comfyui / path).read_text(encoding="utf-8")

    return [name for name, tiny in TINY.items() if has(tiny)]


def make_tiny(name: str) -> Any:
    """Make a MODEL on the CPU with random weights, in float32. name: a key of `TINY`."""
    import comfy.model_patcher
    import comfy.supported_models
    import torch

    tiny = TINY[name]
    made_of = getattr(comfy.supported_models, tiny.model_class)
    settings = {**made_of.unet_config, **tiny.settings}
    if path := SETTINGS_OF.get(settings.get("image_model", "")):
        settings = with_newer_settings(path, settings)
    config = made_of(settings)
    # Some classes replace what they were given by the settings of their only published model.
    config.unet_config.update(tiny.settings)
    config.set_inference_dtype(torch.float32, None)
    base = config.get_model({}, "", device="cpu").eval()
    if tiny.unused:
        delattr(base.diffusion_model, tiny.unused)
    random = torch.Generator().manual_seed(0)
    # All that a file would bring, buffers too: the host leaves them uninitialized.
    for weight in base.requires_grad_(False).diffusion_model.state_dict().values():
        if weight.is_floating_point():
            weight.normal_(std=0.05, generator=random)
    return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))


def make_prompt(name: str) -> list:
    """Make random conditioning for such a MODEL."""
    import torch

    tiny, random = TINY[name], torch.Generator().manual_seed(0)
    held = {key: torch.randn(shape, generator=random) for key, shape in tiny.more.items()}
    whole = [key for key in held if "mask" in key or "ids" in key]
    held |= {key: torch.ones(held[key].shape, dtype=torch.long) for key in whole}
    if tiny.pooled:
        held["pooled_output"] = torch.randn(1, tiny.pooled, generator=random)
    words = held.get("attention_mask", torch.ones(1, WORDS)).shape[-1]
    return [[torch.randn(1, words, tiny.text, generator=random), held]]
