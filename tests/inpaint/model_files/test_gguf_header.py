"""GGUF headers, written here by the specification.

Mutations seen to fail here: sizes not reversed; the original shape ignored; holes or overlaps accepted; the last
tensor's padding demanded; names twice accepted; nesting or counts unbounded.
"""

import io
import struct
from collections.abc import Sequence

import pytest

from inpaint.core.errors import InpaintError
from inpaint.model_files.gguf_header import read_gguf
from inpaint.model_files.stored_tensors import Stored

from ..work import counted

# https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: gguf_metadata_value_type.
UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
FORMS = {UINT8: "B", INT8: "b", UINT16: "H", INT16: "h", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?"}
FORMS |= {UINT64: "Q", INT64: "q", FLOAT64: "d"}


def text(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(value)) + value


def value(kind: int, held) -> bytes:
    if kind == STRING:
        return text(held)
    if kind == ARRAY:
        inner, items = held
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, item) for item in items)
    return struct.pack("<" + FORMS[kind], held)


def key(name: str, kind: int, held) -> bytes:
    return text(name) + struct.pack("<I", kind) + value(kind, held)


def entry(name: str | bytes, sizes: tuple[int, ...], kind: int, offset: int) -> bytes:
    """As the file has it: sizes from the innermost."""
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


def header(keys: list[bytes], entries: list[bytes], version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, len(entries), len(keys)) + b"".join(keys + entries)


def gguf(
    keys: Sequence[bytes] = (), entries: Sequence[bytes] = (), data: int = 0, version: int = 3, align: int = 32
) -> bytes:
    start = header(list(keys), list(entries), version)
    return start + bytes(-len(start) % align) + bytes(data)


def read(content: bytes) -> dict[str, Stored]:
    return read_gguf(io.BytesIO(content), len(content))


# ggml's types: number, elements of a block, and its bytes spelt out as the parts of ggml's structs.
TYPES = {
    "F32": (0, 1, 4),
    "F16": (1, 1, 2),
    "Q4_0": (2, 32, 2 + 16),
    "Q4_1": (3, 32, 2 + 2 + 16),
    "Q5_0": (6, 32, 2 + 4 + 16),
    "Q5_1": (7, 32, 2 + 2 + 4 + 16),
    "Q8_0": (8, 32, 2 + 32),
    "Q8_1": (9, 32, 4 + 4 + 32),
    "Q2_K": (10, 256, 2 + 2 + 16 + 64),
    "Q3_K": (11, 256, 2 + 64 + 32 + 12),
    "Q4_K": (12, 256, 2 + 2 + 128 + 12),
    "Q5_K": (13, 256, 2 + 2 + 128 + 32 + 12),
    "Q6_K": (14, 256, 2 + 128 + 64 + 16),
    "Q8_K": (15, 256, 4 + 256 + 32),
    "IQ4_NL": (20, 32, 2 + 16),
    "IQ4_XS": (23, 256, 2 + 2 + 4 + 128),
    "I8": (24, 1, 1),
    "I16": (25, 1, 2),
    "I32": (26, 1, 4),
    "I64": (27, 1, 8),
    "F64": (28, 1, 8),
    "BF16": (30, 1, 2),
}


@pytest.mark.parametrize("name", TYPES)
def test_bytes_by_dtype(name):
    kind, block, size = TYPES[name]
    content = gguf(entries=[entry("x", (2 * block, 3, 5), kind, 0)], data=30 * size)
    assert read(content) == {"x": Stored(name, (5, 3, 2 * block), 30 * size)}
    with pytest.raises(InpaintError, match=rf"truncated: header describes {30 * size:,} bytes of tensors, the file"):
        read(content[:-1])


def test_a_literal_file():
    content = bytes.fromhex(
        "47475546 03000000 0200000000000000 0100000000000000"  # "GGUF", version 3, 2 tensors, 1 key
        "0100000000000000 61 04000000 07000000"  # "a": UINT32 7
        "0100000000000000 77 02000000 0300000000000000 0200000000000000 01000000 0000000000000000"  # "w": F16 (2, 3)
        "0100000000000000 62 01000000 0300000000000000 00000000 2000000000000000"  # "b": F32 (3,) at 32
    )
    content += bytes(-len(content) % 32) + bytes(32 + 12)
    assert read(content) == {"w": Stored("F16", (2, 3), 12), "b": Stored("F32", (3,), 12)}


@pytest.mark.parametrize("version", [2, 3])
def test_values_of_every_type_are_passed_over(version):
    numbers = [(kind, 1) for kind in FORMS]
    keys = [key(f"one {kind}", kind, held) for kind, held in numbers]
    keys += [key(f"few {kind}", ARRAY, (kind, [held] * 3)) for kind, held in numbers]
    keys += [key(f"more {kind}", ARRAY, (kind, [held] * 100)) for kind, held in numbers]
    keys += [key("text", STRING, "x" * 100_000), key("texts", ARRAY, (STRING, ["", "a", "\u00fc"]))]
    keys += [key("none", ARRAY, (INT32, [])), key("deep", ARRAY, (ARRAY, [(ARRAY, [(ARRAY, [(INT8, [1])])])]))]
    content = gguf(keys, [entry("x", (4,), 0, 0)], 16, version)
    assert read(content) == {"x": Stored("F32", (4,), 16)}


@pytest.mark.parametrize("kind", [INT32, INT64, UINT32])
def test_the_original_shape(kind):
    keys = [key("comfy.gguf.orig_shape.conv.weight", ARRAY, (kind, [320, 4, 3, 3]))]
    content = gguf(keys, [entry("conv.weight", (256, 45), 12, 0)], 45 * 144)
    assert read(content) == {"conv.weight": Stored("Q4_K", (320, 4, 3, 3), 45 * 144)}


def test_scalars_empty_tensors_five_dimensions_and_any_order():
    entries = [entry("b", (2, 2, 1, 16, 3), 1, 32), entry("scalar", (), 0, 0), entry("empty", (0, 3), 0, 0)]
    found = read(gguf(entries=entries, data=32 + 384))
    assert found == {
        "b": Stored("F16", (3, 16, 1, 2, 2), 384),
        "scalar": Stored("F32", (), 4),
        "empty": Stored("F32", (3, 0), 0),
    }
    assert read(gguf()) == {}
    assert read(header([], [])) == {}


@pytest.mark.parametrize("align", [1, 8, 64, 4096])
def test_alignment(align):
    keys = [key("general.alignment", UINT32, align)]
    entries = [entry("a", (3,), 24, 0), entry("b", (3,), 24, max(3, align))]
    content = gguf(keys, entries, max(3, align) + 3, align=align)
    assert set(read(content)) == {"a", "b"}
    padded = content + bytes(-len(content) % align)
    assert read(padded) == read(content), "writers pad the last tensor too"
    with pytest.raises(InpaintError, match=r"expected [\d,]+ bytes of tensors, got"):
        read(padded + b"\0")
    with pytest.raises(InpaintError, match="truncated"):
        read(content[:-1])


X = entry("x", (4,), 0, 0)
BIG = 2**63


def shaped(*sizes: int, kind: int = INT32) -> bytes:
    return gguf([key("comfy.gguf.orig_shape.x", ARRAY, (kind, list(sizes)))], [X], 16)


def start(tensors: int = 0, keys: int = 0, rest: bytes = bytes(4000)) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + rest


WRONG = {
    "another file": (b"PK\x03\x04" + bytes(100), "expected a GGUF header, got bytes 50 4b 03 04"),
    "version 1": (gguf(version=1), "expected GGUF version 2 or 3, got 1. Update Mend, or use another version of it."),
    "version 4": (gguf(version=4), "expected GGUF version 2 or 3, got 4."),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "expected a little-endian GGUF file, got a big-endian one"),
    "empty": (b"", "truncated: header describes 4 bytes, the file holds 0"),
    "no counts": (b"GGUF\3\0\0\0", "truncated: header describes 24 bytes, the file holds 8"),
    "cut off in an entry": (header([], [X])[:-3], "truncated: header describes"),
    "many tensors": (start(2**64 - 1), "expected at most 65,536 tensors, got 18,446,744,073,709,551,615"),
    "many keys": (start(0, 65_537), "expected at most 65,536 keys, got 65,537"),
    "more tensors than bytes": (start(60_000), "truncated: header describes 1,440,024 bytes, the file holds 4,024"),
    "long name": (start(1, rest=struct.pack("<Q", 65_537) + bytes(70_000)), "expected a name of at most 65,536 bytes"),
    "name past the end": (start(1, rest=struct.pack("<Q", 5000) + bytes(100)), "truncated: header describes 5,032"),
    "name no UTF-8": (gguf([], [entry(b"\xff", (4,), 0, 0)], 16), "expected a name in UTF-8, got 'utf-8' codec"),
    "key twice": (gguf([key("k", INT8, 1), key("k", INT8, 2)]), "expected each key once, got 'k' twice"),
    "tensor twice": (gguf([], [X, entry("x", (4,), 0, 32)], 48), "expected each name once, got tensor 'x' twice"),
    "unknown value": (gguf([text("k") + struct.pack("<I", 13) + bytes(9)]), "expected a value of a type from 0 to 12"),
    "unknown items": (
        gguf([text("k") + struct.pack("<IIQ", ARRAY, 99, 1) + bytes(9)]),
        "expected a value of a type from 0 to 12, got type 99",
    ),
    "arrays too deep": (
        gguf([text("k") + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 5000 + bytes(99)]),
        "expected arrays nested at most 4 deep, got one deeper",
    ),
    "many numbers": (start(0, 1, text("k") + struct.pack("<IIQ", ARRAY, FLOAT64, BIG)), "truncated: header describes"),
    "texts past the end": (
        start(0, 1, text("k") + struct.pack("<IIQ", ARRAY, STRING, 900_000)),
        "truncated: header describes 7,200,049 bytes, the file holds",
    ),
    "many texts in two": (
        gguf([key(name, ARRAY, (STRING, [""] * 500_001)) for name in "ab"]),
        "expected at most 1,000,000 strings in arrays, got 1,000,002",
    ),
    "many texts": (
        start(0, 1, text("k") + struct.pack("<IIQ", ARRAY, STRING, BIG)),
        "expected at most 1,000,000 strings in arrays, got 9,2",
    ),
    "many arrays": (
        start(0, 1, text("k") + struct.pack("<IIQ", ARRAY, ARRAY, BIG)),
        "expected at most 1,000,000 strings",
    ),
    "long text": (start(0, 1, text("k") + struct.pack("<IQ", STRING, BIG)), "truncated: header describes"),
    "long header": (
        start(0, 1, text("k") + struct.pack("<IQ", STRING, 16_000_000) + bytes(16_000_001)),
        "expected a header of at most 16,000,000 bytes, got 16,000,045 bytes or more",
    ),
    "alignment 0": (gguf([key("general.alignment", UINT32, 0)]), "expected an alignment that is a power of 2, got 0"),
    "alignment 24": (
        gguf([key("general.alignment", UINT32, 24)]),
        "expected an alignment that is a power of 2, got 24",
    ),
    "alignment 32.0": (gguf([key("general.alignment", FLOAT32, 32)]), "that is a power of 2, got 32.0"),
    "alignment true": (gguf([key("general.alignment", BOOL, True)]), "that is a power of 2, got True"),
    "alignment a text": (gguf([key("general.alignment", STRING, "32")]), "that is a power of 2, got None"),
    "six dimensions": (gguf([], [entry("x", (1,) * 6, 0, 0)], 4), "expected at most 5 dimensions of tensor 'x', got 6"),
    "unknown dtype": (
        gguf([], [entry("x", (256,), 16, 0)], 66),
        "expected a known dtype for tensor 'x', got type 16. Update Mend, or use another version of it.",
    ),
    "part of a block": (
        gguf([], [entry("x", (48, 2), 8, 0)], 102),
        "expected rows of whole blocks of 32 for tensor 'x' (Q8_0), got sizes [48, 2]",
    ),
    "scalar in blocks": (gguf([], [entry("x", (), 8, 0)], 34), "expected rows of whole blocks of 32 for tensor 'x'"),
    "elements past 64 bits": (gguf([], [entry("x", (2**32, 2**32), 24, 0)], 4), "expected rows of whole blocks"),
    "original shape differs": (shaped(5), "expected 4 elements in the original shape of tensor 'x', got shape [5]"),
    "original shape negative": (
        shaped(-2, -2),
        "whole numbers for the original shape of tensor 'x', got (-2",
    ),
    "original shape of floats": (shaped(2, 2, kind=FLOAT32), "expected whole numbers for the original shape"),
    "original shape too long": (
        shaped(4, *[1] * 32),
        "whole numbers for the original shape of tensor 'x', got N",
    ),
    "original shape a number": (
        gguf([key("comfy.gguf.orig_shape.x", INT32, 4)], [X], 16),
        "whole numbers for the original",
    ),
    "starts late": (
        gguf([], [entry("x", (4,), 0, 32)], 48),
        "expected tensor 'x' to start at byte 0 of the data, got 32",
    ),
    "a hole": (
        gguf([], [X, entry("y", (4,), 0, 64)], 80),
        "expected tensor 'y' to start at byte 32 of the data, got 64",
    ),
    "an overlap": (
        gguf([], [X, entry("y", (4,), 0, 0)], 48),
        "expected tensor 'y' to start at byte 32 of the data, got 0",
    ),
    "not aligned": (
        gguf([], [X, entry("y", (4,), 0, 16)], 48),
        "expected tensor 'y' to start at byte 32 of the data, got 16",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_damaged_header(content, message):
    with counted() as work, pytest.raises(InpaintError) as error:
        read(content)
    assert message in str(error.value)
    # A string takes 8 bytes or more, and one call.
    assert work.calls < 300 + len(content) / 8


class Counted(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_weights_are_not_read():
    content = gguf([], [entry("x", (25_000_000,), 24, 0)], 25_000_000)
    file = Counted(content)
    assert read_gguf(file, len(content)) == {"x": Stored("I8", (25_000_000,), 25_000_000)}
    assert file.taken < 500_000


def test_a_vocabulary_longer_than_one_read():
    texts = ["", "a" * 300_000, "\u00fc", *[f"token {number}" for number in range(70_000)], "b" * 500_000]
    keys = [key("tokens", ARRAY, (STRING, texts)), key("more", ARRAY, (ARRAY, [(STRING, texts[:9])] * 9))]
    content = gguf([*keys, key("scores", ARRAY, (FLOAT32, [0.5] * 70_000))], [X], 16)
    file = Counted(content)
    with counted() as work:
        assert read_gguf(file, len(content)) == {"x": Stored("F32", (4,), 16)}
    assert work.calls < 1.1 * len(texts)
    for end in (100, 300_050, 999_999, len(content) - 17):
        with pytest.raises(InpaintError, match="truncated: header describes"):
            read(content[:end])


def test_a_file_shorter_than_its_system_says():
    content = gguf([], [X], 16)
    with pytest.raises(InpaintError, match="truncated"):
        read_gguf(io.BytesIO(content[:30]), len(content))
