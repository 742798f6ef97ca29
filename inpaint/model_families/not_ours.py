"""Models that ComfyUI loads and that this pack is not made for, each with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .family import Test
from .tensor_names import TensorNames, has


class NotOurs(NamedTuple):
    """Models of one kind."""

    label: str
    """Name of the models for users."""
    reason: str
    """What they do instead of inpainting."""
    classes: Sequence[str]
    """ComfyUI's classes of them (comfy/supported_models.py)."""
    test: Test | None = None
    """Returns a true value if tensors belong to such a model; None if no file is told by its tensors."""


def _is_hunyuan_refiner(names: TensorNames) -> bool:
    """A video network in patches of one cell, without the inputs of HunyuanVideo and HunyuanVideo 1.5."""
    cells = names.hunyuan() and names.size("img_in.proj.weight", 2) == names.size("img_in.proj.weight", 4) == 1
    return cells and not names.some(r"^vector_in\.") and not names.has("vision_in.proj.0.weight")


_SEEDVR2 = r"^blocks\.(31|35)\.mlp\.(all\.proj_in_gate|vid\.proj_out)\.weight$"
_ANIMATES = "animates a person or a scene by pose, sound or style through nodes of its own"
NOT_OURS = (
    NotOurs(
        "Stable Video Diffusion",
        "continues one picture as a video, without a prompt",
        ("SVD_img2vid",),
        lambda names: names.unet(320, 1024) and names.some(r"\.time_stack\."),
    ),
    NotOurs("Stable Video 3D", "turns an object around", ("SV3D_u", "SV3D_p")),
    NotOurs("Stable Zero123", "turns an object around", ("Stable_Zero123",)),
    NotOurs(
        "Stable Diffusion x4 upscaler",
        "enlarges whole pictures",
        ("SD_X4Upscaler",),
        lambda names: names.unet(256, 1024),
    ),
    NotOurs("Lotus", "estimates depth", ("LotusD",), lambda names: names.size("label_emb.0.0.weight", 1) == 4),
    NotOurs(
        "Stable Cascade",
        "samples in two stages, the first of them at a 42nd of the picture's size",
        ("Stable_Cascade_C", "Stable_Cascade_B"),
        has("clf.1.weight"),
    ),
    NotOurs(
        "PiD",
        "decodes latents to pixels",
        ("PiD",),
        has("lq_proj.latent_proj.0.weight"),
    ),
    NotOurs("SeedVR2", "restores and enlarges whole videos", ("SeedVR2",), lambda names: names.some(_SEEDVR2)),
    NotOurs(
        "HunyuanImage 2.1 refiner",
        "refines whole pictures of HunyuanImage 2.1",
        ("HunyuanImage21Refiner",),
        _is_hunyuan_refiner,
    ),
    NotOurs(
        "HunyuanVideo 1.5 super-resolution",
        "enlarges whole videos",
        ("HunyuanVideo15_SR_Distilled",),
        lambda names: names.has("vision_in.proj.0.weight") and names.size("img_in.proj.weight", 1) == 98,
    ),
    NotOurs("Wan S2V", _ANIMATES, ("WAN22_S2V",), has("casual_audio_encoder.encoder.final_linear.weight")),
    NotOurs("HuMo", _ANIMATES, ("WAN21_HuMo",), has("audio_proj.audio_proj_glob_1.layer.bias")),
    NotOurs(
        "Wan Animate",
        _ANIMATES,
        ("WAN22_Animate", "WAN_Animate2"),
        has("face_adapter.fuser_blocks.0.k_norm.weight"),
    ),
    NotOurs("SCAIL", _ANIMATES, ("WAN21_SCAIL", "WAN21_SCAIL2"), has("patch_embedding_pose.weight")),
    NotOurs("WanDancer", _ANIMATES, ("WAN22_WanDancer",), has("patch_embedding_global.weight")),
    NotOurs(
        "an audio model",
        "makes sound",
        ("StableAudio", "StableAudio3", "ACEStep", "ACEStep15", "MiniMaxMusic3"),
        lambda names: (
            names.has("genre_embedder.weight")
            or names.has("encoder.lyric_encoder.layers.0.input_layernorm.weight")
            or names.has("transformer.rotary_pos_emb.inv_freq")
        ),
    ),
    NotOurs(
        "a 3-D model",
        "makes shapes",
        ("Hunyuan3Dv2", "Hunyuan3Dv2mini", "Hunyuan3Dv2_1", "TripoSplat", "Trellis2"),
        lambda names: names.has("latent_in.weight", "cond_in.weight") or names.has("cam_out_layer.weight"),
    ),
    NotOurs("a detector", "finds things in pictures", ("RT_DETR_v4", "SAM3", "SAM31", "DepthAnything3")),
)
