"""What a PyTorch checkpoint (.ckpt, .pt, .pth, .bin) holds, without unpickling it.

It is a zip of stored files: NAME/data.pkl, a pickle that describes the tensors, and NAME/data/KEY, their bytes.
Unpickling runs whatever a file asks for, and even torch's restricted reader hashes and allocates what it is told to;
here the pickle is walked as data.

Source: torch.serialization of PyTorch.
"""

from __future__ import annotations

import zipfile
from typing import Any, BinaryIO

from .data_pickle import Foreign, Global, read_data_pickle
from .errors import InpaintError
from .stored_tensors import Stored, damaged

MAX_PICKLE_BYTES = 8_000_000
# About 20,000 tensors. Python's zipfile needs 20 times the memory.
MAX_DIRECTORY_BYTES = 2_000_000


def read_pickle(file: BinaryIO, file_bytes: int) -> dict[str, Stored]:
    """The tensors of a PyTorch zip archive, by name: those of its "state_dict", of its only entry where that holds
    others, else of its top. The host reads them so too.

    Args:
        file: at its start.
        file_bytes: how long the whole file is.

    Raises:
        InpaintError: if it is another archive, or its parts do not fit together.
    """
    bounded: Any = _BoundedReads(file, MAX_DIRECTORY_BYTES)
    try:
        if not zipfile.is_zipfile(bounded):
            raise InpaintError("the file is truncated: its end is missing. Download it again.")
        with zipfile.ZipFile(bounded) as archive:
            root, sizes = _find_pickle(archive, file_bytes)
            bounded.limit = MAX_PICKLE_BYTES
            data = archive.read(root + "data.pkl")
    except InpaintError:
        raise
    except (zipfile.BadZipFile, ValueError, OSError, OverflowError, RuntimeError, EOFError) as error:
        damaged("a zip archive", f"{error}"[:200])
    start = f"{root}data/"
    storages = {name.removeprefix(start): size for name, size in sizes.items() if name.startswith(start)}
    top = read_data_pickle(data, storages)
    if type(top) is dict:
        inner = top.get("state_dict", next(iter(top.values())) if len(top) == 1 else None)
        top = inner if type(inner) is dict else top
    if type(top) is not dict:
        got = top.name[:200] if isinstance(top, Foreign | Global) else type(top).__name__
        damaged("a dictionary of tensors", got, "Use a version of it that holds only weights.")
    return {name: tensor for name, tensor in top.items() if type(tensor) is Stored}


class _BoundedReads:
    """A file of which no read is longer than `limit`: zipfile reads as much as a file claims its directory to be."""

    def __init__(self, file: BinaryIO, limit: int):
        self.limit, self._file = limit, file
        self.seek, self.tell, self.seekable = file.seek, file.tell, lambda: True

    def read(self, count: int = -1) -> bytes:
        if count > self.limit:
            damaged(f"a zip directory of at most {self.limit:,} bytes", f"{count:,}")
        return self._file.read(self.limit if count < 0 else count)


def _find_pickle(archive: zipfile.ZipFile, file_bytes: int) -> tuple[str, dict[str, int]]:
    """The folder that data.pkl is in, and the bytes of each entry by name."""
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    roots = [name[: -len("data.pkl")] for name in sizes if name.endswith("/data.pkl") and name.count("/") == 1]
    if not roots:
        raise InpaintError("expected a PyTorch file, got another zip archive. Unpack it first.")
    root = roots[0]
    if root + "constants.pkl" in sizes or any(name.startswith(root + "code/") for name in sizes):
        raise InpaintError("expected a checkpoint, got a TorchScript archive. Use a version of it that holds weights.")
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            damaged("an archive of uncompressed entries", f"{entry.filename[:200]!r} compressed")
    total = sum(entry.file_size for entry in archive.infolist())
    if len(sizes) < len(archive.infolist()) or total > file_bytes:
        damaged(f"entries of at most {file_bytes:,} bytes, each name once", f"{len(archive.infolist())} of {total:,}")
    if sizes[root + "data.pkl"] > MAX_PICKLE_BYTES:
        damaged(f"a data.pkl of at most {MAX_PICKLE_BYTES:,} bytes", f"{sizes[root + 'data.pkl']:,}")
    return root, sizes
