"""Read the header of a safetensors file.

The file consists of the header length (8 bytes), a JSON header, and the tensors' bytes without gaps. The header is not
read with `safetensors.safe_open`, since that maps the whole file, which fails if the file is larger than memory.

Source: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, BinaryIO

from .stored_tensors import MAX_DIMENSIONS, MAX_HEADER_BYTES, MAX_TENSORS, Stored, damaged, truncated

DTYPE_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F16", "BF16", "U16", "I16"), 16),
    **dict.fromkeys(("F32", "U32", "I32"), 32),
    **dict.fromkeys(("F64", "U64", "I64", "C64"), 64),
}

# Upper bounds of JSON tokens per tensor. They keep a hostile header from expanding a hundredfold when it is parsed.
# They are generous, because the metadata that trainers write is counted too.
MAX_JSON_TOKENS = {b"{": 2, b"[": 4, b",": 12, b'"': 16}
# Headers up to this size are parsed without counting. Even expanded a hundredfold, they fit into memory.
UNCOUNTED_BYTES = 1_000_000


def read_safetensors(file: BinaryIO, file_bytes: int) -> dict[str, Stored]:
    """Return the tensors of a safetensors file, by name. Only the header is read.

    Args:
        file: the open file, at its start.
        file_bytes: size of the whole file in bytes.

    Raises:
        InpaintError: if the header is damaged, or does not match the size of the file.
    """
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    if start.startswith((b"PK\x03\x04", b"\x80\x02")) and start[8:9] != b"{":
        damaged("a safetensors header", "a PyTorch pickle", "Rename it to end in .ckpt.")
    if start.startswith(b"GGUF"):
        damaged("a safetensors header", "a GGUF file", "Rename it to end in .gguf.")
    if len(start) < 9 or not 2 <= length <= MAX_HEADER_BYTES:
        damaged(f"a header of 2 to {MAX_HEADER_BYTES:,} bytes", f"{length:,} bytes")
    if 8 + length > file_bytes:
        truncated(f"start describes {length:,} bytes of header", file_bytes - 8)
    text = start[8:] + file.read(length - 1)
    if not text.startswith(b"{"):
        damaged("a header that is a JSON object", f"one that begins {text[:20]!r}")
    for token, most in MAX_JSON_TOKENS.items() if length > UNCOUNTED_BYTES else ():
        if text.count(token) > most * MAX_TENSORS:
            damaged(f"a header of at most {MAX_TENSORS:,} tensors", f"{text.count(token):,} times {token.decode()}")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except RecursionError:
        damaged("a header of flat JSON", "JSON nested too deep to read")
    except ValueError as error:  # not UTF-8, not JSON, a number with too many digits, or a duplicate name
        damaged("a header of JSON", str(error))
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        damaged(f"a header of at most {MAX_TENSORS:,} tensors", f"{len(header):,}")
    tensors = {}
    places = []
    for name, entry in header.items():
        tensors[name], begin, end = _read_entry(name, entry, 8 + length)
        places.append((begin, end, name))
    _check_layout(sorted(places), file_bytes - 8 - length)
    return tensors


def _read_entry(name: str, entry: Any, start: int) -> tuple[Stored, int, int]:
    """Return the tensor of one entry, and where its bytes begin and end in the data, which starts at `start`."""
    # A file has thousands of entries, so the checks use few calls.
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [*shape, begin, end]
        known = dtype in DTYPE_BITS
    except (KeyError, TypeError, ValueError):
        damaged(f"dtype, shape and data_offsets of tensor {name[:200]!r}", f"{entry!r}"[:200])
    if not known:
        todo = "Update Mend, or use an fp16 version of it."
        damaged(f"a known dtype for tensor {name[:200]!r}", f"{dtype!r}"[:200], todo)
    whole = set(map(type, numbers)) == {int} and min(numbers) >= 0 and max(numbers) < 2**63
    if not whole or len(numbers) > MAX_DIMENSIONS + 2:
        damaged(f"whole numbers from 0 for tensor {name[:200]!r}", f"shape {shape!r}, offsets {begin!r}, {end!r}"[:200])
    bits = math.prod(shape) * DTYPE_BITS[dtype]
    if bits != 8 * (end - begin):
        expected = f"{_counted(-(-bits // 8))} bytes for tensor {name[:200]!r} ({dtype} {shape})"
        damaged(expected, f"{end - begin:,}")
    return Stored(dtype, tuple(shape), end - begin, start + begin), begin, end


def _counted(count: int) -> str:
    """Return a number for a message. A hostile shape has thousands of digits, which Python refuses to print."""
    return f"{count:,}" if count < 2**64 else "more than 2^64"


def _check_layout(places: list[tuple[int, int, str]], data_bytes: int) -> None:
    """Check that tensors of (begin, end, name) fill the data without gaps or overlaps."""
    position = 0
    for begin, end, name in places:
        if begin != position:
            damaged(f"tensor {name[:200]!r} to start at byte {position:,} of the data", f"{begin:,}")
        position = end
    if position > data_bytes:
        truncated(f"header describes {position:,} bytes of tensors", data_bytes)
    if position < data_bytes:
        damaged(f"{position:,} bytes of tensors", f"{data_bytes:,}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """Build a dict for `json.loads`. Raises ValueError if a name occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the name {name[:200]!r} {count} times")
    return found
