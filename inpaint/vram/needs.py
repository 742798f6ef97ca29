"""What a model will need on a card, from the header of its file: the numbers that a plan is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..model_files.checkpoint import CheckpointHeader, Part
from ..model_files.safetensors_header import DTYPE_BITS
from .host_dtypes import FP8, MIB, Card, compute_dtype, text_encoder_bytes, vae_dtype, weights_dtype
from .plan import MemoryRequirements, Work

SD = ("F16", "BF16", "F32")
DIT = ("BF16", "F32")


class HostFacts(NamedTuple):
    """What the host says of a model: its memory_usage_factor, and the dtypes it can compute in, the best first."""

    factor: float
    supported: Sequence[str]


class Family(NamedTuple):
    """host: what host 0.3.75 says, for where the running one cannot be asked. cell, base: bytes that sampling really
    takes, for each latent cell and byte of a number, and besides; None where nobody measured. ratio, grid: as in
    `MemoryRequirements`. vae: of `VAES`."""

    host: HostFacts
    cell: float | None = None
    base: float = 0.0
    ratio: int = 8
    grid: int = 64
    vae: str = "kl"


class Vae(NamedTuple):
    """Bytes for each pixel and byte of a number, and the dtypes it can work in."""

    encode: Work
    decode: Work
    dtypes: Sequence[str] = ("BF16", "F32")


# Safe: the host's own formulas (comfy/sd.py). Expected: simulated allocations (387 and 640 for the usual VAE), and for
# decoding what others measured on cards, 985 to 1090, which convolutions' workspaces explain.
VAES = {
    "kl": Vae(Work(620, 1767), Work(1030, 2178)),
    "wan": Vae(Work(6000, 6000), Work(7000, 7000), ("BF16", "F16", "F32")),
    "hunyuan-image": Vae(Work(700, 700), Work(700, 700), SD),
}
# cell and base follow simulations of the whole networks, which benchmarks/activations.md holds them against; a card
# adds what libraries work in.
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
# The host's own figures for a family that it does not describe further.
OTHER = Family(HostFacts(2.0, SD))


class Dtypes(NamedTuple):
    """As they will be on the card: what weights are kept in, what is computed in, and the VAE's."""

    weights: str
    compute: str
    vae: str


def dtypes_on(
    card: Card, header: CheckpointHeader, host: HostFacts | None = None, weights: str | None = None
) -> Dtypes:
    """The dtypes that the host will choose for this file on this card.

    Args:
        card: where it runs.
        header: of the file with the diffusion model.
        host: what the running host says of the model; None takes our table.
        weights: the dtype that the weights are to be kept in; None for the host's choice.
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
    """What the model in a file needs.

    Args:
        header: of the file with the diffusion model; its other parts count where none are given.
        dtypes: as they will be on the card.
        host: what the running host says of the model; None takes our table.
        text_encoders, vae: from files of their own.
        flash: whether attention never writes its whole matrix, as PyTorch's and xformers' do not.
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
    """The dtype of most of a part's parameters, as the host counts them; None where there are none."""
    numbers = {dtype: count * 8 / DTYPE_BITS.get(dtype, 8) for dtype, count in part.dtypes.items()}
    return max(numbers, key=lambda dtype: numbers[dtype], default=None)


def _largest(header: CheckpointHeader, size: int) -> int:
    own = (tensor for name, tensor in header.tensors.items() if name.startswith(header.prefix))
    return max((tensor.bytes if header.quantised else math.prod(tensor.shape) * size for tensor in own), default=0)
