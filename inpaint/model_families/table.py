"""The table of model families, and the lookups in it."""

from __future__ import annotations

from dataclasses import replace

from . import flux_models, image_models, latents, pixel_models, unets, video_models
from .family import Family, Memory, Variant
from .not_ours import NOT_OURS
from .tensor_names import TensorNames

# The first row that fits counts: models on pixels and Hunyuan's have the tensors of FLUX.1 too.
FAMILIES = (*pixel_models.ROWS, *video_models.ROWS, *image_models.ROWS, *flux_models.ROWS, *unets.ROWS)
# For models without a row: what ComfyUI assumes of a model that says nothing else.
UNKNOWN = Family(
    id="unknown",
    label="Unknown model family",
    test=lambda names: True,
    classes=(),
    latents=latents.SD15,
    side=1024,
    grid=64,
    memory=Memory(2.0),
)
BY_ID = {row.id: row for row in (*FAMILIES, UNKNOWN)}
_BY_CLASS = {name: row for row in FAMILIES for name in row.classes}
# Patterns of tensor names in files that contain no diffusion model.
LOOKALIKES = {
    "a LoRA": r"lora[._]|\.(hada|lokr)_w|\.oft_blocks",
    "a ControlNet": r"control_model\.|controlnet_|input_hint_block\.",
    "a text encoder": r"text_model\.encoder\.|^(encoder|decoder)\.block\.0\.layer\.|^model\.layers\.0\.self_attn\.",
    "a VAE": r"^(first_stage_model\.|vae\.)?(encoder|decoder|taesd_decoder)\.",
    "an embedding": r"^(emb_params|clip_[lgh]|\*)$",
}


def identify(names: TensorNames) -> tuple[Family, Variant] | None:
    """Return the family of a diffusion model and which of its variants it is, by its tensors; None if nothing fits.

    Models of `NOT_OURS` have the family `UNKNOWN`, and their own name.
    """
    for other in NOT_OURS:
        if other.test is not None and other.test(names):
            return UNKNOWN, Variant(other.label, other.test)
    row = next((row for row in FAMILIES if row.test(names)), None)
    return None if row is None else (row, row.variant(names))


def family_of(model_class: str) -> Family:
    """Return the family of one of ComfyUI's model classes; for one without a row `UNKNOWN`, named as it is known."""
    row = _BY_CLASS.get(model_class)
    if row is not None:
        return row
    return replace(
        UNKNOWN, label=next((other.label for other in NOT_OURS if model_class in other.classes), model_class)
    )


def label_of(model_class: str) -> str:
    """Return the name of one of ComfyUI's model classes for users."""
    row = family_of(model_class)
    return next((variant.label for variant in row.variants if model_class in variant.classes), row.label)


def encoded_multiples(vae_ratio: int) -> list[int]:
    """Return the numbers of pixels to a multiple of which pictures are padded for models with a VAE's ratio."""
    grids = {row.grid for row in FAMILIES if row.whole_patches and row.latents.ratio == vae_ratio}
    return [vae_ratio, *sorted(grids)]


def lookalike(names: TensorNames) -> str | None:
    """Name the kind of a file without a diffusion model ("a LoRA"); None if no pattern matches."""
    return next((what for what, pattern in LOOKALIKES.items() if names.some(pattern)), None)
