"""TorchScript archives read as data, against `torch.jit.load`; archives made to do harm; archives made to be wrong.

Run once with MEND_FUZZ_EXAMPLES=15000: 45,000 inputs, none wrong.

Mutations seen to fail here: strides or offsets left out; each tensor given memory of its own; numbers swapped always or
never; a storage's bytes not compared on reading; any name let through in TorchScript; expanded tensors let through;
modules counted without bound; names told apart by their last part; compressed storages let through.
"""

import io
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from inpaint.core.errors import InpaintError
from inpaint.model_files.torchscript import is_archive, read_archive

from ..work import counted

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:FutureWarning")

fuzzed = settings(
    max_examples=int(os.environ.get("MEND_FUZZ_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Tied(nn.Module):
    """Tensors of several dtypes and layouts, a weight in two places, and attributes that are no tensors."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.again = nn.Linear(4, 4, bias=False)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.again.weight
        whole = torch.arange(24.0)
        for name, held in {
            **{"whole": whole, "view": whole[3:9].view(2, 3), "transposed": whole.view(4, 6).T, "strided": whole[1::5]},
            **{f"as_{dtype}".replace("torch.", ""): torch.arange(5).to(dtype) for dtype in DTYPES},
            **{"scalar": torch.tensor(3.0), "empty": torch.zeros(0, 7), "tenth": torch.tensor(0.1, dtype=torch.half)},
        }.items():
            self.register_buffer(name, held)
        self.sizes, self.names, self.rate = [1, 2, 3], ["a", "b"], 0.5
        self.maybe: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return self.tied(self.again(self.inner(x).mean((2, 3)))) * self.rate + self.sizes[0]


DTYPES = (torch.float64, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def scripted(module: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(module), file)
    return file.getvalue()


def traced(module: nn.Module, *inputs: Tensor) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(module.eval(), inputs, check_trace=False), file)
    return file.getvalue()


def written(folder: Path, content: bytes, name: str = "net.pt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def rezipped(content: bytes, changed: Mapping[str, bytes | None], compressed: tuple[str, ...] = ()) -> bytes:
    """An archive with other contents of these entries, by the end of their names; None leaves one out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        root = old.namelist()[0].split("/")[0]
        left = dict(changed)
        for entry in old.infolist():
            ending = entry.filename.removeprefix(f"{root}/")
            held = left.pop(ending, old.read(entry))
            if held is not None:
                kind = zipfile.ZIP_DEFLATED if ending in compressed else zipfile.ZIP_STORED
                new.writestr(entry.filename, held, kind)
        for ending, added in left.items():
            assert added is not None, f"{ending} is not there to be left out"
            new.writestr(f"{root}/{ending}", added)
    return file.getvalue()


# ---- as torch reads it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [scripted, lambda module: traced(module, torch.rand(1, 3, 8, 8))])
def test_as_torch_jit_reads_it(tmp_path, write):
    torch.manual_seed(0)
    content = write(Tied())
    expected = torch.jit.load(io.BytesIO(content)).state_dict()
    archive = read_archive(written(tmp_path, content))
    assert archive.script
    found = archive.load(archive.tensors)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].stride() == tensor.stride(), name
        assert torch.equal(found[name], tensor), name


def test_what_shares_memory_shares_it(tmp_path):
    archive = read_archive(written(tmp_path, scripted(Tied())))
    found = archive.load(archive.tensors)
    assert found["again.weight"].data_ptr() == found["tied.weight"].data_ptr()
    assert found["view"].data_ptr() == found["whole"].data_ptr() + 12
    found["whole"][3] = 7  # writable, and no other reading sees it
    assert found["view"][0, 0] == 7
    assert archive.load(["view"])["view"][0, 0] == 3


def test_only_what_is_asked_for_is_read(tmp_path):
    content = scripted(Tied())
    data = read_archive(written(tmp_path, content)).tensors["inner.0.weight"].storage.key
    broken = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        held = zipped.read(f"{zipped.namelist()[0].split('/')[0]}/data/{data}")
    place = broken.index(held)
    broken[place] ^= 1
    archive = read_archive(written(tmp_path, bytes(broken)))
    assert torch.equal(archive.load(["whole"])["whole"], torch.arange(24.0))
    with pytest.raises(InpaintError, match=r"^net\.pt: the file is damaged: expected a zip archive, got Bad CRC-32"):
        archive.load(["inner.0.weight"])


def test_numbers_with_their_greatest_byte_first(tmp_path):
    module = Tied()
    content = scripted(module)
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        root = zipped.namelist()[0].split("/")[0]
        storages = {name: zipped.read(name) for name in zipped.namelist() if name.startswith(f"{root}/data/")}
    known = read_archive(written(tmp_path, content))
    sizes = {tensor.storage.key: module.state_dict()[name].itemsize for name, tensor in known.tensors.items()}
    swapped: dict[str, bytes | None] = {"byteorder": b"big"}
    for name, held in storages.items():
        key = name.rpartition("/")[2]
        size = sizes[key]
        swapped[f"data/{key}"] = b"".join(held[at : at + size][::-1] for at in range(0, len(held), size))
    archive = read_archive(written(tmp_path, rezipped(content, swapped)))
    found = archive.load(archive.tensors)
    for name, tensor in module.state_dict().items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("wrap", [dict, OrderedDict, lambda held: {"state_dict": OrderedDict(held), "epoch": 3}])
def test_a_saved_state_dict(tmp_path, wrap):
    state = Tied().state_dict()
    path = tmp_path / "net.pth"
    torch.save(wrap(state), path)
    archive = read_archive(path)
    assert not archive.script
    found = archive.load(archive.tensors)
    assert list(found) == list(state)
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_told_from_other_files(tmp_path):
    assert is_archive(written(tmp_path, scripted(nn.ReLU())))
    assert not is_archive(written(tmp_path, b"\x80\x02}."))
    assert not is_archive(written(tmp_path, b""))
    with pytest.raises(InpaintError, match=r"^none\.pt: no such file"):
        is_archive(tmp_path / "none.pt")
    with pytest.raises(InpaintError, match=r"^none\.pt: no such file"):
        read_archive(tmp_path / "none.pt")


# ---- files made to do harm ---------------------------------------------------------------------------------------


class WritesWhenLoaded(nn.Module):
    """TorchScript whose own code makes a file as soon as torch loads it."""

    def __init__(self, path: str):
        super().__init__()
        self.path, self.weight = path, torch.ones(2, 2)

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, str, bool]:
        return (self.weight, self.path, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, str, bool]) -> None:
        self.weight = state[0] + torch.from_file(state[1], True, 4).reshape(2, 2)
        self.path, self.training = state[1], state[2]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Around(nn.Module):
    def __init__(self, inner: nn.Module):
        super().__init__()
        self.linear, self.inner = nn.Linear(2, 2), inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.linear(x))


def test_code_in_torchscript_is_not_run(tmp_path):
    harmful = WritesWhenLoaded(str(tmp_path / "harm"))
    content = scripted(Around(harmful))
    (tmp_path / "harm").unlink(missing_ok=True)
    path = written(tmp_path, content)
    archive = read_archive(path)
    assert list(archive.load(archive.tensors)) == ["linear.weight", "linear.bias"]
    with pytest.raises(InpaintError, match=r"expected a TorchScript module, got '__torch__\..*WritesWhenLoaded'"):
        read_archive(written(tmp_path, scripted(harmful), "other.pt"))
    assert not (tmp_path / "harm").exists()
    torch.jit.load(str(path))
    assert (tmp_path / "harm").exists()  # so it was no empty threat


class Harm:
    """Pickles as a call of something with an argument."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def harms(sentinel: str) -> dict[str, Harm]:
    code = f"open({sentinel!r}, 'w').close()"
    return {
        "posix.system": Harm(os.system, f"touch {sentinel}"),
        "builtins.eval": Harm(eval, code),
        "builtins.exec": Harm(exec, code),
        "builtins.open": Harm(open, sentinel, "w"),
        "subprocess.Popen": Harm(subprocess.Popen, ["touch", sentinel]),
        "torch.serialization.load": Harm(torch.load, sentinel),
        "builtins.getattr": Harm(getattr, Path(sentinel), "touch"),
    }


@pytest.mark.parametrize("name", harms(""))
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_calls_in_a_pickle_are_not_made(tmp_path, name, protocol):
    sentinel = tmp_path / "harm"
    pickled = pickle.dumps({"weight": harms(str(sentinel))[name]}, protocol)
    script = written(tmp_path, rezipped(scripted(nn.Linear(2, 2)), {"data.pkl": pickled}))
    with pytest.raises(InpaintError, match=r"^net\.pt: expected only containers and tensors, got a file that"):
        read_archive(script)
    plain = rezipped(script.read_bytes(), {"constants.pkl": None})
    with zipfile.ZipFile(io.BytesIO(plain)) as zipped:
        code = {entry.split("/", 1)[1]: None for entry in zipped.namelist() if "/code/" in entry}
    archive = read_archive(written(tmp_path, rezipped(plain, code)))
    assert not archive.script
    assert archive.tensors == {}
    assert not sentinel.exists()
    if name != "torch.serialization.load":
        result = pickle.loads(pickled)["weight"]
        if isinstance(result, subprocess.Popen):
            result.wait()
        if callable(result):
            result()
        assert sentinel.exists()


def test_a_call_among_true_tensors_is_refused(tmp_path):
    """In the true layout: the state of a module, with one entry more."""
    content = scripted(nn.Linear(2, 2))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pickled = archive.read(f"{archive.namelist()[0].split('/')[0]}/data.pkl")
    call = b"X\x05\x00\x00\x00extracposix\nsystem\nX\x01\x00\x00\x00x\x85R"
    place = pickled.index(b"X\x08\x00\x00\x00training")
    harmful = pickled[:place] + call + pickled[place:]
    with pytest.raises(InpaintError, match=r"asks for 'posix\.system'\. It was not run\."):
        read_archive(written(tmp_path, rezipped(content, {"data.pkl": harmful})))


# ---- files that are wrong ----------------------------------------------------------------------------------------


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def module(*attributes: bytes) -> bytes:
    """The opcodes of a module, of opcodes of names and values."""
    return b"c__torch__\nNet\n)\x81}(" + b"".join(attributes) + b"ub"


def tensor(
    rest: bytes = b"K\x00K\x02K\x03\x86K\x03K\x01\x86", kind: bytes = b"torch\nFloatStorage", key: str = "0"
) -> bytes:
    """The opcodes of one; rest is offset, shape and stride. Storage 0 has 6 numbers."""
    storage = b"(" + short("storage") + b"c" + kind + b"\n" + short(key) + short("cpu") + b"K\x06tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"\x89NtR"


def archive(pickled: bytes, size: int = 24, compress: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("net/data.pkl", b"\x80\x02" + pickled + b".")
        made.writestr("net/code/__torch__.py", b"class Net(Module):\n" * 100, zipfile.ZIP_DEFLATED)
        made.writestr("net/constants.pkl", b"\x80\x02).")
        made.writestr("net/data/0", bytes(range(size)), compress)
    return file.getvalue()


def nested(depth: int, doubled: bool) -> bytes:
    """Modules within modules; doubled, each holds the next one twice."""
    made = module(short("w"), tensor())
    for number in range(depth):
        place = b"q" + bytes([number])
        made = module(short("a"), made + place, *((short("b"), b"h" + bytes([number])) if doubled else ()))
    return made


def test_a_literal_module(tmp_path):
    path = written(tmp_path, archive(module(short("x"), module(short("w"), tensor()), short("n"), b"K\x05")))
    found = read_archive(path)
    assert list(found.tensors) == ["x.w"]
    assert torch.equal(
        found.load(["x.w"])["x.w"], torch.frombuffer(bytearray(range(24)), dtype=torch.float32).view(2, 3)
    )


WRONG = {
    "past its storage": (
        module(short("w"), tensor(b"K\x01K\x02K\x03\x86K\x03K\x01\x86")),
        "a tensor within the 24 bytes",
    ),
    "negative stride": (module(short("w"), tensor(b"K\x05K\x06\x85J\xff\xff\xff\xff\x85")), "whole numbers from 0"),
    "expanded": (module(short("w"), tensor(b"K\x00M\xff\xff\x85K\x00\x85")), "24 bytes for 'w', got shape [65535]"),
    "no such storage": (module(short("w"), tensor(key="9")), "bytes of storage '9', got none"),
    "complex": (module(short("w"), tensor(b"K\x00K\x01\x85K\x01\x85", b"torch\nComplexFloatStorage")), "storage '0'"),
    "a state dict": (b"}", "expected a TorchScript module, got dict"),
    "a class of others": (b"ccollections\nOrderedDict\n)\x81}b", "expected a TorchScript module, got"),
    "a name twice": (
        module(short("x"), module(short("w"), tensor()), short("x.w"), tensor()),
        "each tensor's name once, got 'x.w'",
    ),
    "too deep": (nested(70, False), "at most 50,000 modules, 64 deep"),
    "too many by sharing": (nested(40, True), "at most 50,000 modules, 64 deep"),
    "a module in itself": (b"c__torch__\nNet\n)\x81q\x00}" + short("a") + b"h\x00sb", "64 deep"),
}


@pytest.mark.parametrize(("pickled", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_damaged_archive(tmp_path, pickled, message):
    path = written(tmp_path, archive(pickled))
    with pytest.raises(InpaintError) as error:
        read_archive(path)
    assert str(error.value).startswith("net.pt: the file is damaged: ")
    assert message in str(error.value)


def test_names_too_long(tmp_path):
    made = module(short("w"), tensor())
    for _ in range(5):
        made = module(short("a" * 250), made)
    with pytest.raises(InpaintError, match="names of at most 1,000 characters"):
        read_archive(written(tmp_path, archive(made)))


def test_a_compressed_storage(tmp_path):
    content = archive(module(short("w"), tensor()), compress=zipfile.ZIP_DEFLATED)
    with pytest.raises(InpaintError, match="expected an archive of uncompressed entries, got 'net/data/0' compressed"):
        read_archive(written(tmp_path, content))


def test_a_file_that_changes_meanwhile(tmp_path):
    found = read_archive(written(tmp_path, archive(module(short("w"), tensor()))))
    written(tmp_path, archive(module(), size=20))
    with pytest.raises(InpaintError, match="expected 24 bytes of storage '0', got another size: the file has changed"):
        found.load(found.tensors)


def test_a_whole_model_of_python_objects(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "net.pth")
    with pytest.raises(
        InpaintError, match=r"expected a dictionary of tensors, got 'torch\.nn\.modules\.linear\.Linear"
    ):
        read_archive(tmp_path / "net.pth")


# ---- files made to be wrong in every way -------------------------------------------------------------------------


GOOD = scripted(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
with zipfile.ZipFile(io.BytesIO(GOOD)) as _archive:
    PICKLED = _archive.read(f"{_archive.namelist()[0].split('/')[0]}/data.pkl")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "net.pt"


def check(place: Path, content: bytes) -> str:
    """What reading makes of it: its message, or "" if it was read to the end."""
    place.write_bytes(content)
    try:
        with counted() as work:
            found = read_archive(place)
            tensors = found.load(found.tensors)
    except InpaintError as error:
        message = str(error)
        assert 0 < len(message) < 2_000
        message.encode()
    else:
        message = ""
        for name, tensor in tensors.items():
            assert type(name) is str
            assert type(tensor) is Tensor
            assert tensor.numel() * tensor.itemsize <= len(content)
            tensor.sum()  # reads every byte of it
    assert work.calls < 1_000 + 15 * len(content)
    return message


@st.composite
def damage(draw, content: bytes) -> bytes:
    """The content with a few bytes flipped, removed, inserted, or the rest cut off."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(made)))
        match draw(st.sampled_from(["flip", "remove", "insert", "cut", "number"])):
            case "flip" if begin < len(made):
                made[begin] ^= 1 << draw(st.integers(0, 7))
            case "remove":
                del made[begin : begin + draw(st.integers(0, 12))]
            case "insert":
                made[begin:begin] = draw(st.binary(max_size=12))
            case "number":
                size = draw(st.sampled_from([1, 2, 4, 8]))
                made[begin : begin + size] = b"\xff" * size
            case "cut":
                del made[begin:]
    return bytes(made)


def test_what_is_damaged_below_is_good(place):
    assert check(place, GOOD) == ""
    assert check(place, rezipped(GOOD, {"data.pkl": PICKLED})) == ""


@pytest.mark.slow
@fuzzed
@given(damage(GOOD))
def test_damaged_archives(place, content):
    check(place, content)


@pytest.mark.slow
@fuzzed
@given(damage(PICKLED))
def test_damaged_pickles_in_a_good_archive(place, pickled):
    check(place, rezipped(GOOD, {"data.pkl": pickled}))


PIECES = [tensor(), module(), module(short("w"), tensor()), b"c__torch__\nNet\n", short("w"), short("a.b"), b"K\x06"]
PIECES += [bytes([code]) for code in b"()}]Rbsueoatq\x81\x85\x86\x87Q\x94N\x88\x89"] + [b"q\x00", b"h\x00", b"h\x01"]
PIECES += [b"ctorch\nFloatStorage\n", b"cposix\nsystem\n", b"ctorch._utils\n_rebuild_tensor_v2\n"]


@pytest.mark.slow
@fuzzed
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=30).map(b"".join))
@example(module(short("w"), tensor()))
def test_random_opcodes(place, opcodes):
    check(place, archive(opcodes))


@pytest.mark.slow
def test_many_names_for_one_module_do_not_take_long(tmp_path):
    """A module of 3,000 attributes that is named 3,000 times."""
    inner = module(*(short(f"a{number}") + b"N" for number in range(3000))) + b"q\x01"
    outer = module(short("first") + inner, *(short(f"b{number}") + b"h\x01" for number in range(3000)))
    with counted() as work, pytest.raises(InpaintError, match="attributes of modules"):
        read_archive(written(tmp_path, archive(outer + b".")))
    # One by one, the 9 million names would take 30 million.
    assert work.calls < 4_000_000
