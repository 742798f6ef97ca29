"""List the tensors of a PyTorch checkpoint (.ckpt, .pt, .pth, .bin) without unpickling it.

Unpickling runs code from the file. Even torch's restricted reader hashes and allocates whatever the file describes.
Here the pickle is interpreted as data.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from ..core.errors import InpaintError
from .data_pickle import Foreign, Global, Placed, read_data_pickle
from .stored_tensors import Stored, damaged
from .torch_archive import opened


def read_pickle(file: BinaryIO, file_bytes: int) -> dict[str, Stored]:
    """Return the tensors of a PyTorch zip archive, by name, as `state_dict_of` finds them.

    Args:
        file: the open file, at its start.
        file_bytes: size of the whole file in bytes.

    Raises:
        InpaintError: if it is another kind of archive, is TorchScript, or is damaged.
    """
    with opened(file, file_bytes) as archive:
        if archive.script:
            raise InpaintError(
                "expected a checkpoint, got a TorchScript archive. Use a version of it that holds weights."
            )
        data = archive.pickle()
    top = read_data_pickle(data, archive.storages)
    return {name: tensor.stored for name, tensor in state_dict_of(top).items()}


def state_dict_of(top: Any) -> dict[str, Placed]:
    """Return the tensors of the object that a data.pkl describes, by name.

    They are taken from its "state_dict", else from its only entry if that is a dictionary, else from the object itself.
    The host does the same.

    Raises:
        InpaintError: if the object is no dictionary.
    """
    if type(top) is dict:
        inner = top.get("state_dict", next(iter(top.values())) if len(top) == 1 else None)
        top = inner if type(inner) is dict else top
    if type(top) is not dict:
        got = repr(top.name[:200]) if isinstance(top, Foreign | Global) else type(top).__name__
        damaged("a dictionary of tensors", got, "Use a version of it that holds only weights.")
    return {name: tensor for name, tensor in top.items() if type(tensor) is Placed}
