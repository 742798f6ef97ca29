"""PyTorch checkpoints read as data, against `torch.load` and against literal pickles.

Mutations seen to fail here: storage sizes not compared; views past their storage accepted; empty views measured; LONG1
without a handler; keys hashed; TorchScript told by code alone; compression told by sizes alone; the directory or the
steps unbounded.
"""

import io
import os
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.model_files import data_pickle
from inpaint.model_files.data_pickle import Foreign, Global, read_data_pickle
from inpaint.model_files.pickle_header import read_pickle
from inpaint.model_files.stored_tensors import Stored

NAMES = {
    torch.float16: "F16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.uint16: "U16",
    torch.bool: "BOOL",
    torch.complex64: "C64",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
}


def test_a_single_entry_that_holds_the_others_is_opened():
    tensors = {"a": torch.zeros(2), "b": torch.zeros(3)}
    plain = read(saved(tensors))
    assert set(plain) == {"a", "b"}
    assert read(saved({"vae": tensors})) == read(saved({"model": OrderedDict(tensors)})) == plain
    assert read(saved({"state_dict": tensors, "epoch": 3})) == plain
    assert set(read(saved({"a": torch.zeros(2)}))) == {"a"}


def read(content: bytes) -> dict[str, Stored]:
    return read_pickle(io.BytesIO(content), len(content))


def saved(what, **options) -> bytes:
    file = io.BytesIO()
    torch.save(what, file, **options)
    return file.getvalue()


def archive(
    pickled: bytes, storages: dict[str, int] | None = None, compress: int = zipfile.ZIP_STORED, **more
) -> bytes:
    """A zip as torch writes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as made:
        made.writestr("archive/data.pkl", pickled)
        for key, size in (storages or {}).items():
            made.writestr(f"archive/data/{key}", bytes(size))
        for name, content in more.items():
            made.writestr(f"archive/{name}", content)
    return file.getvalue()


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def tensor(
    kind: bytes = b"torch\nFloatStorage", count: bytes = b"K\x06", rest: bytes = b"K\x00K\x02K\x03\x86K\x03K\x01\x86"
) -> bytes:
    """The opcodes of one tensor; rest is offset, shape and stride."""
    storage = b"(" + short("storage") + b"c" + kind + b"\n" + short("0") + short("cpu") + count + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"\x89NtR"


def named(value: bytes) -> bytes:
    return b"\x80\x02}" + short("x") + value + b"s."


def many() -> dict[str, torch.Tensor]:
    base = torch.arange(24.0)
    attributed: Any = torch.zeros(2, 2)
    attributed.note = "kept"
    return {
        **{f"a {dtype}": torch.zeros(2, 3).to(dtype) for dtype in NAMES},
        "parameter": torch.nn.Parameter(torch.zeros(4, 5)),
        "attributed": attributed,
        "scalar": torch.tensor(3.0),
        "empty": torch.zeros(0, 7),
        "empty rows": torch.zeros(7, 0),
        "whole": base,
        "view": base[3:9].view(2, 3),
        "transposed": base.view(4, 6).T,
        "strided": base[::5],
        "expanded": torch.zeros(1).expand(3, 4),
        "name with \u00fc": torch.zeros(1),
    }


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("wrap", [dict, OrderedDict, lambda held: {"state_dict": OrderedDict(held), "epoch": 3}])
def test_as_torch_load_reads_it(protocol, wrap):
    content = saved(wrap(many()), pickle_protocol=protocol)
    loaded = torch.load(io.BytesIO(content), weights_only=protocol == 2)
    loaded = loaded.get("state_dict", loaded)
    expected = {
        name: Stored(NAMES[value.dtype], tuple(value.shape), value.numel() * value.itemsize)
        for name, value in loaded.items()
    }
    assert len(expected) == len(many())
    found = read(content)
    assert found == expected
    assert list(found) == list(expected)


def test_a_module_s_state_dict():
    module = torch.nn.Sequential(torch.nn.Conv2d(9, 320, 3), torch.nn.BatchNorm2d(320))
    found = read(saved(module.state_dict()))
    assert {name: stored.shape for name, stored in found.items()} == {
        name: tuple(value.shape) for name, value in module.state_dict().items()
    }
    assert found["1.num_batches_tracked"] == Stored("I64", (), 8)


class Callback:
    """Stands for what training frameworks leave in a checkpoint."""

    def __init__(self):
        self.best, self.seen = np.float64(0.5), {1, 2}


class Hostile:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [2, 4])
def test_foreign_objects_are_passed_over_and_never_run(tmp_path, protocol):
    command = f"echo run > {tmp_path / 'proof'}"
    what = {
        "state_dict": {"w": torch.zeros(2), "hostile": Hostile(command), 7: torch.zeros(3)},
        "callbacks": {Callback: Callback(), "hostile": [Hostile(command)]},
        "numbers": [np.float32(1), np.arange(3), b"bytes", frozenset({1}), 2**70, -1.5, True, None],
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}},
    }
    content = saved(what, pickle_protocol=protocol)
    assert read(content) == {"w": Stored("F32", (2,), 8)}
    assert not (tmp_path / "proof").exists()
    torch.load(io.BytesIO(content), weights_only=False)
    assert (tmp_path / "proof").exists(), "the file is meant to be one that runs"


def test_every_opcode_has_a_handler():
    assert {opcode.name for opcode in pickletools.opcodes} == set(data_pickle._OPCODES)


# With the oldest protocol that writes them without a call.
PLAIN = [
    (0, {"a": [1, -2, 2**40, 2**100, 1.5, True, False, None, "text", "\u00fc" * 300, "x" * 70_000]}),
    (0, [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[], [1], [1, 2]], {"k": {}}, {"one": 1, "two": 2}]),
    (3, [b"bytes", b"b" * 300]),
    (5, [bytearray(b"array")]),
]


@pytest.mark.parametrize(("protocol", "value"), [(n, value) for oldest, value in PLAIN for n in range(oldest, 6)])
def test_plain_values_as_pickle_loads_them(protocol, value):
    assert read_data_pickle(pickle.dumps(value, protocol), {}) == value


def test_objects_keep_their_name_and_state():
    made = read_data_pickle(pickle.dumps(Callback(), 2), {})
    assert isinstance(made, Foreign)
    assert made.name == f"{__name__}.Callback"
    assert set(made.state) == {"best", "seen"}
    assert read_data_pickle(pickle.dumps(OrderedDict, 4), {}) == Global("collections.OrderedDict")


OLD_OPCODES = {
    "INST": (b"(K\x01icollections\nOrderedDict\n.", {}),
    "OBJ": (b"(ccollections\nOrderedDict\no.", {}),
    "NEWOBJ_EX": (b"ccollections\nOrderedDict\n)}\x92.", {}),
    "DICT": (b"(" + short("k") + b"K\x01K\x02K\x03d.", {"k": 1}),
    "POP takes a mark": (b"K\x05(0.", 5),
    "POP takes a value": (b"K\x05(K\x060K\x07t.", (7,)),
    "POP_MARK": (b"K\x05(K\x06K\x071.", 5),
    "DUP": (b"K\x052\x86.", (5, 5)),
    "PUT and GET": (b"K\x05p300\n0g300\n.", 5),
    "MEMOIZE": (b"K\x05\x94K\x06\x940h\x00.", 5),
    "after STOP": (b"K\x05.K\x06", 5),
}


@pytest.mark.parametrize(("pickled", "value"), OLD_OPCODES.values(), ids=OLD_OPCODES.keys())
def test_opcodes_that_torch_does_not_write(pickled, value):
    assert read_data_pickle(pickled, {}) == value


def test_literal_tensors():
    assert read(archive(named(tensor()), {"0": 24})) == {"x": Stored("F32", (2, 3), 24)}
    half = tensor(b"torch\nHalfStorage", b"K\x06", b"K\x02K\x02K\x02\x86K\x02K\x01\x86")
    assert read(archive(named(half), {"0": 12})) == {"x": Stored("F16", (2, 2), 8)}


def cut_size(content: bytes, size: int) -> bytes:
    """The archive with the size of its first entry, in the directory, changed."""
    place = content.index(b"PK\x01\x02")
    return content[: place + 20] + size.to_bytes(4, "little") * 2 + content[place + 28 :]


FLAT = named(tensor())
HUGE = b"\x8a\x09" + (2**64).to_bytes(9, "little")
WRONG = {
    "storage missing": (archive(FLAT), "expected bytes of storage '0', got none"),
    "storage short": (archive(FLAT, {"0": 23}), "expected 24 bytes of storage '0', got 23."),
    "storage long": (archive(FLAT, {"0": 25}), "expected 24 bytes of storage '0', got 25."),
    "negative numel": (archive(named(tensor(count=b"J\xff\xff\xff\xff")), {"0": 24}), "expected a storage for each"),
    "huge numel": (archive(named(tensor(count=HUGE)), {"0": 24}), "expected a storage for each tensor, got none"),
    "unknown dtype": (archive(named(tensor(b"torch\nNewStorage")), {"0": 24}), "expected a known dtype in storage '0'"),
    "past its storage": (
        archive(named(tensor(rest=b"K\x01K\x02K\x03\x86K\x03K\x01\x86")), {"0": 24}),
        "expected a tensor within the 24 bytes of storage '0', got shape [2, 3]",
    ),
    "stride past its storage": (archive(named(tensor(rest=b"K\x00K\x02\x85K\x06\x85")), {"0": 24}), "within the 24"),
    "endless by stride 0": (
        archive(named(tensor(rest=b"K\x00" + b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85K\x00\x85")), {"0": 24}),
        "within the 24 bytes",
    ),
    "negative size": (archive(named(tensor(rest=b"K\x00J\xff\xff\xff\xff\x85K\x01\x85")), {"0": 24}), "whole numbers"),
    "true as a size": (archive(named(tensor(rest=b"K\x00\x88\x85K\x01\x85")), {"0": 24}), "expected whole numbers"),
    "size is a text": (
        archive(named(tensor(rest=b"K\x00" + short("a") + b"\x85K\x01\x85")), {"0": 24}),
        "whole numbers",
    ),
    "strides fewer": (archive(named(tensor(rest=b"K\x00K\x02\x85)")), {"0": 24}), "expected offset, shape and stride"),
    "too many dimensions": (
        archive(named(tensor(rest=b"K\x00(" + b"K\x01" * 33 + b"t(" + b"K\x01" * 33 + b"t")), {"0": 24}),
        "expected offset, shape and stride",
    ),
    "shape missing": (archive(named(tensor(rest=b"K\x00")), {"0": 24}), "expected offset, shape and stride"),
    "a list": (archive(b"\x80\x02]."), "expected a dictionary of tensors, got list. Use a version"),
    "a whole model": (
        archive(b"\x80\x02cultralytics\nModel\n)\x81."),
        "a dictionary of tensors, got 'ultralytics.Model'",
    ),
    "empty": (archive(b""), "expected a pickle, got"),
    "no STOP": (archive(b"K\x01"), "expected a pickle, got ValueError: pickle exhausted before seeing STOP"),
    "no opcode": (archive(b"\xff."), "expected a pickle, got ValueError: at position 0, opcode b'\\xff' unknown"),
    "nothing on the stack": (archive(b"R."), "expected a pickle, got IndexError"),
    "no result": (archive(b"\x80\x02."), "expected a pickle, got IndexError"),
    "no mark": (archive(b"K\x01t."), "expected a pickle, got IndexError"),
    "no memo": (archive(b"h\x05."), "expected a pickle, got KeyError: 5"),
    "odd items": (archive(b"}(K\x01u."), "expected a pickle, got ValueError"),
    "text cut off": (archive(b"X\xff\xff\xff\x7fabc"), "expected a pickle, got ValueError: expected 2147483647 bytes"),
    "class of numbers": (archive(b"K\x01K\x02\x93."), "expected a class name of at most 1,000 characters"),
    "too many steps": (archive(b"N0" * 250_001 + b"N."), "expected a pickle of at most 500,000 opcodes, got more"),
    "data.pkl too long": (
        archive(b"}." + bytes(8_000_000)),
        "expected a data.pkl of at most 8,000,000 bytes, got 8,000,002",
    ),
    "compressed": (archive(FLAT, {"0": 24}, zipfile.ZIP_DEFLATED), "expected an archive of uncompressed entries, got"),
    "two sizes": (cut_size(archive(b"}."), 1), "expected"),
    "claims more than the file": (cut_size(archive(b"}."), 5_000), "expected entries of at most 1"),
    "a changed byte": (
        archive(FLAT, {"0": 24}).replace(short("x"), short("y"), 1),
        "expected a zip archive, got Bad CRC-32",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_damaged_file(content, message):
    with pytest.raises(InpaintError) as error:
        read(content)
    assert str(error.value).startswith("the file is damaged: ")
    assert message in str(error.value)


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, b"}.")
    return file.getvalue()


TRUNCATED = "the file is truncated: its end is missing. Download it again."
OTHER = "expected a PyTorch file, got another zip archive. Unpack it first."
SCRIPT = "expected a checkpoint, got a TorchScript archive. Use a version of it that holds weights."
OTHERS = {
    "cut off": (archive(FLAT, {"0": 24})[:-30], TRUNCATED),
    "nothing": (b"", TRUNCATED),
    "a zip of pictures": (zipped("a.png"), OTHER),
    "data.pkl too deep": (zipped("a/b/data.pkl"), OTHER),
    "data.pkl without a folder": (zipped("data.pkl"), OTHER),
    "empty zip": (zipped(), OTHER),
    "TorchScript by constants": (zipped("a/data.pkl", "a/constants.pkl"), SCRIPT),
    "TorchScript by code": (zipped("a/data.pkl", "a/code/__torch__.py"), SCRIPT),
}


@pytest.mark.parametrize(("content", "message"), OTHERS.values(), ids=OTHERS.keys())
def test_another_file(content, message):
    with pytest.raises(InpaintError) as error:
        read(content)
    assert str(error.value) == message


def test_a_real_torchscript_archive():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), file)
    with pytest.raises(InpaintError, match="got a TorchScript archive"):
        read(file.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice():
    with pytest.raises(InpaintError, match="each name once"):
        read(zipped("a/data.pkl", "a/data.pkl"))


def test_an_entry_compressed_to_its_own_size():
    content = bytearray(archive(FLAT, {"0": 24}))
    content[content.index(b"PK\x01\x02") + 10] = zipfile.ZIP_DEFLATED
    with pytest.raises(InpaintError, match="expected an archive of uncompressed entries"):
        read(bytes(content))


def test_a_directory_too_long():
    with pytest.raises(InpaintError, match=r"expected a zip directory of at most 2,000,000 bytes, got"):
        read(zipped("a/data.pkl", *(f"a/data/{number}" + "x" * 1000 for number in range(2000))))
