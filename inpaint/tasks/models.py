"""What a chain needs to know of a model."""

from __future__ import annotations

from dataclasses import dataclass

from ..model_families.family import Family, InpaintInputs, References
from ..model_families.sampling import Sampling, sampling_of
from ..sampling.references import EDITS
from .table import Kind


@dataclass(frozen=True)
class Model:
    """What a chain needs to know of a model."""

    kind: Kind
    """How it inpaints."""
    family: str
    """Id of its family."""
    sampling: Sampling
    """The settings of its makers."""


def model_of(
    family: Family, variant: str, inpaint: InpaintInputs, takes: References | None, unet: bool, file: str
) -> Model:
    """Return what a chain needs to know of a model.

    Args:
        family: its row in the table of families.
        variant: name of its variant.
        inpaint: its native inpainting inputs.
        takes: how it takes reference pictures; None if it takes none.
        unet: whether it is a U-Net whose attention can be redirected.
        file: name of its file; "" if unknown.
    """
    kind: Kind = "general"
    if inpaint is not None:
        kind = "inpainting"
    elif takes is not None and not takes.pictures and (takes.edits or EDITS.search(file)):
        kind = "edit"
    elif unet:
        kind = "unet"
    return Model(kind, family.id, sampling_of(family.id, variant, file))
