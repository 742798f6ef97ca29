"""Read the zip archives that PyTorch writes.

NAME/data.pkl is a pickle that describes tensors. NAME/data/KEY holds their bytes. TorchScript archives also have
NAME/constants.pkl and NAME/code/, which are never opened here.

Source: torch.serialization and caffe2/serialize/inline_container.h of PyTorch.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..core.errors import InpaintError
from .stored_tensors import damaged

MAX_PICKLE_BYTES = 8_000_000
# Enough for about 20,000 tensors. Python's zipfile needs 20 times as much memory.
MAX_DIRECTORY_BYTES = 2_000_000


class TorchArchive:
    """An open archive whose directory was read and checked.

    Attributes:
        script: whether it is a TorchScript archive.
        storages: size in bytes of each storage, by key.
    """

    def __init__(self, archive: zipfile.ZipFile, bounded: _BoundedReads, file_bytes: int):
        self._archive, self._bounded = archive, bounded
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        roots = [name[: -len("data.pkl")] for name in sizes if name.endswith("/data.pkl") and name.count("/") == 1]
        if not roots:
            raise InpaintError("expected a PyTorch file, got another zip archive. Unpack it first.")
        self._root = root = roots[0]
        self.script = root + "constants.pkl" in sizes or any(name.startswith(root + "code/") for name in sizes)
        data = (root + "data.pkl", root + "data/")
        for entry in archive.infolist():
            # TorchScript compresses its code, which is not read.
            if self.script and not entry.filename.startswith(data):
                continue
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                damaged("an archive of uncompressed entries", f"{entry.filename[:200]!r} compressed")
        total = sum(entry.compress_size for entry in archive.infolist())
        if len(sizes) < len(archive.infolist()) or total > file_bytes:
            damaged(
                f"entries of at most {file_bytes:,} bytes in all, each name once",
                f"{len(archive.infolist())} entries of {total:,} bytes",
            )
        if sizes[root + "data.pkl"] > MAX_PICKLE_BYTES:
            damaged(f"a data.pkl of at most {MAX_PICKLE_BYTES:,} bytes", f"{sizes[root + 'data.pkl']:,}")
        start = f"{root}data/"
        self.storages = {name.removeprefix(start): size for name, size in sizes.items() if name.startswith(start)}

    def pickle(self) -> bytes:
        """Return the bytes of data.pkl."""
        return self._read("data.pkl", MAX_PICKLE_BYTES)

    def storage(self, key: str) -> bytes:
        """Return the bytes of one of `storages`."""
        return self._read(f"data/{key}", self.storages[key])

    def little_endian(self) -> bool:
        """Whether its numbers are little-endian, as on every computer that this runs on."""
        try:
            return self._read("byteorder", 100).strip() != b"big"
        except KeyError:  # older files lack this entry; they are taken as little-endian
            return True

    def _read(self, name: str, most: int) -> bytes:
        self._bounded.limit = max(most, 4096)  # zipfile's own buffer
        return self._archive.read(self._root + name)


@contextmanager
def opened(file: BinaryIO, file_bytes: int) -> Iterator[TorchArchive]:
    """Open a PyTorch zip archive for reading.

    Args:
        file: the open file, at its start.
        file_bytes: size of the whole file in bytes.

    Raises:
        InpaintError: if it is another kind of archive, its directory is damaged, or an entry that is read inside the
            context fails its checksum.
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
    """A file that refuses reads longer than `limit`, since zipfile trusts the directory size that a file claims."""

    def __init__(self, file: BinaryIO, limit: int):
        self.limit, self._file = limit, file
        self.seek, self.tell, self.seekable = file.seek, file.tell, lambda: True

    def read(self, count: int = -1) -> bytes:
        if count > self.limit:
            damaged(f"a zip directory of at most {self.limit:,} bytes", f"{count:,}")
        return self._file.read(self.limit if count < 0 else count)
