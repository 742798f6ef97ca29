"""Families with the blocks of FLUX.1 that work on latents."""

from . import latents
from .family import ANY_DTYPES, DIT_DTYPES, Family, Memory, References, Variant, Width
from .tensor_names import has

MIB = 2**20
CELL, BASE = 12_500, 52 * MIB

CHROMA = Family(
    id="chroma",
    label="Chroma",
    test=lambda names: names.some(r"^distilled_guidance_layer\."),
    classes=("Chroma",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(3.2, ANY_DTYPES, cell=CELL, base=BASE),
    text_encoder="chroma",
)
_APART = ("reference_latents", "index", "an index of its own for each, 10 apart; rows and columns from 0")
_BFL = "docs.bfl.ai/guides/prompting_editing_overview"
FLUX2 = Family(
    id="flux2",
    label="FLUX.2",
    test=has("double_stream_modulation_img.lin.weight"),
    classes=("Flux2",),
    latents=latents.FLUX2,
    side=1024,
    grid=16,
    memory=Memory(3.1 * 4 * 6144 / 2604, ANY_DTYPES, Width("img_in.weight", 0, 6144)),
    text_encoder="flux2",
    references=References(*_APART, most=6, source=_BFL, edits=True),
    variants=(
        Variant(
            *("FLUX.2 Klein 9B", lambda names: names.size("img_in.weight", 0) == 4096),
            references=References(*_APART, most=4, source=_BFL, edits=True),
        ),
        Variant(
            *("FLUX.2 Klein 4B", lambda names: names.size("img_in.weight", 0) == 3072),
            references=References(*_APART, most=4, source=_BFL, edits=True),
        ),
    ),
)
_BESIDE = ("reference_latents", "offset", "index 1; rows or columns go on after those of the picture")
LONGCAT = Family(
    id="longcat-image",
    label="LongCat-Image",
    test=lambda names: names.flux() and names.size("txt_in.weight", 1) == 3584 and not names.some(r"^vector_in\."),
    classes=("LongCatImage",),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(2.5, ANY_DTYPES),
    text_encoder="longcat_image",
    references=References(*_BESIDE, read_by="TextEncodeQwenImageEdit"),
)
OVIS = Family(
    id="ovis-image",
    label="Ovis-Image",
    test=lambda names: names.flux() and names.has("double_blocks.0.img_mlp.gate_proj.weight"),
    classes=(),  # ComfyUI loads it as FluxSchnell
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(3.1, ANY_DTYPES),
    text_encoder="ovis",
)
FLUX = Family(
    id="flux",
    label="FLUX.1",
    test=lambda names: names.flux(),
    classes=("Flux", "FluxSchnell", "FluxInpaint"),
    latents=latents.FLUX,
    side=1024,
    grid=16,
    memory=Memory(3.1, ANY_DTYPES, cell=CELL, base=BASE),
    text_encoder="flux",
    # Kontext, which no tensor tells from dev, was trained with one.
    references=References(*_BESIDE, most=1, source="github.com/black-forest-labs/flux, cli_kontext.py"),
    variants=(
        Variant("FLUX.1 Fill", lambda names: names.flux(inputs=384), "fill", ("FluxInpaint",), dtypes=DIT_DTYPES),
        Variant("FLUX.1 Canny or Depth", lambda names: names.flux(inputs=128), own_inputs=True),
        Variant("FLUX.1 dev", lambda names: names.some(r"^(guidance_in|time_text_embed\.guidance_embedder)\.")),
        Variant("FLUX.1 schnell", lambda names: True, classes=("FluxSchnell",)),
    ),
)

# FLUX.1 fits all of them, so it comes last.
ROWS = (CHROMA, FLUX2, LONGCAT, OVIS, FLUX)
