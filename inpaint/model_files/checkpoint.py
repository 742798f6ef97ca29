"""The contents of a checkpoint, read from its header: family, native inpainting inputs, parts and their sizes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..core.cache import weak_cache
from ..core.errors import InpaintError, short_name
from ..core.units import plain_dtype, plain_size
from ..model_families.family import Family, InpaintInputs, Variant
from ..model_families.table import UNKNOWN, identify, lookalike
from ..model_families.tensor_names import TensorNames
from .quantization import Quantization, gguf_quantization, quantization_of
from .stored_file import Format, StoredFile, read_stored
from .stored_tensors import Stored

LEGACY_PICKLE = "legacy PyTorch pickle: its contents are unknown until it is loaded."
PartName = Literal["diffusion model", "text encoder", "vae", "other"]
PART_PREFIXES: dict[str, PartName] = {
    "first_stage_model.": "vae",
    "vae.": "vae",
    "cond_stage_model.": "text encoder",
    "conditioner.": "text encoder",
    "text_encoder": "text encoder",
    "model_ema.": "other",
}
# Dtypes in which packed weights are stored.
PACKED = ("U8", "I8")
PART_START = re.compile("|".join(map(re.escape, PART_PREFIXES)))
# Name prefixes of the diffusion model's tensors. Files that hold only a diffusion model have "".
MODEL_PREFIXES = ("model.diffusion_model.", "net.", "model.", "")
_UNKNOWN_VARIANT = Variant(UNKNOWN.label, UNKNOWN.test)


@dataclass(frozen=True)
class Part:
    """One part of a checkpoint."""

    name: PartName
    """Which part it is."""
    parameters: int
    """Number of parameters."""
    bytes: int
    """Size in the file, in bytes."""
    dtypes: Mapping[str, int]
    """Bytes per dtype. Dtypes are named as in the file."""


@dataclass(frozen=True, eq=False)
class CheckpointHeader:
    """What one checkpoint file contains. Reading an unchanged file again returns the same object.

    A legacy pickle has no header that can be read safely. Its family is `UNKNOWN`, and it has no parts or tensors.
    """

    path: Path
    """Path of the file."""
    format: Format
    """File format."""
    file_bytes: int
    """File size in bytes."""
    family: Family
    """Row of the model family."""
    variant: Variant
    """Which model of the family it is."""
    quantization: Quantization | None = None
    """How the weights of the diffusion model are quantized; None if they are not."""
    parts: tuple[Part, ...] = ()
    """The parts that the file contains."""
    prefix: str = ""
    """Name prefix of the diffusion model's tensors in `tensors`."""
    tensors: Mapping[str, Stored] = field(default_factory=dict, repr=False)
    """All tensors of the file, by name."""

    @property
    def label(self) -> str:
        """Name of the model for users."""
        return self.variant.label

    @property
    def inpaint(self) -> InpaintInputs:
        """Native inpainting inputs of the diffusion model."""
        return self.variant.inpaint

    @property
    def names(self) -> TensorNames:
        """Names and shapes of the diffusion model's tensors."""
        return TensorNames(_unpacked(self.tensors, self.quantization), self.prefix)

    def part(self, name: PartName) -> Part:
        """Return the part with this name, or an empty part if the file has none."""
        return next((part for part in self.parts if part.name == name), Part(name, 0, 0, {}))

    def summary(self) -> str:
        """Describe the checkpoint to users, in a few lines."""
        lines = [f"{self.label}, {plain_size(self.file_bytes)}"]
        if self.format == "legacy pickle":
            lines.append(LEGACY_PICKLE)
        for part in self.parts:
            by_size = sorted(part.dtypes, key=lambda dtype: -part.dtypes[dtype])
            dtypes = " and ".join(plain_dtype(dtype) for dtype in by_size)
            if part.name == "diffusion model" and self.quantization is not None:
                dtypes = self.quantization.label
            lines.append(f"{part.name}: {part.parameters / 1e6:,.1f} M parameters, {dtypes}, {plain_size(part.bytes)}")
        return "\n".join(lines)


def read_header(path: str | Path) -> CheckpointHeader:
    """Read the header of a checkpoint or of a diffusion model file.

    Args:
        path: a file that `read_stored` can read.

    Raises:
        InpaintError: as `read_stored`, and if the file contains no diffusion model.
    """
    file = read_stored(path)
    if file.format == "legacy pickle":
        return CheckpointHeader(file.path, file.format, file.bytes, UNKNOWN, _UNKNOWN_VARIANT)
    return _describe(file)


def read_part(path: str | Path, name: PartName) -> Part:
    """Read the header of a file that contains a single part, such as a text encoder or a VAE.

    Raises:
        InpaintError: as `read_stored`, and if the file has no tensors or is a legacy pickle.
    """
    file = read_stored(path)
    if file.format == "legacy pickle":
        raise InpaintError(f"{short_name(file.path)}: {LEGACY_PICKLE}")
    if not file.tensors:
        raise InpaintError(f"{short_name(file.path)}: expected a {name} with weights, got none. Choose another file.")
    return _sum_up(name, file.tensors.values())


@weak_cache
def _describe(file: StoredFile) -> CheckpointHeader:
    quantization = (
        gguf_quantization(file.tensors) if file.format == "gguf" else quantization_of(file.tensors, file.note)
    )
    shapes = _unpacked(file.tensors, quantization)
    found = ((prefix, identify(TensorNames(shapes, prefix))) for prefix in MODEL_PREFIXES)
    known = next(((prefix, *row) for prefix, row in found if row is not None), None)
    prefix, family, variant = known or (MODEL_PREFIXES[0], UNKNOWN, _UNKNOWN_VARIANT)
    if known is None and not any(name.startswith(prefix) for name in shapes):
        # An unknown family may lack the usual prefix too. `lookalike` rules out files that hold no diffusion model.
        rest = {name: shape for name, shape in shapes.items() if not name.startswith(tuple(PART_PREFIXES))}
        if rest and lookalike(TensorNames(rest)) is None:
            prefix = ""
    if not any(name.startswith(prefix) for name in shapes):
        looks = lookalike(TensorNames(shapes)) or "something else"
        raise InpaintError(
            f"{short_name(file.path)}: no diffusion model found in it, it looks like {looks}. "
            "Choose a checkpoint: one file with diffusion model, text encoder and VAE."
        )
    parts: dict[PartName, list[tuple[str, Stored]]] = {
        "diffusion model": [],
        "text encoder": [],
        "vae": [],
        "other": [],
    }
    for name, tensor in file.tensors.items():
        start = PART_START.match(name)
        part = PART_PREFIXES[start[0]] if start else "diffusion model" if name.startswith(prefix) else "other"
        parts[part].append((name, tensor))
    own = dict(parts["diffusion model"])
    quantization = gguf_quantization(own) if file.format == "gguf" else quantization_of(own, file.note)
    per_byte = 1 if quantization is None else quantization.per_byte
    return CheckpointHeader(
        path=file.path,
        format=file.format,
        file_bytes=file.bytes,
        family=family,
        variant=variant,
        quantization=quantization,
        parts=tuple(
            _sum_up(name, (tensor for _, tensor in part), per_byte if name == "diffusion model" else 1)
            for name, part in parts.items()
            if part
        ),
        prefix=prefix,
        tensors=file.tensors,
    )


def _unpacked(tensors: Mapping[str, Stored], quantization: Quantization | None) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors, those of packed weights as they are when unpacked."""
    per_byte = 1 if quantization is None else quantization.per_byte
    if per_byte == 1:
        return {name: tensor.shape for name, tensor in tensors.items()}
    return {
        name: (*tensor.shape[:-1], tensor.shape[-1] * per_byte)
        if tensor.dtype in PACKED and tensor.shape and name.endswith(".weight")
        else tensor.shape
        for name, tensor in tensors.items()
    }


def _sum_up(name: PartName, tensors: Iterable[Stored], per_byte: int = 1) -> Part:
    """Sum up the tensors of a part. per_byte: numbers in a byte of packed weights."""
    parameters, dtypes = 0, Counter[str]()
    for tensor in tensors:
        parameters += math.prod(tensor.shape) * (per_byte if tensor.dtype in PACKED else 1)
        dtypes[tensor.dtype] += tensor.bytes
    return Part(name, parameters, dtypes.total(), dict(dtypes))
