"""Families that work on the pixels themselves, without a VAE: a cell of their latent is one pixel."""

from . import latents
from .family import ANY_DTYPES, DIT_DTYPES, Family, Memory, References
from .tensor_names import has

CHROMA_RADIANCE = Family(
    id="chroma-radiance",
    label="Chroma Radiance",
    test=lambda names: names.some(r"^nerf_blocks\.0\.norm\."),
    classes=("ChromaRadiance",),
    latents=latents.CHROMA_PIXELS,
    side=1024,
    grid=16,
    memory=Memory(0.044, ANY_DTYPES),
    text_encoder="chroma",
)
Z_IMAGE_PIXEL = Family(
    id="z-image-pixel",
    label="Z-Image in pixels",
    test=has("cap_embedder.1.weight", "dec_net.cond_embed.weight"),
    classes=("ZImagePixelSpace",),
    latents=latents.Z_IMAGE_PIXELS,
    side=1024,
    grid=32,
    memory=Memory(0.03, DIT_DTYPES),
    text_encoder="lumina2",
)
HIDREAM_O1 = Family(
    id="hidream-o1",
    label="HiDream-O1",
    test=has("t_embedder1.mlp.0.weight", "x_embedder.proj1.weight"),
    classes=("HiDreamO1",),
    latents=latents.HIDREAM_PIXELS,
    side=2048,
    grid=32,
    whole_patches=True,
    memory=Memory(0.033, DIT_DTYPES),
    references=References(*("reference_latents", "sequence", "tokens in line with the picture's"), pictures=True),
)
PIXELDIT = Family(
    id="pixeldit",
    label="PixelDiT",
    test=lambda names: names.has("core.pixel_embedder.proj.weight") and not names.has("lq_proj.latent_proj.0.weight"),
    classes=("PixelDiTT2I",),
    latents=latents.PIXELDIT_PIXELS,
    side=1024,
    grid=16,
    memory=Memory(0.04, DIT_DTYPES),
    text_encoder="pixeldit",
)

ROWS = (CHROMA_RADIANCE, Z_IMAGE_PIXEL, HIDREAM_O1, PIXELDIT)
