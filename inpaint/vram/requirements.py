"""The memory that a model needs on a card, from the header of its file: the input of a plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..model_files.checkpoint import CheckpointHeader, Part
from ..model_files.safetensors_header import DTYPE_BITS
from .host_dtypes import FP8, MIB, Card, compute_dtype, text_encoder_bytes, vae_dtype, weights_dtype
from .memory_plan import MemoryRequirements, Work

SD = ("F16", "BF16", "F32")
DIT = ("BF16", "F32")


class HostFacts(NamedTuple):
    """The host's facts about a model."""

    factor: float
    """Its memory_usage_factor: scales the host's estimate of the memory for sampling."""
    supported: Sequence[str]
    """The dtypes that it can compute in, the best first."""


class Family(NamedTuple):
    """What plans need to know about a model family."""

    host: HostFacts
    """The facts of host 0.3.75, for when the running host cannot be asked."""
    cell: float | None = None
    """Measured bytes that sampling takes, per latent cell and byte of the compute dtype; None if nobody measured."""
    base: float = 0.0
    """Measured bytes that sampling takes at any size, in addition."""
    ratio: int = 8
    """Pixels per latent cell, along each side."""
    grid: int = 64
    """Pixels that the sides of a picture have to be a multiple of."""
    vae: str = "kl"
    """Its VAE: a key of `VAES`."""


class Vae(NamedTuple):
    """The memory that a VAE takes beside its weights."""

    encode: Work
    """Bytes per pixel and byte of the dtype, to encode."""
    decode: Work
    """Bytes per pixel and byte of the dtype, to decode."""
    dtypes: Sequence[str] = ("BF16", "F32")
    """The dtypes that it can work in, the best first."""


# Safe: the host's own formulas (comfy/sd.py). Expected: from simulated allocations and measurements. For the usual VAE,
# simulation gives 387 to encode and 640 to decode; others measured 985 to 1090 on cards for decoding. The workspaces of
# convolutions explain the difference.
VAES = {
    "kl": Vae(Work(620, 1767), Work(1030, 2178)),
    "wan": Vae(Work(6000, 6000), Work(7000, 7000), ("BF16", "F16", "F32")),
    "hunyuan-image": Vae(Work(700, 700), Work(700, 700), SD),
}
# cell and base come from simulations of whole networks; benchmarks/activations.md compares them. On a card, the
# workspaces of libraries come on top.
FLUX_CELL, FLUX_BASE = 12_500, 52 * MIB
FAMILIES = {
    "sd15": Family(HostFacts(1.0, SD), 8_320),
    "sd2": Family(HostFacts(1.0, SD), 8_320),
    "sdxl": Family(HostFacts(0.8, SD), 5_040),
    "sdxl-refiner": Family(HostFacts(1.0, SD), 5_040),
    "sd3": Family(HostFacts(1.2, SD), 7_450, grid=32),
    "flux": Family(HostFacts(3.1, DIT), FLUX_CELL, FLUX_BASE, grid=32),
    "chroma": Family(HostFacts(3.2, DIT), FLUX_CELL, FLUX_BASE, grid=32),
    "flux2": Family(HostFacts(3.1 * 4 * 2.36, DIT), ratio=16, grid=32),
    "qwen-image": Family(HostFacts(1.8, DIT), 8_600, grid=32, vae="wan"),
    "z-image": Family(HostFacts(1.7, DIT), 13_300, 28 * MIB, grid=32),
    "lumina2": Family(HostFacts(1.4, DIT), 11_050, 23 * MIB, grid=32),
    "hunyuan-image": Family(HostFacts(7.7, DIT), ratio=32, vae="hunyuan-image"),
    "wan": Family(HostFacts(0.9, SD), grid=32, vae="wan"),
}
# For families that are not listed: the host's default factor and dtypes.
OTHER = Family(HostFacts(2.0, SD))


class Dtypes(NamedTuple):
    """The dtypes on the card, by their safetensors names."""

    weights: str
    """dtype that the diffusion model's weights are kept in."""
    compute: str
    """dtype that the diffusion model computes in."""
    vae: str
    """dtype of the VAE's weights and computation."""


def dtypes_on(
    card: Card, header: CheckpointHeader, host: HostFacts | None = None, weights: str | None = None
) -> Dtypes:
    """Return the dtypes that the host will choose for this file on this card.

    Args:
        card: the card that the model runs on.
        header: header of the file with the diffusion model.
        host: the running host's facts about the model; None for those of `FAMILIES`.
        weights: dtype to keep the weights in; None for the host's choice.
    """
    family = FAMILIES.get(header.family, OTHER)
    supported = (host or family.host).supported
    model = header.part("diffusion model")
    stored = None if header.quantised else stored_dtype(model)
    weights = weights or weights_dtype(card, model.parameters, stored, supported)
    return Dtypes(weights, compute_dtype(card, weights, supported), vae_dtype(card, VAES[family.vae].dtypes))


def requirements_of(
    header: CheckpointHeader,
    dtypes: Dtypes,
    host: HostFacts | None = None,
    text_encoders: Sequence[Part] = (),
    vae: Part | None = None,
    flash: bool = True,
) -> MemoryRequirements:
    """Return the memory that the model in a file needs.

    Args:
        header: header of the file with the diffusion model.
        dtypes: the dtypes on the card.
        host: the running host's facts about the model; None for those of `FAMILIES`.
        text_encoders, vae: parts from separate files. Without them, those in the model's file count.
        flash: whether attention never stores its whole matrix. PyTorch's and xformers' attention do not.
    """
    family = FAMILIES.get(header.family, OTHER)
    model = header.part("diffusion model")
    size = DTYPE_BITS[dtypes.compute] // 8
    safe = (host or family.host).factor * MIB * (0.01 * size if flash else 0.15)
    cell = safe if family.cell is None or not flash else family.cell * size
    narrow = DTYPE_BITS[dtypes.weights] // 8
    kept = header.quantised or dtypes.weights in FP8
    texts = list(text_encoders) or [header.part("text encoder")]
    vae = header.part("vae") if vae is None else vae
    vae_size = DTYPE_BITS[dtypes.vae] // 8
    costs = VAES[family.vae]
    return MemoryRequirements(
        label=header.label,
        text=sum(text_encoder_bytes(part.dtypes) for part in texts),
        model=model.bytes if header.quantised else model.parameters * narrow,
        vae=vae.parameters * vae_size,
        largest=_largest(header, narrow),
        sampling=Work(cell, safe, family.base),
        encode=Work(costs.encode.expected * vae_size, costs.encode.safe * vae_size),
        decode=Work(costs.decode.expected * vae_size, costs.decode.safe * vae_size),
        ratio=family.ratio,
        grid=family.grid,
        model_fp8=None if kept else model.parameters,
        file=str(header.path),
    )


def stored_dtype(part: Part) -> str | None:
    """Return the dtype of most of a part's parameters, as the host counts them; None if it has none."""
    numbers = {dtype: count * 8 / DTYPE_BITS.get(dtype, 8) for dtype, count in part.dtypes.items()}
    return max(numbers, key=lambda dtype: numbers[dtype], default=None)


def _largest(header: CheckpointHeader, size: int) -> int:
    own = (tensor for name, tensor in header.tensors.items() if name.startswith(header.prefix))
    return max((tensor.bytes if header.quantised else math.prod(tensor.shape) * size for tensor in own), default=0)
