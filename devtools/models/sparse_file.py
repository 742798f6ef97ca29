"""Sparse safetensors files: a tensor of zeros is only named in the header and takes neither disk space nor time.

File systems without sparse files, such as FAT, write the zeros: slower, but the same file.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from devtools.whole_file import whole_file

if TYPE_CHECKING:
    from torch import Tensor

ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1}  # by safetensors' dtype names
TORCH_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3"}


@dataclass(frozen=True)
class Hole:
    """A tensor of zeros."""

    shape: tuple[int, ...]
    """Its shape."""
    dtype: str = "F16"
    """A key of `ITEM_BYTES`."""


# A string, so that files of holes can be written without torch.
Contents: TypeAlias = "Mapping[str, Tensor | Hole]"


def write_safetensors(path: Path, tensors: Contents) -> Path:
    """Write a safetensors file.

    Args:
        path: where to write. An existing file is replaced once the new one is complete.
        tensors: tensors on the CPU, by name.

    Returns:
        `path`.

    Raises:
        KeyError: if a dtype is not in `ITEM_BYTES`.
    """

    def place(name: str) -> tuple[bool, int, str]:
        """Sort key: wide dtypes first, so that each tensor is aligned; holes last, so that they form one hole."""
        tensor = tensors[name]
        return isinstance(tensor, Hole), -ITEM_BYTES[_dtype(tensor)], name

    order = sorted(tensors, key=place)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name in order:
        shape, dtype = tuple(tensors[name].shape), _dtype(tensors[name])
        end = position + ITEM_BYTES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in (tensors[name] for name in order):
            if not isinstance(tensor, Hole):
                _write(file, tensor)
        file.truncate(8 + len(text) + position)
    return path


def _dtype(tensor: Tensor | Hole) -> str:
    return tensor.dtype if isinstance(tensor, Hole) else TORCH_NAMES[str(tensor.dtype).removeprefix("torch.")]


def _write(file: BinaryIO, tensor: Tensor) -> None:
    import torch

    # As bytes, since numpy has no bfloat16.
    tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tofile(file)
