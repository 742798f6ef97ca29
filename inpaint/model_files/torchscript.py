"""The tensors of a TorchScript archive, or of another zip archive of PyTorch's, read as data: nothing in it is run.

`torch.jit.load` compiles the code that such an archive carries, and may run some of it; no option of torch's keeps it
from that. The tensors need no code: NAME/data.pkl describes a module as nested dictionaries of attributes, and
NAME/data/KEY hold their bytes. The pickle is walked as data; what it names is held against a short list; the archive's
code is never opened.

Source: torch/csrc/jit/serialization of PyTorch (export_module.cpp, pickler.cpp).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import about_file
from .data_pickle import Foreign, Placed, is_storage_or_dtype, read_data_pickle
from .pickle_header import state_dict_of
from .stored_tensors import MAX_TENSORS, damaged
from .torch_archive import opened

# Classes of the archive's own are under this name. They are never looked up: what they hold is all that counts.
OWN = "__torch__."
_KNOWN = {
    "collections.OrderedDict",
    "torch.device",
    *(f"torch._utils._rebuild_{what}" for what in ("tensor", "tensor_v2", "tensor_v3", "parameter")),
    *(f"torch.jit._pickle.build_{kind}list" for kind in ("int", "tensor", "double", "bool")),
    "torch.jit._pickle.restore_type_tag",
}
# The deepest known has 12 levels, and 900 modules.
_MAX_DEPTH = 64
_MAX_MODULES, _MAX_ATTRIBUTES = 50_000, 1_000_000

_TORCH = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "BOOL": torch.bool, "U8": torch.uint8},
    **{"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8},
}


@dataclass(frozen=True)
class Archived:
    """A file whose tensors are known and unread.

    script: whether it is TorchScript. tensors: by the path of attributes that leads to them ("model.0.weight"), as
    `torch.jit.load(...).state_dict()` names them; of another archive by its own names.
    """

    path: Path
    script: bool
    tensors: Mapping[str, Placed] = field(repr=False)

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors, read; those that share memory in the archive share it here.

        Raises:
            InpaintError: if the file is damaged there, or has changed meanwhile.
        """
        wanted = {name: self.tensors[name] for name in names}
        with about_file(self.path), self.path.open("rb") as file, opened(file, self.path.stat().st_size) as archive:
            storages: dict[str, Tensor] = {}
            for tensor in wanted.values():
                key, size = tensor.storage.key, tensor.storage.bytes
                if archive.storages.get(key) != size:
                    damaged(f"{size:,} bytes of storage {key[:200]!r}", "others: the file has changed")
                if key not in storages:
                    storages[key] = torch.empty(size, dtype=torch.uint8)
                    storages[key].numpy()[:] = np.frombuffer(archive.storage(key), np.uint8)
            swap = not archive.little_endian()
        return {name: _made(tensor, storages[tensor.storage.key], swap) for name, tensor in wanted.items()}


def is_archive(path: str | Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with about_file(Path(path)), open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def read_archive(path: str | Path) -> Archived:
    """What an archive of PyTorch's holds: a TorchScript module, or a saved state dict.

    Raises:
        InpaintError: if it cannot be read, is damaged or another archive, or is TorchScript that asks for anything but
            containers and tensors. Other objects of a plain pickle are passed by.
    """
    path = Path(path)
    with about_file(path):
        with path.open("rb") as file, opened(file, path.stat().st_size) as archive:
            script, data = archive.script, archive.pickle()
        top = read_data_pickle(data, archive.storages, _known_in_script if script else lambda name: True)
        tensors = _attributes(top) if script else state_dict_of(top)
        for name, tensor in tensors.items():
            if tensor.dtype not in _TORCH:
                damaged(f"weights, of a dtype that they have, in {name[:200]!r}", tensor.dtype)
            if tensor.bytes > tensor.storage.bytes:  # by a stride of 0, which costs nothing to describe
                damaged(f"{tensor.storage.bytes:,} bytes for {name[:200]!r}", f"shape {list(tensor.shape)}")
    return Archived(path, script, tensors)


def _known_in_script(name: str) -> bool:
    return name.startswith(OWN) or name in _KNOWN or is_storage_or_dtype(name)


def _attributes(top: Any) -> dict[str, Placed]:
    """The tensors in a module and in its modules, by the path of attributes."""
    if not _is_module(top):
        damaged("a TorchScript module", top.name[:200] if type(top) is Foreign else type(top).__name__)
    found: dict[str, Placed] = {}
    waiting, seen, looked_at = [("", top, 0)], 0, 0
    while waiting:
        prefix, module, depth = waiting.pop()
        seen += 1
        looked_at += len(module.state)
        # A module in two places is named twice, and so on within: a short file can name more than there is room for.
        if looked_at > _MAX_ATTRIBUTES:
            damaged(f"at most {_MAX_ATTRIBUTES:,} attributes of modules", "more")
        if seen > _MAX_MODULES or depth > _MAX_DEPTH or len(found) > MAX_TENSORS:
            damaged(f"at most {_MAX_MODULES:,} modules, {_MAX_DEPTH} deep, of {MAX_TENSORS:,} tensors", "more")
        inner = []
        for name, value in module.state.items():
            if type(value) is Placed:
                if prefix + name in found:
                    damaged("each tensor's name once", f"{prefix + name!r}"[:200])
                found[prefix + name] = value
            elif _is_module(value):
                inner.append((f"{prefix}{name}.", value, depth + 1))
            if len(prefix) + len(name) > 1000:
                damaged("names of at most 1,000 characters", f"{len(prefix) + len(name):,}")
        waiting += reversed(inner)
    return found


def _is_module(value: Any) -> bool:
    return type(value) is Foreign and value.name.startswith(OWN) and type(value.state) is dict


def _made(tensor: Placed, storage: Tensor, swap: bool) -> Tensor:
    dtype = _TORCH[tensor.dtype]
    whole = len(storage) // dtype.itemsize * dtype.itemsize
    view = storage[:whole].view(dtype).as_strided(tensor.shape, tensor.stride, tensor.offset)
    if not swap or not view.numel():
        return view
    numbers = view.contiguous().view(-1, 1).view(torch.uint8)
    return numbers.flip(-1).view(dtype).view(tensor.shape)
