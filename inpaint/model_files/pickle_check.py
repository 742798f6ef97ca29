"""Check a PyTorch pickle before another reader gets it.

`torch.load(weights_only=True)` runs no code of a file, but it hashes and allocates what the file describes: 180 bytes
of nested tuples as a key take it hours, with the whole process standing still. So the pickle is walked as data first.
"""

from __future__ import annotations

from pathlib import Path

from .data_pickle import read_data_pickle, read_legacy_pickle
from .stored_file import SUFFIXES, opened_file, refuse_text
from .torch_archive import opened


def check_pickle(path: str | Path) -> None:
    """Walk the pickles of a PyTorch file as data. Files with the suffix of another format are not looked at.

    Raises:
        InpaintError: if the file is missing, special or damaged, or if one of its pickles would make a reader hash or
            allocate more than the file holds.
    """
    path = Path(path)
    if SUFFIXES.get(path.suffix.lower(), "pickle") != "pickle":
        return
    with opened_file(path) as (file, size):
        start = file.read(512)
        file.seek(0)
        refuse_text(start)
        if start.startswith(b"PK\x03\x04"):
            with opened(file, size) as archive:
                read_data_pickle(archive.pickle(), archive.storages)
        else:
            read_legacy_pickle(file)
