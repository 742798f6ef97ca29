"""Families that make videos. A picture is a video of one frame to them."""

from . import latents
from .family import ANY_DTYPES, DIT_DTYPES, SD_DTYPES, Family, Memory, References, Variant, Width
from .tensor_names import TensorNames, has

_WAN_WIDTH = Width("patch_embedding.weight", 0, 5120)
_WAN_FACTOR = 5120 / 2222


HUNYUAN_VIDEO_15 = Family(
    id="hunyuan-video-1.5",
    label="HunyuanVideo 1.5",
    test=lambda names: names.hunyuan() and names.has("vision_in.proj.0.weight"),
    classes=("HunyuanVideo15",),
    latents=latents.HUNYUAN_VIDEO_15,
    side=640,
    grid=16,
    memory=Memory(4.0, SD_DTYPES),
    text_encoder="hunyuan_video_15",
)
HUNYUAN_VIDEO = Family(
    id="hunyuan-video",
    label="HunyuanVideo",
    test=lambda names: names.hunyuan() and names.size("img_in.proj.weight", 4),
    classes=("HunyuanVideo", "HunyuanVideoI2V", "HunyuanVideoSkyreelsI2V"),
    latents=latents.HUNYUAN_VIDEO,
    side=960,
    grid=16,
    whole_patches=True,
    memory=Memory(1.8, DIT_DTYPES),
    text_encoder="hunyuan_video",
    variants=(
        Variant(
            "HunyuanVideo image to video",
            lambda names: names.size("img_in.proj.weight", 1) == 33,
            classes=("HunyuanVideoI2V",),
        ),
        Variant(
            "SkyReels image to video",
            lambda names: names.size("img_in.proj.weight", 1) == 32,
            classes=("HunyuanVideoSkyreelsI2V",),
        ),
    ),
)
KANDINSKY5 = Family(
    id="kandinsky5",
    label="Kandinsky 5 Video",
    test=lambda names: (
        names.has("visual_transformer_blocks.0.cross_attention.key_norm.weight")
        and names.size("visual_embeddings.in_layer.bias", 0) != 2560
    ),
    classes=("Kandinsky5",),
    latents=latents.HUNYUAN_VIDEO,
    side=640,
    grid=16,
    whole_patches=True,
    memory=Memory(1.25, DIT_DTYPES),
    text_encoder="kandinsky5",
)
MOCHI = Family(
    id="mochi",
    label="Mochi 1",
    test=has("t5_yproj.weight"),
    classes=("GenmoMochi",),
    latents=latents.MOCHI,
    side=640,
    grid=16,
    whole_patches=True,
    memory=Memory(2.0, DIT_DTYPES),
    text_encoder="mochi",
)
MINIMAX_H3 = Family(
    id="minimax-h3",
    label="MiniMax H3",
    test=has("video_patch_proj.weight", "audio_patch_proj.weight"),
    classes=("MiniMaxH3",),
    latents=latents.MINIMAX_H3,
    side=1024,
    grid=32,
    memory=Memory(0.114, DIT_DTYPES, numbers=24),
    text_encoder="minimax",
)
LTX_AUDIO = Family(
    id="ltx-2",
    label="LTX-2",
    test=has("adaln_single.emb.timestep_embedder.linear_1.bias", "audio_adaln_single.linear.weight"),
    classes=("LTXAV",),
    latents=latents.LTX_AUDIO,
    side=640,
    grid=32,
    memory=Memory(0.077, DIT_DTYPES, numbers=128),
    text_encoder="ltxv",
)
LTX = Family(
    id="ltx-video",
    label="LTX-Video",
    test=lambda names: (
        names.has("adaln_single.emb.timestep_embedder.linear_1.bias") and not names.has("pos_embed.proj.bias")
    ),
    classes=("LTXV",),
    latents=latents.LTX,
    side=640,
    grid=32,
    memory=Memory(5.5, DIT_DTYPES, Width("transformer_blocks.0.attn2.to_k.weight", 1, 2048)),
    text_encoder="ltxv",
)
COSMOS = Family(
    id="cosmos",
    label="Cosmos 1",
    test=has("blocks.block0.blocks.0.block.attn.to_q.0.weight"),
    classes=("CosmosT2V", "CosmosI2V"),
    latents=latents.COSMOS,
    side=960,
    grid=16,
    whole_patches=True,
    memory=Memory(1.6, ANY_DTYPES),
    text_encoder="cosmos",
)


def _cog_inputs(names: TensorNames) -> int:
    """Number of input channels: CogVideoX 1.0 has a convolution, 1.5 a layer over patches of 2 x 2 x 2."""
    channels = names.size("patch_embed.proj.weight", 1)
    return channels if names.size("patch_embed.proj.weight", 3) else channels // 8


COGVIDEO = Family(
    id="cogvideox",
    label="CogVideoX",
    test=has("blocks.0.norm1.linear.weight"),
    classes=("CogVideoX_T2V", "CogVideoX_I2V", "CogVideoX_Inpaint"),
    latents=latents.COGVIDEO,
    side=576,
    grid=16,
    memory=Memory(2.0, ANY_DTYPES),
    text_encoder="cogvideox",
    variants=(
        Variant("CogVideoX Inpaint (VOID)", lambda names: _cog_inputs(names) == 48, classes=("CogVideoX_Inpaint",)),
        Variant("CogVideoX image to video", lambda names: _cog_inputs(names) == 32, classes=("CogVideoX_I2V",)),
    ),
)
WAN22_5B = Family(
    id="wan2.2-5b",
    label="Wan 2.2 5B",
    test=lambda names: names.has("head.modulation") and names.size("head.head.weight", 0) == 4 * 48,
    classes=("WAN22_T2V",),
    latents=latents.WAN22,
    side=960,
    grid=32,
    memory=Memory(_WAN_FACTOR, SD_DTYPES, _WAN_WIDTH),
    text_encoder="wan",
)
WAN_VACE = Family(
    id="wan-vace",
    label="Wan VACE",
    test=has("head.modulation", "vace_patch_embedding.weight"),
    classes=("WAN21_Vace",),
    latents=latents.WAN,
    side=640,
    grid=16,
    whole_patches=True,
    memory=Memory(1.2 * _WAN_FACTOR, SD_DTYPES, _WAN_WIDTH),
    text_encoder="wan",
)
WAN = Family(
    id="wan",
    label="Wan",
    test=has("head.modulation", "patch_embedding.weight"),
    classes=(
        *("WAN21_T2V", "WAN21_I2V", "WAN21_FunControl2V", "WAN21_Camera", "WAN22_Camera"),
        *("WAN21_CausalAR_T2V", "WAN21_FlowRVS"),
    ),
    latents=latents.WAN,
    side=640,
    grid=16,
    memory=Memory(_WAN_FACTOR, SD_DTYPES, _WAN_WIDTH),
    text_encoder="wan",
    variants=(
        Variant(
            "Wan with camera control", has("control_adapter.conv.weight"), classes=("WAN21_Camera", "WAN22_Camera")
        ),
        Variant(
            "Wan Fun control",
            lambda names: names.size("patch_embedding.weight", 1) in (48, 52),
            classes=("WAN21_FunControl2V",),
            references=References("reference_latents", "frame", "a frame before the first; only the last one counts"),
            own_inputs=True,
        ),
        Variant(
            "Wan image to video", lambda names: names.size("patch_embedding.weight", 1) == 36, classes=("WAN21_I2V",)
        ),
    ),
)

ROWS = (
    *(HUNYUAN_VIDEO_15, HUNYUAN_VIDEO, KANDINSKY5, MOCHI, MINIMAX_H3, LTX_AUDIO, LTX, COSMOS, COGVIDEO),
    *(WAN22_5B, WAN_VACE, WAN),
)
