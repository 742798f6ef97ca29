"""Other image transformers that work on latents."""

from . import latents
from .family import ANY_DTYPES, DIT_DTYPES, SD_DTYPES, Family, Memory, References, Variant, Width
from .tensor_names import has

MIB = 2**20
# How the transformers of Qwen-Image and its relatives take references, and the node whose text encoder reads them.
_INDEXED = ("reference_latents", "index", "an index of its own for each; rows and columns from the middle")
_QWEN_READER = "TextEncodeQwenImageEditPlus"
_IN_LINE = ("reference_latents", "sequence", "after the text and before the picture, each further on")

SD3 = Family(
    id="sd3",
    label="SD 3",
    test=has("joint_blocks.0.context_block.attn.qkv.weight"),
    classes=("SD3",),
    latents=latents.SD3,
    side=1024,
    grid=16,
    memory=Memory(1.6, SD_DTYPES, cell=7_450),
    text_encoder="sd3",
)
AURAFLOW = Family(
    id="auraflow",
    label="AuraFlow",
    test=has("double_layers.0.attn.w1q.weight"),
    classes=("AuraFlow",),
    latents=latents.SDXL,
    side=1024,
    grid=16,
    memory=Memory(2.0, SD_DTYPES),
)
PIXART_ALPHA = Family(
    id="pixart-alpha",
    label="PixArt-alpha",
    test=has("t_block.1.weight", "ar_embedder.mlp.0.weight"),
    classes=("PixArtAlpha",),
    latents=latents.SD15,
    side=1024,
    grid=16,
    whole_patches=True,
    memory=Memory(0.5, SD_DTYPES),
    text_encoder="pixart",
)
PIXART_SIGMA = Family(
    id="pixart-sigma",
    label="PixArt-Sigma",
    test=has("t_block.1.weight"),
    classes=("PixArtSigma",),
    latents=latents.SDXL,
    side=1024,
    grid=16,
    whole_patches=True,
    memory=Memory(0.5, SD_DTYPES),
    text_encoder="pixart",
)
HUNYUAN_DIT = Family(
    id="hunyuan-dit",
    label="HunyuanDiT",
    test=has("mlp_t5.0.weight"),
    classes=("HunyuanDiT", "HunyuanDiT1"),
    latents=latents.SDXL,
    side=1024,
    grid=16,
    memory=Memory(1.3, SD_DTYPES),
    text_encoder="hunyuan_dit",
)
LENS = Family(
    id="lens",
    label="Lens",
    test=has("transformer_blocks.0.attn.norm_added_q.weight", "transformer_blocks.0.img_mlp.w1.weight"),
    classes=("Lens",),
    latents=latents.FLUX2,
    side=1440,
    grid=16,
    memory=Memory(4.0, DIT_DTYPES),
    text_encoder="lens",
)
MAGEFLOW = Family(
    id="mageflow",
    label="Mage-Flow",
    test=lambda names: names.size("txt_norm.weight", 0) == 2560 and names.size("proj_out.weight", 0) == 128,
    classes=("MageFlow",),
    latents=latents.MAGE,
    side=1024,
    grid=16,
    memory=Memory(6.5, DIT_DTYPES),
    text_encoder="mage",
    references=References(*_INDEXED, read_by="TextEncodeMageFlowEdit"),
)
QWEN_IMAGE = Family(
    id="qwen-image",
    label="Qwen-Image",
    test=has("txt_norm.weight", "img_in.weight"),
    classes=("QwenImage",),
    latents=latents.WAN,
    # Qwen-Image was trained up to 1328; its edit models, most of which no tensor tells from it, at 1024.
    side=1024,
    grid=16,
    memory=Memory(1.8, DIT_DTYPES, cell=8_600),
    text_encoder="qwen_image",
    references=References(
        *_INDEXED, most=3, source="github.com/QwenLM/Qwen-Image, Qwen-Image-Edit-2509.md", read_by=_QWEN_READER
    ),
    variants=(
        Variant(
            *("Qwen-Image-Edit 2511", has("__index_timestep_zero__")),
            references=References(
                *(_INDEXED[0], "index_timestep_zero", _INDEXED[2] + "; without noise"),
                edits=True,
                read_by=_QWEN_READER,
            ),
        ),
        Variant(
            *("Qwen-Image-Layered", has("time_text_embed.addition_t_embedding.weight")),
            references=References(_INDEXED[0], "negative_index", "index -1; rows and columns from the middle"),
        ),
    ),
)
JOYIMAGE = Family(
    id="joyimage",
    label="JoyImage",
    test=has("double_blocks.0.attn.img_attn_qkv.weight", "condition_embedder.time_embedder.linear_1.weight"),
    classes=("JoyImage",),
    latents=latents.WAN,
    side=1024,
    grid=16,
    memory=Memory(1.8, DIT_DTYPES),
    text_encoder="joyimage",
    # Another page of the makers says 6.
    references=References(
        *("reference_latents", "sequence", "frames beside that of the picture"),
        most=5,
        source="huggingface.co/docs/diffusers, JoyImage",
        edits=True,
        read_by="TextEncodeJoyImageEdit",
    ),
)
Z_IMAGE = Family(
    id="z-image",
    label="Z-Image",
    test=lambda names: names.size("cap_embedder.1.weight", 0) == 3840,
    classes=("ZImage",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(2.8, DIT_DTYPES, cell=13_300, base=28 * MIB),
    text_encoder="lumina2",
    variants=(
        Variant(
            "Z-Image Omni",
            has("siglip_embedder.0.weight"),
            references=References(*_IN_LINE, edits=True, read_by="TextEncodeZImageOmni"),
        ),
    ),
)
LUMINA2 = Family(
    id="lumina2",
    label="Lumina 2",
    test=lambda names: names.size("cap_embedder.1.weight", 0) == 2304,
    classes=("Lumina2",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(1.4, DIT_DTYPES, cell=11_050, base=23 * MIB),
    text_encoder="lumina2",
)
NEWBIE = Family(
    id="newbie",
    label="NewBie",
    test=has("cap_embedder.1.weight", "clip_text_pooled_proj.0.weight"),
    classes=(),  # ComfyUI loads it as Lumina2
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(1.4, DIT_DTYPES, cell=11_050, base=23 * MIB),
    text_encoder="newbie",
)
HIDREAM = Family(
    id="hidream",
    label="HiDream-I1",
    test=has("caption_projection.0.linear.weight"),
    classes=("HiDream",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(2.0, DIT_DTYPES),
    text_encoder="hidream",
)
BOOGU = Family(
    id="boogu",
    label="Boogu-Image",
    test=has("double_stream_layers.0.img_instruct_attn.processor.img_to_q.weight"),
    classes=("Boogu",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(2.15, DIT_DTYPES),
    text_encoder="boogu",
    references=References(
        *_IN_LINE, most=1, source="README of Boogu-Image", read_by="TextEncodeBooguEdit", read_with_vae=True
    ),
)
OMNIGEN2 = Family(
    id="omnigen2",
    label="OmniGen2",
    test=has("time_caption_embed.timestep_embedder.linear_1.bias"),
    classes=("Omnigen2",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(1.95, DIT_DTYPES),
    text_encoder="omnigen2",
    references=References(
        *_IN_LINE, most=5, source="github.com/VectorSpaceLab/OmniGen2, transformer_omnigen2.py", edits=True
    ),
)
IDEOGRAM4 = Family(
    id="ideogram4",
    label="Ideogram 4",
    test=has("embed_image_indicator.weight"),
    classes=("Ideogram4",),
    latents=latents.FLUX2,
    side=1024,
    grid=16,
    memory=Memory(11.6, DIT_DTYPES),
    text_encoder="ideogram4",
)
KREA2 = Family(
    id="krea2",
    label="Krea 2",
    test=has("txtfusion.projector.weight"),
    classes=("Krea2",),
    latents=latents.WAN,
    side=1024,
    grid=16,
    memory=Memory(2.2, ANY_DTYPES),
    text_encoder="krea2",
    # The method is that of ComfyUI's template image_krea2_turbo_int8_image_style_reference.
    references=References(
        *("reference_latents", "none", "ignored until a method is set; then as Qwen-Image's, from the corner"),
        asks_for="index_timestep_zero",
        read_by=_QWEN_READER,
    ),
)
ERNIE = Family(
    id="ernie-image",
    label="Ernie-Image",
    test=has("layers.0.mlp.linear_fc2.weight"),
    classes=("ErnieImage",),
    latents=latents.FLUX2,
    side=1024,
    grid=16,
    memory=Memory(10.0, DIT_DTYPES),
    text_encoder="flux2",
)
ANIMA = Family(
    id="anima",
    label="Anima",
    test=has("blocks.0.mlp.layer1.weight", "llm_adapter.blocks.0.cross_attn.q_proj.weight"),
    classes=("Anima",),
    latents=latents.WAN,
    side=1024,
    grid=16,
    memory=Memory(0.95, ANY_DTYPES, Width("x_embedder.proj.1.weight", 0, 2048), in_fp16=1.4),
)
COSMOS_PREDICT2 = Family(
    id="cosmos-predict2",
    label="Cosmos Predict2",
    test=has("blocks.0.mlp.layer1.weight"),
    classes=("CosmosT2IPredict2", "CosmosI2VPredict2"),
    latents=latents.WAN,
    side=1024,
    grid=16,
    whole_patches=True,
    memory=Memory(0.95, ANY_DTYPES, Width("x_embedder.proj.1.weight", 0, 2048)),
    text_encoder="cosmos",
    variants=(
        Variant(
            "Cosmos Predict2 image to video",
            lambda names: names.size("x_embedder.proj.1.weight", 1) == 4 * 18,
            classes=("CosmosI2VPredict2",),
        ),
    ),
)
KANDINSKY5_IMAGE = Family(
    id="kandinsky5-image",
    label="Kandinsky 5 Image",
    test=lambda names: (
        names.has("visual_transformer_blocks.0.cross_attention.key_norm.weight")
        and names.size("visual_embeddings.in_layer.bias", 0) == 2560
    ),
    classes=("Kandinsky5Image",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    whole_patches=True,
    memory=Memory(1.25, DIT_DTYPES),
    text_encoder="kandinsky5_image",
)
HUNYUAN_IMAGE = Family(
    id="hunyuan-image",
    label="HunyuanImage 2.1",
    test=lambda names: names.hunyuan() and not names.size("img_in.proj.weight", 4),
    classes=("HunyuanImage21",),
    latents=latents.HUNYUAN_IMAGE,
    side=2048,
    grid=32,
    memory=Memory(8.7, DIT_DTYPES),
    text_encoder="hunyuan_image",
)

ROWS = (
    *(SD3, AURAFLOW, PIXART_ALPHA, PIXART_SIGMA, HUNYUAN_DIT, HUNYUAN_IMAGE, LENS, MAGEFLOW, QWEN_IMAGE, JOYIMAGE),
    *(Z_IMAGE, NEWBIE, LUMINA2, HIDREAM, BOOGU, OMNIGEN2, IDEOGRAM4, KREA2, ERNIE),
    *(ANIMA, COSMOS_PREDICT2, KANDINSKY5_IMAGE),
)
