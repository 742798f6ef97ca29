"""Read the header of a GGUF file.

The file consists of "GGUF", a version, two counts, keys with values, one entry per tensor, and the tensors' bytes. Each
tensor is padded to the file's alignment.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; block sizes: GGML_QUANT_SIZES of gguf-py there.
"""

from __future__ import annotations

import math
import struct
from typing import BinaryIO

from ..core.errors import InpaintError
from .stored_tensors import MAX_DIMENSIONS, MAX_HEADER_BYTES, Stored, damaged, truncated

# Tensor types: dtype name, elements per block, bytes per block.
BLOCKS = {
    **{0: ("F32", 1, 4), 1: ("F16", 1, 2), 30: ("BF16", 1, 2), 28: ("F64", 1, 8)},
    **{24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8)},
    **{2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24)},
    **{8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 20: ("IQ4_NL", 32, 18), 23: ("IQ4_XS", 256, 136)},
    **{10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176)},
    **{14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292)},
}
# Value types other than strings and arrays: format characters of `struct`.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_DEPTH = 4
# Strings and arrays inside arrays, in total. The largest known vocabularies have 800,000.
_MAX_ITEMS = 1_000_000
_MAX_ENTRIES = 65_536
# Bytes per read. The header of a diffusion model is smaller; a vocabulary has several megabytes.
_BLOCK_BYTES = 262_144
_LENGTH = struct.Struct("<Q").unpack_from
_MAX_NAME_BYTES = 65_536
# ggml has at most 4 dimensions; files of video models contain 5-D convolutions.
_MAX_TENSOR_DIMENSIONS = 5
_ORIGINAL_SHAPE = "comfy.gguf.orig_shape."


def read_gguf(file: BinaryIO, file_bytes: int) -> dict[str, Stored]:
    """Return the tensors of a GGUF file, by name. Only the header is read.

    A tensor that was reshaped for quantisation is returned with its original shape.

    Args:
        file: the open file, at its start.
        file_bytes: size of the whole file in bytes.

    Raises:
        InpaintError: if the header is damaged or unsupported, or does not match the size of the file.
    """
    cursor = _Cursor(file, file_bytes)
    magic = cursor.take(4)
    if magic != b"GGUF":
        damaged("a GGUF header", f"bytes {magic.hex(' ')}")
    (version,) = cursor.numbers("I")
    if version and not version & 0xFFFF:
        raise InpaintError("expected a little-endian GGUF file, got a big-endian one. Use another version of it.")
    if version not in (2, 3):
        raise InpaintError(f"expected GGUF version 2 or 3, got {version}. Update Mend, or use another version of it.")
    tensor_count, key_count = cursor.numbers("QQ")
    for count, what, least in (key_count, "keys", 13), (tensor_count, "tensors", 24):
        if count > _MAX_ENTRIES:
            damaged(f"at most {_MAX_ENTRIES:,} {what}", f"{count:,}")
        cursor.expect(count * least)
    values = _read_values(cursor, key_count)
    alignment = values.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        damaged("an alignment that is a power of 2", f"{alignment}"[:200])
    tensors: dict[str, Stored] = {}
    places = []
    for _ in range(tensor_count):
        name, tensor, offset = _read_entry(cursor, values)
        if name in tensors:
            damaged("each name once", f"tensor {name[:200]!r} twice")
        tensors[name] = tensor
        places.append((offset, tensor.bytes, name))
    _check_layout(sorted(places), alignment, max(0, file_bytes - _padded(cursor.position, alignment)))
    return tensors


class _Cursor:
    """Reads the header forward in blocks, up to the end of the file or `MAX_HEADER_BYTES`."""

    def __init__(self, file: BinaryIO, file_bytes: int):
        self.file, self.file_bytes = file, file_bytes
        self.data = bytearray()  # everything read so far
        self.position = 0
        self.items = 0

    def expect(self, count: int) -> None:
        """Raise InpaintError unless the file and the header limit leave room for `count` more bytes."""
        end = self.position + count
        if end > self.file_bytes:
            truncated(f"header describes {end:,} bytes", self.file_bytes)
        if end > MAX_HEADER_BYTES:
            damaged(f"a header of at most {MAX_HEADER_BYTES:,} bytes", f"{end:,} bytes or more")

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        self.skip(count)
        return bytes(self.data[self.position - count : self.position])

    def skip(self, count: int) -> None:
        """Move `count` bytes forward."""
        self.expect(count)
        self.position += count
        missing = self.position - len(self.data)
        if missing > 0:
            most = min(self.file_bytes, MAX_HEADER_BYTES) - len(self.data)
            self.data += self.file.read(min(max(missing, _BLOCK_BYTES), most))
        if self.position > len(self.data):
            truncated(f"header describes {self.position:,} bytes", len(self.data))

    def skip_strings(self, count: int) -> None:
        """Skip `count` strings. Strings that are already read cost no method call: a vocabulary has up to a million."""
        position, available = self.position, len(self.data)
        for _ in range(count):
            end = position + 8
            if end <= available:
                end += _LENGTH(self.data, position)[0]
            if end <= available:
                position = end
                continue
            self.position = position
            self.skip(*self.numbers("Q"))
            position, available = self.position, len(self.data)
        self.position = position

    def numbers(self, form: str) -> tuple:
        """Return the next numbers, given as a `struct` format without byte order."""
        position = self.position
        self.skip(struct.calcsize("<" + form))
        return struct.unpack_from("<" + form, self.data, position)

    def name(self) -> str:
        """Return the next string, which is a name."""
        (length,) = self.numbers("Q")
        if length > _MAX_NAME_BYTES:
            damaged(f"a name of at most {_MAX_NAME_BYTES:,} bytes", f"{length:,} bytes")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            damaged("a name in UTF-8", str(error))


def _read_values(cursor: _Cursor, count: int) -> dict[str, int | float | tuple | None]:
    values: dict[str, int | float | tuple | None] = {}
    for _ in range(count):
        key = cursor.name()
        if key in values:
            damaged("each key once", f"{key[:200]!r} twice")
        values[key] = _read_value(cursor, *cursor.numbers("I"))
    return values


def _read_value(cursor: _Cursor, kind: int, depth: int = 0) -> int | float | tuple | None:
    """Return a number or a short tuple of numbers. Other values are skipped and give None."""
    if kind in _NUMBERS:
        return cursor.numbers(_NUMBERS[kind])[0]
    if kind == _STRING:
        cursor.skip_strings(1)
        return None
    if kind != _ARRAY:
        damaged("a value of a type from 0 to 12", f"type {kind}")
    if depth == _MAX_DEPTH:
        damaged(f"arrays nested at most {_MAX_DEPTH} deep", "one deeper")
    inner, count = cursor.numbers("IQ")
    if inner in _NUMBERS and count <= MAX_DIMENSIONS:
        return cursor.numbers(f"{count}{_NUMBERS[inner]}")
    if inner in _NUMBERS:
        cursor.skip(count * struct.calcsize("<" + _NUMBERS[inner]))
        return None
    cursor.items += count
    if cursor.items > _MAX_ITEMS:
        damaged(f"at most {_MAX_ITEMS:,} strings in arrays", f"{cursor.items:,}")
    cursor.expect(count * 8)  # the minimum size of a string or an array
    if inner == _STRING:
        cursor.skip_strings(count)
        return None
    for _ in range(count):
        _read_value(cursor, inner, depth + 1)
    return None


def _read_entry(cursor: _Cursor, values: dict[str, int | float | tuple | None]) -> tuple[str, Stored, int]:
    """Return name, tensor and byte offset of the next tensor entry."""
    name = cursor.name()
    (dimensions,) = cursor.numbers("I")
    if dimensions > _MAX_TENSOR_DIMENSIONS:
        damaged(f"at most {_MAX_TENSOR_DIMENSIONS} dimensions of tensor {name[:200]!r}", f"{dimensions}")
    *sizes, kind, offset = cursor.numbers(f"{dimensions}QIQ")
    if kind not in BLOCKS:
        damaged(
            f"a known dtype for tensor {name[:200]!r}", f"type {kind}", "Update Mend, or use another version of it."
        )
    dtype, block, block_bytes = BLOCKS[kind]
    row = sizes[0] if sizes else 1
    elements = math.prod(sizes)
    if row % block or elements >= 2**63:
        damaged(f"rows of whole blocks of {block} for tensor {name[:200]!r} ({dtype})", f"sizes {sizes}")
    shape = tuple(reversed(sizes))
    original = values.get(_ORIGINAL_SHAPE + name, shape)
    if not isinstance(original, tuple) or any(type(size) is not int or size < 0 for size in original):
        damaged(f"whole numbers for the original shape of tensor {name[:200]!r}", f"{original}"[:200])
    if math.prod(original) != elements:
        damaged(f"{elements:,} elements in the original shape of tensor {name[:200]!r}", f"shape {list(original)}")
    return name, Stored(dtype, original, elements // block * block_bytes), offset


def _check_layout(places: list[tuple[int, int, str]], alignment: int, data_bytes: int) -> None:
    """Check that tensors of (offset, bytes, name) fill the data without gaps or overlaps."""
    position = end = 0
    for offset, size, name in places:
        if offset != position:
            damaged(f"tensor {name[:200]!r} to start at byte {position:,} of the data", f"{offset:,}")
        end = offset + size
        position = _padded(end, alignment)
    if end > data_bytes:
        truncated(f"header describes {end:,} bytes of tensors", data_bytes)
    if position < data_bytes:
        damaged(f"{position:,} bytes of tensors", f"{data_bytes:,}")


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
