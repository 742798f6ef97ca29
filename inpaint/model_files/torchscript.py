"""Read the tensors of a TorchScript or other PyTorch zip archive as data, without running any of it.

`torch.jit.load` compiles the code in such an archive and may run some of it. No option of torch prevents this. The
tensors need no code: NAME/data.pkl describes a module as nested dictionaries of attributes, and NAME/data/KEY holds the
bytes of its tensors. The pickle is interpreted as data, the names in it are checked against a short list, and the code
is never opened.

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

from .data_pickle import Foreign, Placed, is_storage_or_dtype, read_data_pickle
from .pickle_header import state_dict_of
from .stored_file import opened_file
from .stored_tensors import MAX_TENSORS, damaged
from .torch_archive import opened

# Prefix of the classes that the archive itself defines. They are never imported: only their attributes are read.
OWN_PREFIX = "__torch__."
_KNOWN = {
    "collections.OrderedDict",
    "torch.device",
    *(f"torch._utils._rebuild_{what}" for what in ("tensor", "tensor_v2", "tensor_v3", "parameter")),
    *(f"torch.jit._pickle.build_{kind}list" for kind in ("int", "tensor", "double", "bool")),
    "torch.jit._pickle.restore_type_tag",
}
# The deepest known archive has 12 levels and 900 modules.
_MAX_DEPTH = 64
_MAX_MODULES, _MAX_ATTRIBUTES = 50_000, 1_000_000

_TORCH = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "BOOL": torch.bool, "U8": torch.uint8},
    **{"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8},
}


@dataclass(frozen=True)
class Archived:
    """An archive whose tensors are described but not loaded."""

    path: Path
    """Path of the file."""
    script: bool
    """Whether it is a TorchScript archive."""
    tensors: Mapping[str, Placed] = field(repr=False)
    """The tensors by name.

    TorchScript names are attribute paths ("model.0.weight"), as in `torch.jit.load(...).state_dict()`. Other archives
    have the names of their state dict.
    """

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Load these tensors. Tensors that share a storage in the archive share memory.

        Raises:
            InpaintError: if one of them is damaged, or the file has changed since it was described.
        """
        wanted = {name: self.tensors[name] for name in names}
        with opened_file(self.path) as (file, size_now), opened(file, size_now) as archive:
            storages: dict[str, Tensor] = {}
            for tensor in wanted.values():
                key, size = tensor.storage.key, tensor.storage.bytes
                if archive.storages.get(key) != size:
                    damaged(f"{size:,} bytes of storage {key[:200]!r}", "another size: the file has changed")
                if key not in storages:
                    storages[key] = torch.empty(size, dtype=torch.uint8)
                    storages[key].numpy()[:] = np.frombuffer(archive.storage(key), np.uint8)
            swap_bytes = not archive.little_endian()
        return {name: _view(tensor, storages[tensor.storage.key], swap_bytes) for name, tensor in wanted.items()}


def is_archive(path: str | Path) -> bool:
    """Whether a file starts like a zip archive."""
    with opened_file(Path(path)) as (file, _):
        return file.read(4) == b"PK\x03\x04"


def read_archive(path: str | Path) -> Archived:
    """Describe the tensors of a TorchScript module or a saved state dict.

    Objects other than tensors are ignored in a state dict.

    Raises:
        InpaintError: if the file cannot be read, is damaged, is another kind of archive, or is TorchScript that refers
            to anything but containers and tensors.
    """
    path = Path(path)
    with opened_file(path) as (file, size):
        with opened(file, size) as archive:
            script, data = archive.script, archive.pickle()
        top = read_data_pickle(data, archive.storages, _known_in_script if script else lambda name: True)
        tensors = _attributes(top) if script else state_dict_of(top)
        for name, tensor in tensors.items():
            if tensor.dtype not in _TORCH:
                damaged(f"a dtype of weights for {name[:200]!r}", tensor.dtype)
            if tensor.bytes > tensor.storage.bytes:  # a stride of 0 can describe a huge tensor in a small file
                damaged(f"{tensor.storage.bytes:,} bytes for {name[:200]!r}", f"shape {list(tensor.shape)}")
    return Archived(path, script, tensors)


def _known_in_script(name: str) -> bool:
    return name.startswith(OWN_PREFIX) or name in _KNOWN or is_storage_or_dtype(name)


def _attributes(top: Any) -> dict[str, Placed]:
    """Return the tensors of a module and its submodules, by attribute path."""
    if not _is_module(top):
        damaged("a TorchScript module", repr(top.name[:200]) if type(top) is Foreign else type(top).__name__)
    found: dict[str, Placed] = {}
    pending, module_count, attribute_count = [("", top, 0)], 0, 0
    while pending:
        prefix, module, depth = pending.pop()
        module_count += 1
        attribute_count += len(module.state)
        # A module may be an attribute of several modules: a short file can describe exponentially many paths.
        if attribute_count > _MAX_ATTRIBUTES:
            damaged(f"at most {_MAX_ATTRIBUTES:,} attributes of modules", "more")
        if module_count > _MAX_MODULES or depth > _MAX_DEPTH or len(found) > MAX_TENSORS:
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
        pending += reversed(inner)
    return found


def _is_module(value: Any) -> bool:
    return type(value) is Foreign and value.name.startswith(OWN_PREFIX) and type(value.state) is dict


def _view(tensor: Placed, storage: Tensor, swap_bytes: bool) -> Tensor:
    """Return a tensor as a view of its storage, a [bytes] uint8 tensor; a copy if bytes are swapped."""
    dtype = _TORCH[tensor.dtype]
    usable = len(storage) // dtype.itemsize * dtype.itemsize
    view = storage[:usable].view(dtype).as_strided(tensor.shape, tensor.stride, tensor.offset)
    if not swap_bytes or not view.numel():
        return view
    numbers = view.contiguous().view(-1, 1).view(torch.uint8)
    return numbers.flip(-1).view(dtype).view(tensor.shape)
