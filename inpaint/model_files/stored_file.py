"""List the tensors of a model file, in milliseconds and without loading weights."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from ..core.cache import LRUCache
from ..core.errors import InpaintError, about_file
from .gguf_header import read_gguf
from .pickle_header import read_pickle
from .quantization import NOTE, SCALES
from .safetensors_header import read_safetensors
from .stored_tensors import Stored, damaged

Format = Literal["safetensors", "gguf", "pickle", "legacy pickle"]
SUFFIXES: dict[str, Format] = {
    **dict.fromkeys((".safetensors", ".sft"), "safetensors"),
    ".gguf": "gguf",
    **dict.fromkeys((".ckpt", ".pt", ".pth", ".bin"), "pickle"),
}
READERS: dict[Format, Callable[[BinaryIO, int], dict[str, Stored]]] = {
    "safetensors": read_safetensors,
    "gguf": read_gguf,
    "pickle": read_pickle,
}
# The note beside a quantized layer has some hundred bytes.
MOST_NOTE_BYTES = 4096


@dataclass(frozen=True)
class StoredFile:
    """One model file and its tensors."""

    path: Path
    """Path of the file."""
    format: Format
    """File format."""
    bytes: int
    """File size in bytes."""
    changed: int
    """Time of the last change, in nanoseconds."""
    tensors: Mapping[str, Stored] = field(repr=False, compare=False)
    """The tensors by name, in file order. Empty for a legacy pickle, which cannot be read safely."""
    note: Mapping[str, object] | None = field(default=None, repr=False, compare=False)
    """What ComfyUI wrote beside the largest quantized layer of a safetensors file; None if nothing."""


def header_hash(file: StoredFile) -> str:
    """Return a SHA-256 of a file's size and of its tensors' names, dtypes, shapes and places.

    It tells models apart without reading their weights: two trainings of one layout, in files of one size, look alike.
    """
    tensors = [[name, str(stored.dtype), list(stored.shape), stored.begin] for name, stored in file.tensors.items()]
    return hashlib.sha256(json.dumps([file.bytes, tensors]).encode()).hexdigest()


def read_stored(path: str | Path) -> StoredFile:
    """Read the header of a model file. Results are cached until the file changes.

    Args:
        path: a .safetensors, .sft, .gguf, .ckpt, .pt, .pth or .bin file.

    Raises:
        InpaintError: if the file is missing, unreadable, truncated or damaged, or does not match its suffix.
    """
    path = Path(path)
    with about_file(path):
        check_regular(path)
        stat = path.stat()
        return _read((path, stat.st_size, stat.st_mtime_ns))


@contextmanager
def opened_file(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file for reading, and give its size in bytes.

    Raises:
        InpaintError: if it cannot be read, or is no plain file; a special file could block for ever. Errors raised
            inside the context get the name of the file.
    """
    with about_file(path):
        check_regular(path)
        with path.open("rb") as file:
            yield file, path.stat().st_size


def check_regular(path: Path) -> None:
    """Raise unless a path is that of a plain file."""
    try:
        found = path.is_file()
    except ValueError:  # a NUL in the path
        found = False
    if not found:
        raise InpaintError("no such file. Choose a file that is in the models folder.")


def _read_now(key: tuple[Path, int, int]) -> StoredFile:
    path, size, changed = key
    with path.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        refuse_text(start)
        format = SUFFIXES.get(path.suffix.lower())
        if format is None:
            known = f"{', '.join(list(SUFFIXES)[:-1])} or {list(SUFFIXES)[-1]}"
            raise InpaintError(f"expected a {known} file, got {path.suffix or 'no suffix'}. Choose a model.")
        if format == "pickle" and not start.startswith(b"PK"):
            _check_legacy_pickle(start)
            return StoredFile(path, "legacy pickle", size, changed, {})
        tensors = READERS[format](file, size)
        note = _read_note(file, tensors) if format == "safetensors" else None
        return StoredFile(path, format, size, changed, tensors, note)


def _read_note(file: BinaryIO, tensors: Mapping[str, Stored]) -> Mapping[str, object] | None:
    """Return what ComfyUI wrote of the largest quantized layer: in a small tensor beside it, or in the metadata."""
    marked = [name.removesuffix(NOTE) for name in tensors if name.endswith(NOTE)]
    if marked:
        stored = tensors[max(marked, key=lambda layer: _bytes_of(tensors, layer)) + NOTE]
        if stored.begin is None or stored.bytes > MOST_NOTE_BYTES:
            return None
        file.seek(stored.begin)
        note = _parsed(file.read(stored.bytes))
        return note if isinstance(note, dict) else None
    if not any(name.endswith(SCALES) for name in tensors):
        return None
    header = _parsed(_header(file))
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    written = _parsed(metadata.get("_quantization_metadata", "")) if isinstance(metadata, dict) else None
    layers = written.get("layers") if isinstance(written, dict) else None
    if not isinstance(layers, dict) or not layers:
        return None
    note = layers[max(layers, key=lambda layer: _bytes_of(tensors, layer))]
    return note if isinstance(note, dict) else None


def _header(file: BinaryIO) -> bytes:
    """Return the JSON of a safetensors file, whose length was checked before."""
    file.seek(0)
    return file.read(int.from_bytes(file.read(8), "little"))


def _bytes_of(tensors: Mapping[str, Stored], layer: str) -> int:
    weight = tensors.get(f"{layer}.weight")
    return 0 if weight is None else weight.bytes


def _parsed(text: object) -> object:
    """Return what a text of JSON holds; None if it is none: names and dtypes of the tensors have to say it then."""
    try:
        return json.loads(text) if isinstance(text, (str, bytes)) else None
    except (ValueError, RecursionError):
        return None


# The cache takes about 300 bytes per tensor.
_read = LRUCache(_read_now, size=lambda file: len(file.tensors), most=100_000, count=32)


def refuse_text(start: bytes) -> None:
    """Refuse text: a failed download often saves a web page, an error message or a Git LFS pointer as the model."""
    if not start:
        raise InpaintError("the file is empty. Download it again.")
    if not re.match(rb"(\xef\xbb\xbf)?[\t\r\n -~]{8}", start):  # no model file starts with eight printable characters
        return
    kind = "a web page" if re.search(rb"<(!doctype|html|head)", start, re.IGNORECASE) else "text"
    raise InpaintError(
        f"expected a model, got {kind} that begins {start.decode('utf-8', 'replace').strip()[:60]!r}. "
        "The download saved a page or a message instead of the file. Download it again, signed in if the site asks."
    )


def _check_legacy_pickle(start: bytes) -> None:
    """Refuse a file that starts like another format."""
    if start[8:9] == b"{":
        damaged("a PyTorch pickle", "a safetensors file", "Rename it to end in .safetensors.")
    if start.startswith(b"GGUF"):
        damaged("a PyTorch pickle", "a GGUF file", "Rename it to end in .gguf.")
    if not re.match(rb"\x80[\x02-\x05]", start):
        damaged("a PyTorch pickle", f"bytes {start[:8].hex(' ')}")
