"""The memory that a model needs on a card, from the header of its file: the input of a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..model_families.family import Family
from ..model_families.tensor_names import TensorNames
from ..model_families.vaes import Vae, Work
from ..model_files.checkpoint import CheckpointHeader, Part
from ..model_files.quantization import COMFYUI
from ..model_files.safetensors_header import DTYPE_BITS
from .host_dtypes import FP8, MIB, Card, compute_dtype, text_encoder_bytes, vae_dtype, weights_dtype
from .memory_plan import MemoryRequirements


class HostFacts(NamedTuple):
    """The facts about a model that ComfyUI knows, or that the table of families says where it cannot be asked."""

    factors: Mapping[str, float]
    """Its `memory_usage_factor`, which scales ComfyUI's estimate of the memory for sampling, by compute dtype."""
    supported: Sequence[str]
    """The dtypes that it can compute in, the best first."""
    ratio: int
    """Pixels per latent cell, along each side."""
    vae: Vae
    """Its VAE."""


def facts_of_family(family: Family, names: TensorNames | None = None, dtypes: Sequence[str] | None = None) -> HostFacts:
    """Return what the table says of a model.

    Args:
        family: its row.
        names: its tensors; None for a model of the usual width.
        dtypes: the dtypes that it can compute in; None for those of the row.
    """
    dtypes = dtypes or family.memory.dtypes
    factors = dict.fromkeys(("F32", "BF16", *dtypes), family.factor(names))
    factors["F16"] = factors["F32"] * family.memory.in_fp16
    return HostFacts(factors, dtypes, family.latents.ratio, family.latents.vae)


class Dtypes(NamedTuple):
    """The dtypes on the card, by their safetensors names."""

    weights: str
    """dtype that the diffusion model's weights are kept in."""
    compute: str
    """dtype that the diffusion model computes in."""
    vae: str
    """dtype of the VAE's weights and computation."""


def dtypes_on(card: Card, header: CheckpointHeader, facts: HostFacts, weights: str | None = None) -> Dtypes:
    """Return the dtypes that the host will choose for this file on this card.

    Args:
        card: the card that the model runs on.
        header: header of the file with the diffusion model.
        facts: the facts about the model.
        weights: dtype to keep the weights in; None for the host's choice.
    """
    model = header.part("diffusion model")
    stored = None if header.quantization else stored_dtype(model)
    weights = weights or weights_dtype(card, model.parameters, stored, facts.supported)
    return Dtypes(weights, compute_dtype(card, weights, facts.supported), vae_dtype(card, facts.vae.dtypes))


def requirements_of(
    header: CheckpointHeader,
    dtypes: Dtypes,
    facts: HostFacts | None = None,
    text_encoders: Sequence[Part] = (),
    vae: Part | None = None,
    flash: bool = True,
) -> MemoryRequirements:
    """Return the memory that the model in a file needs.

    Args:
        header: header of the file with the diffusion model.
        dtypes: the dtypes on the card.
        facts: what the running host says of the model; None for what the table says.
        text_encoders, vae: parts from separate files. Without them, those in the model's file count.
        flash: whether attention never stores its whole matrix. PyTorch's and xformers' attention do not.
    """
    family, memory = header.family, header.family.memory
    facts = facts or facts_of_family(family, header.names, header.variant.dtypes)
    model = header.part("diffusion model")
    size = DTYPE_BITS[dtypes.compute] // 8
    safe = facts.factors[dtypes.compute] * memory.numbers * MIB * (0.01 * size if flash else 0.15)
    cell = safe if memory.cell is None or not flash else memory.cell * size
    narrow = DTYPE_BITS[dtypes.weights] // 8
    kept = header.quantization or dtypes.weights in FP8
    texts = list(text_encoders) or [header.part("text encoder")]
    vae = header.part("vae") if vae is None else vae
    vae_size = DTYPE_BITS[dtypes.vae] // 8
    return MemoryRequirements(
        label=header.label if header.quantization is None else f"{header.label}, {header.quantization.label}",
        text=sum(text_encoder_bytes(part.dtypes) for part in texts),
        model=model.bytes if header.quantization else model.parameters * narrow,
        vae=vae.parameters * vae_size,
        largest=_largest(header, narrow),
        sampling=Work(cell, safe, memory.base),
        encode=_times(facts.vae.encode, vae_size),
        decode=_times(facts.vae.decode, vae_size),
        ratio=facts.ratio,
        grid=family.grid,
        model_fp8=None if kept else model.parameters,
        file=str(header.path),
        loader=COMFYUI if header.quantization is None else header.quantization.loader,
    )


def _times(work: Work, size: int) -> Work:
    return Work(*(count * size for count in work))


def stored_dtype(part: Part) -> str | None:
    """Return the dtype of most of a part's parameters, as the host counts them; None if it has none."""
    numbers = {dtype: count * 8 / DTYPE_BITS.get(dtype, 8) for dtype, count in part.dtypes.items()}
    return max(numbers, key=lambda dtype: numbers[dtype], default=None)


def _largest(header: CheckpointHeader, size: int) -> int:
    own = (tensor for name, tensor in header.tensors.items() if name.startswith(header.prefix))
    return max((tensor.bytes if header.quantization else math.prod(tensor.shape) * size for tensor in own), default=0)
