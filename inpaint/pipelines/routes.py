"""Which pipeline of diffusers inpaints with which models: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import InpaintError
from ..model_families.family import Family
from ..model_families.sampling import Sampling, sampling_of
from ..model_families.table import BY_ID
from ..tasks.table import Kind


@dataclass(frozen=True)
class Route:
    """How diffusers inpaints with one kind of models."""

    label: str
    """Name of the models for users."""
    pipeline: str
    """Class of diffusers."""
    made_for: tuple[str, ...]
    """Classes that a folder's model_index.json names for these models."""
    family: str
    """Id of the family in our own table, for size, memory and settings."""
    kind: Kind
    """How they inpaint."""
    when: tuple[tuple[str, str, int], ...] = ()
    """What a folder's configurations must say besides: component, key, value."""
    cfg: str = "guidance_scale"
    """The pipeline's argument for classifier-free guidance; "" if it has none."""
    guidance: str = ""
    """The pipeline's argument for the guidance that a distilled model is told; "" if it has none."""
    together: bool = True
    """Whether crops of one size can be made in one call."""
    network: str = "transformer"
    """The component that samples."""

    @property
    def in_table(self) -> Family:
        """The family's row."""
        return BY_ID[self.family]

    def sampling(self, name: str) -> Sampling:
        """Return the settings of its makers. name: the model's file or folder, which tells distilled ones."""
        return sampling_of(self.family, self.label, name)


SD = ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline", "StableDiffusionImg2ImgPipeline")
SDXL = ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusionXLImg2ImgPipeline")
SD_INPAINT, SDXL_INPAINT = "StableDiffusionInpaintPipeline", "StableDiffusionXLInpaintPipeline"


def _unet(label: str, pipeline: str, made_for: tuple[str, ...], family: str, width: int) -> tuple[Route, Route]:
    """Return the rows of a U-Net with a mask's channels, and without."""
    text = ("unet", "cross_attention_dim", width)
    return (
        Route(
            f"{label} inpainting (9-channel)",
            pipeline,
            made_for,
            family,
            "inpainting",
            (text, ("unet", "in_channels", 9)),
            network="unet",
        ),
        Route(label, pipeline, made_for, family, "general", (text, ("unet", "in_channels", 4)), network="unet"),
    )


# The first row that fits counts. Of diffusers 0.42.
ROUTES: tuple[Route, ...] = (
    *_unet("SD 1.5", SD_INPAINT, SD, "sd15", 768),
    *_unet("SD 2", SD_INPAINT, SD, "sd2", 1024),
    *_unet("SDXL", SDXL_INPAINT, SDXL, "sdxl", 2048),
    Route(
        "FLUX.1 Fill",
        "FluxFillPipeline",
        ("FluxFillPipeline",),
        "flux",
        "inpainting",
        cfg="",
        guidance="guidance_scale",
    ),
    Route(
        "FLUX.1 Kontext",
        "FluxKontextInpaintPipeline",
        ("FluxKontextPipeline", "FluxKontextInpaintPipeline"),
        "flux",
        "edit",
        cfg="true_cfg_scale",
        guidance="guidance_scale",
        together=False,
    ),
    Route(
        "FLUX.1",
        "FluxInpaintPipeline",
        ("FluxPipeline", "FluxInpaintPipeline", "FluxImg2ImgPipeline"),
        "flux",
        "general",
        cfg="true_cfg_scale",
        guidance="guidance_scale",
    ),
    Route(
        "FLUX.2 Klein",
        "Flux2KleinInpaintPipeline",
        ("Flux2KleinPipeline", "Flux2KleinInpaintPipeline"),
        "flux2",
        "edit",
        together=False,
    ),
    Route(
        "Qwen-Image-Edit",
        "QwenImageEditInpaintPipeline",
        ("QwenImageEditPipeline", "QwenImageEditInpaintPipeline"),
        "qwen-image",
        "edit",
        cfg="true_cfg_scale",
        together=False,
    ),
    Route(
        "Qwen-Image",
        "QwenImageInpaintPipeline",
        ("QwenImagePipeline", "QwenImageInpaintPipeline", "QwenImageImg2ImgPipeline"),
        "qwen-image",
        "general",
        cfg="true_cfg_scale",
    ),
    Route(
        "Z-Image",
        "ZImageInpaintPipeline",
        ("ZImagePipeline", "ZImageInpaintPipeline", "ZImageImg2ImgPipeline"),
        "z-image",
        "general",
    ),
    Route(
        "SD 3",
        "StableDiffusion3InpaintPipeline",
        ("StableDiffusion3Pipeline", "StableDiffusion3InpaintPipeline", "StableDiffusion3Img2ImgPipeline"),
        "sd3",
        "general",
    ),
)


def route_of(made_by: str, configs: Mapping[str, Mapping[str, Any]]) -> Route:
    """Return the row of a folder.

    Args:
        made_by: class that its model_index.json names.
        configs: configurations of its components, by name.

    Raises:
        InpaintError: if there is none.
    """
    rows = [row for row in ROUTES if made_by in row.made_for]
    for row in rows:
        if all(configs.get(part, {}).get(key) == value for part, key, value in row.when):
            return row
    got = f"a {made_by}" if made_by else "a folder of no pipeline"
    if rows:
        found = (f"{part}.{key} {configs.get(part, {}).get(key)}" for part, key, _ in rows[0].when)
        got += f" with {', '.join(found)}"
    raise InpaintError(f"model: expected one of {labels()}, got {got}. Use another model.")


def labels() -> str:
    """Return the names of all models that have a row."""
    return ", ".join(row.label for row in ROUTES)


def route_of_family(family: str, inpaints: bool, edits: bool) -> Route | None:
    """Return the row of a single file; None if there is none.

    Args:
        family: id of its family.
        inpaints: whether it has inputs for a mask.
        edits: whether it takes a reference picture.
    """
    kind: Kind = "inpainting" if inpaints else "edit" if edits else "general"
    return next((row for row in ROUTES if row.family == family and row.kind == kind), None)
