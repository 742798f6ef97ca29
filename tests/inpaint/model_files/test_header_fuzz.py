"""Files made to be wrong: each reader returns tensors or raises InpaintError, in little time and memory.

Run once with MEND_FUZZ_EXAMPLES=30000: 270,000 inputs (60,000 safetensors, 60,000 GGUF, 150,000 pickles, legacy
ones and those that torch hashes among them), none wrong; the whole process never held more than 0.98 GB.

Mutations seen to fail here: an unknown GGUF dtype looked up without asking; names that are not UTF-8 let through;
LookupError let through; names joined without bound; tuples hashed as keys.
"""

import contextlib
import io
import json
import os
import pickletools
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inpaint.core.errors import CONTROL, InpaintError
from inpaint.model_files.data_pickle import read_legacy_pickle
from inpaint.model_files.gguf_header import read_gguf
from inpaint.model_files.pickle_header import read_pickle
from inpaint.model_files.safetensors_header import read_safetensors
from inpaint.model_files.stored_tensors import Stored

from ..work import counted

fuzzed = settings(
    max_examples=int(os.environ.get("MEND_FUZZ_EXAMPLES", "500")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def check(reader, content: bytes, file_bytes: int | None = None, shared: bool = False) -> str:
    """What a reader does with this: its message, or "" if it read it."""
    file_bytes = len(content) if file_bytes is None else file_bytes
    try:
        with counted() as work:
            tensors = reader(io.BytesIO(content), file_bytes)
    except InpaintError as error:
        message = str(error)
        assert 0 < len(message) < 2_000
        message.encode()
        assert not CONTROL.search(message)
    else:
        message = ""
        assert type(tensors) is dict
        for name, tensor in tensors.items():
            assert type(name) is str
            assert type(tensor) is Stored
            assert all(type(size) is int and size >= 0 for size in tensor.shape)
            assert type(tensor.bytes) is int
            assert tensor.bytes >= 0
        # Views share bytes.
        assert shared or sum(tensor.bytes for tensor in tensors.values()) <= file_bytes
    # The most seen was 11 calls a byte.
    assert work.calls < 1_000 + 15 * len(content)
    return message


def zipped(pickled: bytes, compress: int = zipfile.ZIP_STORED, **more: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as made:
        made.writestr("archive/data.pkl", pickled)
        for name, content in more.items():
            made.writestr(f"archive/data/{name[1:]}", content)
    return file.getvalue()


def saved() -> tuple[bytes, bytes]:
    """A checkpoint, and the pickle in it."""
    file = io.BytesIO()
    parameter = torch.nn.Parameter(torch.zeros(3))
    fp8 = torch.zeros(4, dtype=torch.float8_e4m3fn)
    torch.save({"state_dict": {"w": torch.zeros(2, 3).T, "p": parameter, "f": fp8}, "epoch": 3}, file)
    return file.getvalue(), zipfile.ZipFile(file).read("archive/data.pkl")


CHECKPOINT, PICKLED = saved()
JSON = json.dumps(
    {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]},
        "b": {"dtype": "F8_E4M3", "shape": [5], "data_offsets": [12, 17]},
    }
).encode()


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf(tensors: int, keys: int, rest: bytes) -> bytes:
    start = b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + rest
    return start + bytes(-len(start) % 32)


GGUF = gguf(
    2,
    4,
    text(b"general.alignment")
    + struct.pack("<II", 4, 32)
    + text(b"k")
    + struct.pack("<IIQ", 9, 8, 2)
    + text(b"some")
    + text(b"")
    + text(b"nested")
    + struct.pack("<IIQIQ3H", 9, 9, 1, 2, 3, 1, 2, 3)
    + text(b"comfy.gguf.orig_shape.a")
    + struct.pack("<IIQ3i", 9, 5, 3, 4, 4, 4)
    + text(b"a")
    + struct.pack("<IQQIQ", 2, 32, 2, 8, 0)
    + text(b"b")
    + struct.pack("<IQIQ", 1, 3, 0, 96),
)
READERS = {
    "safetensors": (read_safetensors, struct.pack("<Q", len(JSON)) + JSON + bytes(17)),
    "gguf": (read_gguf, GGUF + bytes(96 + 12)),
    "pickle": (read_pickle, CHECKPOINT),
}
NUMBERS = st.sampled_from([0, 1, 2, 7, 32, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1])


@st.composite
def damage(draw, content: bytes) -> bytes:
    """The content with a few bytes flipped, removed, inserted, spliced, or made a number."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(made)))
        end = min(len(made), begin + draw(st.integers(0, 12)))
        match draw(st.sampled_from(["flip", "remove", "insert", "splice", "number", "cut"])):
            case "flip" if begin < len(made):
                made[begin] ^= 1 << draw(st.integers(0, 7))
            case "remove":
                del made[begin:end]
            case "insert":
                made[begin:begin] = draw(st.binary(max_size=12))
            case "splice":
                place = draw(st.integers(0, len(made)))
                made[place:place] = made[begin : begin + draw(st.integers(0, 200))]
            case "number":
                size = draw(st.sampled_from([1, 2, 4, 8]))
                made[begin : begin + size] = (draw(NUMBERS) % 256**size).to_bytes(size, "little")
            case "cut":
                del made[begin:]
    return bytes(made)


@pytest.mark.parametrize("name", READERS)
def test_the_files_that_are_damaged_below_are_good(name):
    assert check(*READERS[name]) == ""


SIZES = st.none() | st.integers(0, 4_000) | NUMBERS


@pytest.mark.slow
@fuzzed
@given(damage(READERS["safetensors"][1]), SIZES)
def test_damaged_safetensors(content, file_bytes):
    check(read_safetensors, content, file_bytes)


@pytest.mark.slow
@fuzzed
@given(damage(READERS["gguf"][1]), SIZES)
def test_damaged_gguf(content, file_bytes):
    check(read_gguf, content, file_bytes)


@pytest.mark.slow
@fuzzed
@given(damage(CHECKPOINT), SIZES)
def test_damaged_zip(content, file_bytes):
    check(read_pickle, content, file_bytes, shared=True)


@pytest.mark.slow
@fuzzed
@given(damage(PICKLED))
def test_damaged_pickle_in_a_good_zip(pickled):
    check(read_pickle, zipped(pickled, _0=bytes(24), _1=bytes(12), _2=bytes(4)), shared=True)


# Lone surrogates too, which JSON and pickles can name.
TEXTS = st.text(st.characters(), max_size=5)
LEAVES: st.SearchStrategy[Any] = st.none() | st.booleans() | NUMBERS | st.integers() | st.floats() | TEXTS
LEAVES |= st.lists(st.just(2**63 - 1), min_size=16, max_size=32)
LEAVES |= st.sampled_from(["F16", "F8_E4M3", "F4", "I64"]) | st.lists(NUMBERS, max_size=4)
FIELDS = st.sampled_from(["dtype", "shape", "data_offsets", "x"]) | TEXTS
ENTRIES = st.fixed_dictionaries({"dtype": LEAVES, "shape": LEAVES, "data_offsets": LEAVES}) | st.dictionaries(
    FIELDS, LEAVES
)


@pytest.mark.slow
@fuzzed
@given(st.dictionaries(TEXTS, ENTRIES | LEAVES) | LEAVES, st.integers(0, 100), SIZES)
def test_json_that_is_like_a_header(header, data, file_bytes):
    held = json.dumps(header).encode()
    check(read_safetensors, struct.pack("<Q", len(held)) + held + bytes(data), file_bytes)


VALUES = st.recursive(
    st.builds(lambda kind, held: (kind, held), st.integers(0, 14), st.binary(max_size=16)),
    lambda inner: st.builds(
        lambda kind, count, items: (9, struct.pack("<IQ", kind, count) + b"".join(held for _, held in items)),
        st.integers(0, 14),
        st.integers(0, 4) | NUMBERS,
        st.lists(inner, max_size=3),
    ),
    max_leaves=5,
)
KEYS = st.builds(
    lambda name, held: text(name) + struct.pack("<I", held[0]) + held[1],
    st.sampled_from([b"general.alignment", b"comfy.gguf.orig_shape.a"]) | st.binary(max_size=4),
    VALUES,
)
INFOS = st.builds(
    lambda name, sizes, kind, offset: text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset),
    st.sampled_from([b"a", b"b"]) | st.binary(max_size=4),
    st.lists(st.integers(0, 64) | NUMBERS, max_size=6),
    st.integers(0, 40),
    st.sampled_from([0, 32, 64]) | NUMBERS,
)


@pytest.mark.slow
@fuzzed
@given(st.lists(KEYS, max_size=3), st.lists(INFOS, max_size=3), NUMBERS | st.none(), st.integers(0, 300), SIZES)
def test_random_gguf_entries(keys, infos, count, data, file_bytes):
    content = gguf(len(infos) if count is None else count, len(keys), b"".join(keys + infos)) + bytes(data)
    check(read_gguf, content, file_bytes)


def short(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


WORDS = ["torch._utils\n_rebuild_tensor_v2", "torch._utils\n_rebuild_tensor_v3", "torch._utils\n_rebuild_parameter"]
WORDS += ["torch._tensor\n_rebuild_from_type_v2", "collections\nOrderedDict", "torch\nHalfStorage", "os\nsystem"]
PIECES = [b"c" + word.encode() + b"\n" for word in [*WORDS, "torch.storage\nUntypedStorage", "torch\nfloat8_e4m3fn"]]
PIECES += [
    short("storage"),
    short("0"),
    short("state_dict"),
    b"K\x0c",
    b"K\x02",
    b"K\x00",
    b"h\x00",
    b"q\x00",
    b"h\x01",
]
PIECES += [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
STORAGE = b"(" + short("storage") + b"ctorch\nHalfStorage\n" + short("0") + b"NK\x0ctQ"
# A name that is a lone surrogate with an escape code, classes that hash or allocate, and nested tuples.
PIECES += [b"\x8c\x04\xed\xa0\x80\x1b", short("a") + b"\x93", b")q\x00h\x00h\x00\x86q\x00", b"h\x00Ns", b"h\x00K\x01u"]
PIECES += [b"cbuiltins\nset\n", b"ccollections\nCounter\n", b"ctorch\nTensor\n", b"]h\x00a\x85R", b"\x85R"]
PIECES += [b"(", b"t", b"Q", b"R", b"}", b"s", STORAGE, b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE]
PIECES += [STORAGE + b"K\x00K\x02K\x03\x86K\x03K\x01\x86", b"}" + short("w")]


@pytest.mark.slow
@fuzzed
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join))
@example(b"}" + short("w") + PIECES[0] + b"(" + STORAGE + b"K\x00K\x02K\x03\x86K\x03K\x01\x86tRs")
def test_random_opcodes(opcodes):
    check(read_pickle, zipped(b"\x80\x02" + opcodes + b".", _0=bytes(24)), shared=True)


def read_legacy(file: Any, file_bytes: int) -> dict[str, Stored]:
    """What `check_pickle` does with a file that is no zip; it finds no tensors."""
    read_legacy_pickle(file)
    return {}


LEGACY = io.BytesIO()
torch.save({"w": torch.zeros(2, 3)}, LEGACY, _use_new_zipfile_serialization=False)


@pytest.mark.slow
@fuzzed
@given(damage(LEGACY.getvalue()[:-24]))
def test_damaged_legacy_files(content):
    check(read_legacy, content)


@pytest.mark.slow
@fuzzed
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join))
def test_a_reader_that_hashes_gets_nothing_that_never_ends(opcodes):
    """What passes is loaded by torch at once, or refused by it."""
    content = b"\x80\x02" + opcodes + b"."
    if check(read_legacy, content) == "":
        with counted() as work, contextlib.suppress(Exception):
            torch.load(io.BytesIO(content), weights_only=True)
        assert work.calls < 100_000


def test_a_tensor_as_the_opcodes_above_make_it():
    content = zipped(
        b"}" + short("w") + PIECES[0] + b"(" + STORAGE + b"K\x00K\x02K\x03\x86K\x03K\x01\x86tRs.", _0=bytes(24)
    )
    assert read_pickle(io.BytesIO(content), len(content)) == {"w": Stored("F16", (2, 3), 12)}


MB = 1_000_000
LIST = b"](" + b"N" * 100_000 + b"eq\x00"
DICTIONARY = b"ccollections\nOrderedDict\nq\x01"
# Each near the limit of 500,000 steps.
BOMBS = {
    "memo far away": lambda: b"}r\xff\xff\xff\xffr\x00\x00\x00\x80",
    "memo grows": lambda: b"N" + b"".join(b"r" + n.to_bytes(4, "big") for n in range(490_000)),
    "memo of dictionaries": lambda: b"}\x94" * 245_000,
    "dictionaries": lambda: b"}" * 490_000,
    "lists": lambda: b"]" * 490_000,
    "sets": lambda: b"\x8f" * 490_000,
    "marks": lambda: b"N" + b"(" * 490_000,
    "full dictionaries": lambda: short("k") + b"q\x00" + b"}h\x00Ns" * 120_000,
    "foreign objects": lambda: b"ca\nb\nq\x00" + b"h\x00)R" * 160_000,
    "ordered dictionaries": lambda: DICTIONARY + b"h\x01)R" * 160_000,
    "nested tuples": lambda: b"N" + b"\x85" * 490_000,
    "nested lists": lambda: b"]" * 245_000 + b"a" * 244_999,
    "laughs": lambda: laughs(),
    "laughs as a key": lambda: laughs() + b"}h\x00Ns",
    "laughs as keys": lambda: b"}(" + laughs() + b"0" + b"h\x00N" * 1000 + b"u",
    "laughs as a storage": lambda: laughs() + b"Q",
    "laughs in a storage": lambda: laughs() + b"(" + short("storage") + b"h\x00h\x00h\x00h\x00tQ",
    "laughs as a name": lambda: laughs() + b"h\x00\x93",
    "laughs as a shape": lambda: laughs() + PIECES[0] + b"(" + STORAGE + b"K\x00h\x00h\x00tR",
    "a list that holds itself": lambda: b"]q\x00h\x00a",
    "a call that passes itself": lambda: PIECES[3] + b"q\x01]q\x00(h\x01Nh\x00eR",
    "long arguments again and again": lambda: DICTIONARY + LIST + b"h\x01h\x00R0" * 90_000,
    "names that grow": lambda: b"X" + struct.pack("<I", 3 * MB) + b"a" * 3 * MB + b"q\x00" + b"h\x00h\x00\x93" * 90_000,
    "long number": lambda: b"\x8b" + struct.pack("<i", 7 * MB) + b"\x7f" * 7 * MB,
    "long digits": lambda: b"L" + b"9" * 7 * MB + b"L\n",
    "text that is not there": lambda: b"\x8d" + b"\xff" * 7 + b"\x7f",
    "bytes that are not there": lambda: b"\x96" + b"\xff" * 7 + b"\x7f",
    "random bytes": lambda: random.Random(0).randbytes(7 * MB),
}


def laughs() -> bytes:
    """Each tuple holds the one before it twice: 2**5000 of them if unfolded."""
    return b")q\x00" + b"h\x00h\x00\x86q\x00" * 5_000


def array(kind: int, count: int) -> bytes:
    return gguf(0, 1, text(b"k") + struct.pack("<IIQ", 9, kind, count))


def entries(count: int) -> bytes:
    return b"".join(text(b"%d" % number) + struct.pack("<IIQ", 0, 24, 0) for number in range(count))


def safetensors(held: bytes) -> bytes:
    return struct.pack("<Q", len(held)) + held


def claimed(content: bytes, size: int) -> bytes:
    """The archive with another size of its first entry, before compression, in the directory."""
    place = content.index(b"PK\x01\x02") + 24
    return content[:place] + size.to_bytes(4, "little") + content[place + 4 :]


def deflated() -> bytes:
    return zipped(b"}." + bytes(50 * MB), zipfile.ZIP_DEFLATED)


def many_entries(count: int, claimed_bytes: int | None = None) -> bytes:
    """An archive whose directory lists one entry of one letter again and again."""
    entry = b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    size = len(entry) * count if claimed_bytes is None else claimed_bytes
    end = struct.pack("<4H2IH", 0, 0, count % 2**16, count % 2**16, size, 4, 0)
    return b"PK\x03\x04" + entry * count + b"PK\x05\x06" + end


def in_a_zip(make: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: zipped(make() + b".", _0=bytes(24))


HOSTILE = {
    "json nested": (read_safetensors, lambda: safetensors(b"[" * 3 * MB)),
    "json dictionaries nested": (read_safetensors, lambda: safetensors(b'{"a":' * MB)),
    "json length": (read_safetensors, lambda: struct.pack("<Q", 2**63) + bytes(100)),
    "json number": (read_safetensors, lambda: safetensors(b'{"a":' + b"9" * 5 * MB + b"}")),
    "gguf counts": (read_gguf, lambda: gguf(2**64 - 1, 2**64 - 1, bytes(1000))),
    "gguf tensors": (read_gguf, lambda: gguf(65_536, 0, entries(65_536)) + bytes(1000)),
    "gguf keys": (read_gguf, lambda: gguf(0, 65_536, bytes(MB))),
    "gguf text": (read_gguf, lambda: gguf(0, 1, text(b"k") + struct.pack("<IQ", 8, 15 * MB) + bytes(16 * MB))),
    "gguf long text": (read_gguf, lambda: gguf(0, 1, text(b"k") + struct.pack("<IQ", 8, 2**63) + bytes(1000))),
    "gguf numbers": (read_gguf, lambda: array(0, 2**63) + bytes(1000)),
    "gguf empty texts": (read_gguf, lambda: array(8, 400_000) + bytes(16 * MB)),
    "gguf empty arrays": (read_gguf, lambda: array(9, 400_000) + bytes(16 * MB)),
    "gguf nested": (
        read_gguf,
        lambda: gguf(0, 1, text(b"k") + struct.pack("<I", 9) + b"\x09\0\0\0\1\0\0\0\0\0\0\0" * MB),
    ),
    "zip bomb": (read_pickle, deflated),
    "zip bomb that claims little": (read_pickle, lambda: claimed(deflated(), 99)),
    "zip that claims much": (read_pickle, lambda: claimed(zipped(b"}."), 2**32 - 2)),
    "zip of many entries": (read_pickle, lambda: many_entries(42_000)),
    "zip of too many entries": (read_pickle, lambda: many_entries(400_000)),
    "zip that claims many entries": (read_pickle, lambda: many_entries(1, 2**32 - 2)),
    **{name: (read_pickle, in_a_zip(make)) for name, make in BOMBS.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_little(name):
    reader, make = HOSTILE[name]
    content = make()
    message = check(reader, content, shared=True)
    assert "steps" not in message, "stopped before it could do harm"
    file = io.BytesIO(content)
    tracemalloc.start()
    try:
        reader(file, len(content))
    except InpaintError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak <= 100 * MB
