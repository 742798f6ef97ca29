"""Pickles that another reader would choke on are refused first; honest ones of every age pass.

Mutations seen to fail here: keys that are tuples let through; sets and counters not looked at; a legacy file's object
taken for its magic number; the pickle with the names of storages read as a tensor; special files opened.
"""

import collections
import os
import struct
import threading
import zipfile
from pathlib import Path

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.model_files.pickle_check import check_pickle
from inpaint.model_files.stored_file import read_stored
from inpaint.model_files.torchscript import is_archive, read_archive
from tests.inpaint.work import counted

# A tuple of 3 of the tuple before, 40 deep: hashing it takes 3**40 steps.
NESTED = b")q\x000" + b"".join(b"(h%ch%ch%ctq%c0" % (n, n, n, n + 1) for n in range(40)) + b"h\x28"
TENSORS = ("torch.Tensor", "torch.FloatTensor", "torch.cuda.HalfTensor", "torch.UntypedStorage")


def function(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


MUCH = b"\x8a\x06" + (10**14).to_bytes(6, "little")
HOSTILE = {
    "a key": b"}(" + NESTED + b"K\x01u",
    "a key alone": b"}" + NESTED + b"K\x01s",
    "a key in a dictionary": b"}X\x01\x00\x00\x00a(" + NESTED + b"K\x01ds",
    "a key of an ordered dictionary": function("collections.OrderedDict") + b")R" + NESTED + b"K\x01s",
    "a pair of an ordered dictionary": function("collections.OrderedDict") + b"]" + NESTED + b"K\x01\x86a\x85R",
    "counted": function("collections.Counter") + b"]" + NESTED + b"a\x85R",
    "in a set": function("builtins.set") + b"]" + NESTED + b"a\x85R",
    "many bytes": function("builtins.bytearray") + MUCH + b"\x85R",
    **{f"a large {name}": function(name) + MUCH + b"\x85R" for name in TENSORS},
}


def archive(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a/data.pkl", b"\x80\x02" + pickled + b".")
        made.writestr("a/data/0", bytes(8))
    return path


def legacy(path: Path, pickled: bytes) -> Path:
    header = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
    path.write_bytes(header + b"\x80\x02" + pickled + b".\x80\x02].")
    return path


def bare(path: Path, pickled: bytes) -> Path:
    path.write_bytes(b"\x80\x02" + pickled + b".")
    return path


@pytest.mark.parametrize("write", [archive, legacy, bare])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_never_end_or_take_all_memory(tmp_path, name, write):
    path = write(tmp_path / "m.ckpt", HOSTILE[name])
    with (
        counted() as work,
        pytest.raises(InpaintError, match=r"^m\.ckpt: the file is damaged: .* may be malicious: dele"),
    ):
        check_pickle(path)
    assert work.calls < 20_000


def test_the_header_reader_refuses_it_too(tmp_path):
    with pytest.raises(InpaintError, match="expected dictionary keys that are texts or numbers, got a tuple"):
        read_stored(archive(tmp_path / "m.ckpt", HOSTILE["a key"]))


HONEST = {
    "a state dict": lambda: {"state_dict": collections.OrderedDict(w=torch.zeros(2, 3).T, b=torch.zeros(3))},
    "a checkpoint of a training": lambda: {
        "model": torch.nn.Linear(2, 2).state_dict(),
        "optimizer": torch.optim.Adam(torch.nn.Linear(2, 2).parameters()).state_dict(),
        "epoch": 3,
        7: [1.5, None, True, (1, (2, "a"))],
    },
    "Fooocus' patch": lambda: {"a.weight": (torch.zeros(2, 2, dtype=torch.uint8), -0.5, 0.5)},
    "a parameter": lambda: {"p": torch.nn.Parameter(torch.zeros(3)), "size": torch.Size([1, 2])},
    "a set and a counter": lambda: {"s": {"a", 1}, "c": collections.Counter("abca")},
}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", HONEST)
def test_honest_files_pass(tmp_path, name, new):
    path = tmp_path / "m.pth"
    torch.save(HONEST[name](), path, _use_new_zipfile_serialization=new)
    check_pickle(path)
    torch.load(path, weights_only=True)


def test_a_class_as_a_key_passes(tmp_path):
    """As the first Stable Diffusion checkpoints have it."""
    check_pickle(archive(tmp_path / "m.ckpt", b"}cpytorch_lightning.callbacks\nModelCheckpoint\n}s"))


def test_other_formats_are_left_alone(tmp_path):
    for name in ("m.safetensors", "m.gguf", "m.sft"):
        (tmp_path / name).write_bytes(b"what is not looked at")
        check_pickle(tmp_path / name)


@pytest.mark.parametrize("content", [b"\x80\x02", b"\x80\x02K\x01", b"\x80\x02\x8d" + b"\xff" * 8])
def test_what_is_no_pickle(tmp_path, content):
    path = tmp_path / "m.pth"
    path.write_bytes(content)
    with pytest.raises(InpaintError, match=r"^m\.pth: the file is damaged: expected a pickle"):
        check_pickle(path)


def test_a_legacy_file_is_read_to_its_storages_and_no_further(tmp_path):
    """The pickles come first. What follows can be of any size."""
    path = tmp_path / "m.pth"
    torch.save({"w": torch.zeros(1_000_000)}, path, _use_new_zipfile_serialization=False)
    with path.open("r+b") as file:
        file.truncate(4096)
    check_pickle(path)


@pytest.mark.parametrize("make", [os.mkdir, *([os.mkfifo] if hasattr(os, "mkfifo") else [])])
@pytest.mark.parametrize("read", [check_pickle, is_archive, read_archive, read_stored])
def test_a_special_file_does_not_block(tmp_path, read, make):
    path = tmp_path / "big-lama.pt"
    make(path)
    said: list[str] = []

    def try_it() -> None:
        try:
            read(path)
        except InpaintError as error:
            said.append(str(error))

    thread = threading.Thread(target=try_it, daemon=True)
    thread.start()
    thread.join(10)
    assert said == ["big-lama.pt: no such file. Choose a file that is in the models folder."]


@pytest.mark.parametrize("read", [check_pickle, is_archive, read_archive, read_stored])
def test_a_path_that_no_file_can_have(read):
    with pytest.raises(InpaintError, match="no such file"):
        read("models/a\0b.pt")


def test_a_name_from_a_file_can_be_shown(tmp_path):
    """A class name that is a lone surrogate, and a file name that is no UTF-8: each ended the host's log."""
    for name in (b"m.ckpt", b"caf\xe9.ckpt", b"a\x1b[31m\nb.ckpt"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        archive(path, b"\x8c\x03\xed\xa0\x80\x8c\x01b\x93")
        with pytest.raises(InpaintError) as caught:
            read_stored(path)
        message = str(caught.value)
        message.encode()
        assert message.isprintable(), "the break in a file's name included"
        assert "'\\ud800.b'" in message


def test_a_shape_of_thousands_of_digits(tmp_path):
    shape = b",".join([b"9223372036854775807"] * 32)
    text = b'{"a":{"dtype":"F16","shape":[' + shape + b'],"data_offsets":[0,2]}}'
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"xx")
    with pytest.raises(
        InpaintError, match=r"expected more than 2\^64 bytes for tensor 'a' .*, got 2\. Download it again"
    ):
        read_stored(path)
