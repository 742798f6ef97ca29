"""The memory that a sampling takes, by the host's own functions: with all that it loads for the step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.sampler_helpers
from torch import Tensor, nn

from ...inpaint.core.latents import is_nested, streams_of

# Key of a conditioning's references.
KEY = "reference_latents"


@dataclass(frozen=True)
class SamplingMemory:
    """The memory of one sampling, in bytes."""

    weights: int
    """Weights of the MODEL, as they are on the card."""
    others: int
    """Weights of what samples with it: ControlNets, model patches, IP-Adapters."""
    work: int
    """What the host reserves for a step without CFG, with references and with the work of ControlNets."""
    references: int
    """Number of reference latents of a prompt that `work` includes."""
    left_out: tuple[str, ...]
    """What takes memory too and cannot be seen."""


def sampling_memory(
    model: Any, shape: Sequence[int], positive: Sequence[Any] = (), negative: Sequence[Any] = ()
) -> SamplingMemory:
    """Return the memory that sampling a latent of this shape takes.

    Args:
        model: MODEL.
        shape: of the latent; for nested ones that of `packed_shape`.
        positive, negative: conditioning, which may hold references and ControlNets.
    """
    helpers = comfy.sampler_helpers
    conditions = {"positive": helpers.convert_cond(positive), "negative": helpers.convert_cond(negative)}
    models, work_of_others = helpers.get_additional_models(conditions, model.model_dtype())
    models = [*models, *model.get_nested_additional_models(), *model.model_patches_models()]
    seen = {id(other): int(other.model_size()) for other in models}
    seen |= {id(held): size for patch in _patches(model) for held, size in _held(patch)}
    _, work = helpers.estimate_memory(model, list(shape), conditions)
    references = max((len(entry.get(KEY) or ()) for each in conditions.values() for entry in each), default=0)
    left_out = ["what is injected, such as LoRAs that are not merged"] if getattr(model, "injections", None) else []
    if references:
        bare = {name: [{**entry, KEY: None} for entry in each] for name, each in conditions.items()}
        if helpers.estimate_memory(model, list(shape), bare)[1] == work:
            references, left_out = 0, [*left_out, "reference pictures"]
    return SamplingMemory(
        weights=weights_on_card(model),
        others=sum(seen.values()),
        work=int(work + work_of_others),
        references=references,
        left_out=tuple(left_out),
    )


def weights_on_card(model: Any) -> int:
    """Return the bytes of a MODEL's weights on the card.

    With dynamic VRAM, weights keep the dtype of their file in RAM and are cast on the way to the card.
    """
    if not (hasattr(model, "is_dynamic") and model.is_dynamic()):
        return int(model.model_size())
    total = 0
    for module in model.model.modules():
        for name, weight in module.named_parameters(recurse=False):
            # A quantized weight is a tensor of another class, and stays as it is.
            dtype = getattr(module, f"{name}_comfy_model_dtype", None) if type(weight.data) is Tensor else None
            total += weight.nbytes if dtype is None else weight.numel() * dtype.itemsize
    return total


def packed_shape(latents: Any) -> Sequence[int]:
    """Return the shape of latents as the host samples them: nested ones are packed into one row."""
    if not is_nested(latents):
        return tuple(latents.shape)
    streams = streams_of(latents)
    return len(streams[0]), 1, sum(math.prod(stream.shape[1:]) for stream in streams)


def _patches(model: Any) -> Iterator[Any]:
    """Yield the patches of a MODEL's attention, in which packs such as IP-Adapter keep their networks."""
    options = model.model_options.get("transformer_options", {})
    for patches in options.get("patches", {}).values():
        yield from patches
    for by_block in options.get("patches_replace", {}).values():
        yield from by_block.values()


def _held(patch: Any) -> Iterator[tuple[Any, int]]:
    """Yield the networks and tensors that a patch keeps as attributes, each with its bytes."""
    if hasattr(patch, "models"):
        return  # the host asks it for them
    for value in list(getattr(patch, "__dict__", {}).values()):
        for held in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(held, nn.Module):
                yield held, sum(weight.nbytes for weight in held.parameters())
            elif isinstance(held, Tensor):
                yield held, held.nbytes
