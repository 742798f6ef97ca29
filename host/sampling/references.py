"""Reference pictures in a conditioning: which a model takes, which there are, and how the host places them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...inpaint.core.errors import InpaintError
from ...inpaint.core.geometry import Box, Size
from ...inpaint.model_families.family import References
from ...inpaint.sampling.references import cut_references
from .inputs import model_inputs, tensor_names

# Keys of a conditioning: the references, and the host's name of how they are placed.
KEY, METHOD = "reference_latents", "reference_latents_method"
# Where the networks of the host keep the method for conditioning that names none. A patch may replace it.
DEFAULTS = ("diffusion_model.params.default_ref_method", "diffusion_model.default_ref_method")


def references_taken(model: Any) -> References | None:
    """Return how a MODEL takes reference pictures; None if it takes none.

    Models with inputs for pictures or masks beside the latent take none: the host has no such inputs for references.
    """
    inputs = model_inputs(model)
    if inputs.inpaint is not None or inputs.own_pictures:
        return None
    return inputs.family.references_of(tensor_names(model))


def reference_sizes(conditioning: list, ratio: int) -> list[Size]:
    """Return the sizes in pixels of the references that a conditioning has, of the entry with the most.

    Args:
        conditioning: the list.
        ratio: pixels per latent cell, along each side.
    """
    most = max((entry.get(KEY) or () for _, entry in conditioning), key=len, default=())
    return [Size(latent.shape[-1] * ratio, latent.shape[-2] * ratio) for latent in most]


def with_references(
    conditioning: list, takes: References | None, first: Sequence[Tensor], connected: bool, further: Sequence[Tensor]
) -> list:
    """Return a copy of a conditioning with these references.

    Args:
        conditioning: the list.
        takes: how the model takes them; None if it takes none.
        first, further: latents to go before and after those that are there.
        connected: whether those that are there stay.
    """
    changed = []
    for text, entry in conditioning:
        held = [*first, *((entry.get(KEY) or ()) if connected else ()), *further]
        rest = {key: value for key, value in entry.items() if key != KEY}
        if held:
            rest[KEY] = held
            if takes is not None and takes.asks_for:
                rest.setdefault(METHOD, takes.asks_for)
        changed.append([text, rest])
    return changed


def cut_conditioning(
    model: Any, conditioning: list, window: Box, whole: Sequence[int], area: str = "sample_area"
) -> list:
    """Return a copy of a conditioning whose references are cut to a window. Arguments: as in `cut_entry`."""
    return [[text, {**entry, **cut_entry(model, entry, window, whole, area)}] for text, entry in conditioning]


def cut_entry(
    model: Any, entry: Mapping[str, Any], window: Box, whole: Sequence[int], area: str = "sample_area"
) -> dict[str, Any]:
    """Return what changes in one conditioning entry when a MODEL is sampled in a window; {} if it has no references.

    Args:
        model: the MODEL.
        entry: the entry's values.
        window: in latent cells.
        whole: (h, w) of the latent.
        area: name of the widget that chose a window, for the error.

    Raises:
        InpaintError: if the references cannot be cut.
    """
    if not entry.get(KEY):
        return {}
    takes = references_taken(model)
    if takes is None or takes.pictures:
        raise InpaintError(
            f"{area}: expected conditioning that can be cropped to a window, got one with {KEY}. Choose "
            '"whole picture".'
        )
    return {KEY: cut_references(entry[KEY], _method(model, entry, takes), window, whole, area)}


def _method(model: Any, entry: Mapping[str, Any], takes: References) -> str:
    """Return how the host places the references of a conditioning entry."""
    if entry.get(METHOD):
        return str(entry[METHOD])
    for name in DEFAULTS:
        try:
            method = model.get_model_object(name)
        except AttributeError:
            continue
        if method is not None:
            return str(method)
    return takes.method
