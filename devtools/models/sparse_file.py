"""Safetensors files with holes: a tensor of zeros is named in the header and costs neither disk nor time.

(On file systems without sparse files, such as FAT, the zeros are written by the system: slower, the same file.)
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

ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1}  # by safetensors' names of dtypes
TORCH_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3"}


@dataclass(frozen=True)
class Hole:
    """A tensor of zeros. dtype: one of `ITEM_BYTES`."""

    shape: tuple[int, ...]
    dtype: str = "F16"


# For type checkers only: whoever writes nothing but holes needs no torch.
Contents: TypeAlias = "Mapping[str, Tensor | Hole]"


def write_safetensors(path: Path, tensors: Contents) -> Path:
    """Write a safetensors file.

    Args:
        path: replaced if it exists, and only by a whole file.
        tensors: by name; on the CPU.

    Returns:
        `path`.

    Raises:
        KeyError: at a dtype that is not in `ITEM_BYTES`.
    """

    def place(name: str) -> tuple[bool, int, str]:
        """Wide items first, so that each tensor is aligned; holes last, so that they are one."""
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
