"""What a PyTorch checkpoint (.ckpt, .pt, .pth, .bin) holds, without unpickling it.

Unpickling runs whatever a file asks for, and even torch's restricted reader hashes and allocates what it is told to;
here the pickle is walked as data.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from ..core.errors import InpaintError
from .data_pickle import Foreign, Global, Placed, read_data_pickle
from .stored_tensors import Stored, damaged
from .torch_archive import opened


def read_pickle(file: BinaryIO, file_bytes: int) -> dict[str, Stored]:
    """The tensors of a PyTorch zip archive, by name, as `state_dict_of` finds them.

    Args:
        file: at its start.
        file_bytes: how long the whole file is.

    Raises:
        InpaintError: if it is another archive, or its parts do not fit together.
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
    """The tensors of what a data.pkl describes: those of its "state_dict", of its only entry where that holds others,
    else of its top. The host reads them so too.

    Raises:
        InpaintError: if it is no dictionary.
    """
    if type(top) is dict:
        inner = top.get("state_dict", next(iter(top.values())) if len(top) == 1 else None)
        top = inner if type(inner) is dict else top
    if type(top) is not dict:
        got = top.name[:200] if isinstance(top, Foreign | Global) else type(top).__name__
        damaged("a dictionary of tensors", got, "Use a version of it that holds only weights.")
    return {name: tensor for name, tensor in top.items() if type(tensor) is Placed}
