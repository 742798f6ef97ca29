"""What a chain needs to know of a model."""

from __future__ import annotations

from dataclasses import dataclass

from ..model_families.family import Family, InpaintInputs, References
from ..model_families.sampling import Sampling, sampling_of
from ..sampling.references import EDITS
from .table import READERS, Kind


@dataclass(frozen=True)
class Model:
    """What a chain needs to know of a model."""

    kind: Kind
    """How it inpaints."""
    sampling: Sampling
    """The settings of its makers."""
    reader: str = ""
    """ComfyUI's text encode node that looks at the picture too, one of `READERS`; "" for the plain one."""


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
    reader = takes.read_by if kind == "edit" and takes is not None and takes.read_by in READERS else ""
    return Model(kind, sampling_of(family.id, variant, file), reader)
