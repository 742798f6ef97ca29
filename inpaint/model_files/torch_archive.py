"""The zip archives that PyTorch writes: NAME/data.pkl, a pickle that describes tensors, and NAME/data/KEY, their bytes.

TorchScript writes them with NAME/constants.pkl and NAME/code/ besides, which nothing here ever opens.

Source: torch.serialization of PyTorch, and caffe2/serialize/inline_container.h of it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..core.errors import InpaintError
from .stored_tensors import damaged

MAX_PICKLE_BYTES = 8_000_000
# About 20,000 tensors. Python's zipfile needs 20 times the memory.
MAX_DIRECTORY_BYTES = 2_000_000


class TorchArchive:
    """One that is open, its directory read and checked.

    script: whether it is one of TorchScript. storages: bytes of each storage, by key.
    """

    def __init__(self, archive: zipfile.ZipFile, bounded: _BoundedReads, file_bytes: int):
        self._archive, self._bounded = archive, bounded
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        roots = [name[: -len("data.pkl")] for name in sizes if name.endswith("/data.pkl") and name.count("/") == 1]
        if not roots:
            raise InpaintError("expected a PyTorch file, got another zip archive. Unpack it first.")
        self._root = root = roots[0]
        self.script = root + "constants.pkl" in sizes or any(name.startswith(root + "code/") for name in sizes)
        read = (root + "data.pkl", root + "data/")
        for entry in archive.infolist():
            # What TorchScript compresses is its code.
            if self.script and not entry.filename.startswith(read):
                continue
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                damaged("an archive of uncompressed entries", f"{entry.filename[:200]!r} compressed")
        total = sum(entry.compress_size for entry in archive.infolist())
        if len(sizes) < len(archive.infolist()) or total > file_bytes:
            damaged(
                f"entries of at most {file_bytes:,} bytes, each name once", f"{len(archive.infolist())} of {total:,}"
            )
        if sizes[root + "data.pkl"] > MAX_PICKLE_BYTES:
            damaged(f"a data.pkl of at most {MAX_PICKLE_BYTES:,} bytes", f"{sizes[root + 'data.pkl']:,}")
        start = f"{root}data/"
        self.storages = {name.removeprefix(start): size for name, size in sizes.items() if name.startswith(start)}

    def pickle(self) -> bytes:
        """The data.pkl, unread."""
        return self._read("data.pkl", MAX_PICKLE_BYTES)

    def storage(self, key: str) -> bytes:
        """The bytes of one of `storages`."""
        return self._read(f"data/{key}", self.storages[key])

    def little_endian(self) -> bool:
        """Whether numbers in it have their least byte first, as on every computer that this runs on."""
        try:
            return self._read("byteorder", 100).strip() != b"big"
        except KeyError:  # older files do not say
            return True

    def _read(self, name: str, most: int) -> bytes:
        self._bounded.limit = max(most, 4096)  # zipfile's own buffer
        return self._archive.read(self._root + name)


@contextmanager
def opened(file: BinaryIO, file_bytes: int) -> Iterator[TorchArchive]:
    """A PyTorch zip archive.

    Args:
        file: at its start.
        file_bytes: how long the whole file is.

    Raises:
        InpaintError: if it is another archive, its directory does not fit it, or what is read of it meanwhile is not
            what its checksum says.
    """
    bounded = _BoundedReads(file, MAX_DIRECTORY_BYTES)
    archive: Any = bounded
    try:
        if not zipfile.is_zipfile(archive):
            raise InpaintError("the file is truncated: its end is missing. Download it again.")
        with zipfile.ZipFile(archive) as archive:
            yield TorchArchive(archive, bounded, file_bytes)
    except InpaintError:
        raise
    except (zipfile.BadZipFile, ValueError, OSError, OverflowError, RuntimeError, EOFError) as error:
        damaged("a zip archive", f"{error}"[:200])


class _BoundedReads:
    """A file of which no read is longer than `limit`: zipfile reads as much as a file claims its directory to be."""

    def __init__(self, file: BinaryIO, limit: int):
        self.limit, self._file = limit, file
        self.seek, self.tell, self.seekable = file.seek, file.tell, lambda: True

    def read(self, count: int = -1) -> bytes:
        if count > self.limit:
            damaged(f"a zip directory of at most {self.limit:,} bytes", f"{count:,}")
        return self._file.read(self.limit if count < 0 else count)
