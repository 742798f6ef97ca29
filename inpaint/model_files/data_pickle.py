"""Interpret PyTorch pickles as data: calls are recorded by name, and no code in the pickle runs.

Source: https://docs.python.org/3/library/pickletools.html; torch.serialization and torch._utils of PyTorch.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, NoReturn

from ..core.errors import InpaintError
from .safetensors_header import DTYPE_BITS
from .stored_tensors import MAX_DIMENSIONS, Stored, damaged

# A checkpoint has about 40 opcodes per tensor.
MAX_OPCODES = 500_000
# The pickles of a file from before PyTorch 1.6, without the bytes of its storages.
MAX_LEGACY_BYTES = 16_000_000
# torch.serialization.MAGIC_NUMBER
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# STACK_GLOBAL can join two long strings any number of times, so a short file could use much memory.
_MAX_GLOBAL = 1_000

_STORAGES = {"Float": "F32", "Half": "F16", "BFloat16": "BF16", "Double": "F64", "Long": "I64", "Int": "I32"}
_STORAGES |= {"Short": "I16", "Char": "I8", "Byte": "U8", "Bool": "BOOL", "ComplexFloat": "C64"}
_DTYPES = {
    **{"torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16", "torch.float64": "F64"},
    **{"torch.int64": "I64", "torch.int32": "I32", "torch.int16": "I16", "torch.int8": "I8", "torch.bool": "BOOL"},
    **{"torch.uint8": "U8", "torch.uint16": "U16", "torch.uint32": "U32", "torch.uint64": "U64"},
    **{"torch.complex64": "C64", "torch.float8_e4m3fn": "F8_E4M3", "torch.float8_e5m2": "F8_E5M2"},
    **{"torch.float8_e4m3fnuz": "F8_E4M3FNUZ", "torch.float8_e5m2fnuz": "F8_E5M2FNUZ"},
    **{"torch.float8_e8m0fnu": "F8_E8M0", "torch.storage.UntypedStorage": None},
    **{f"torch.{name}Storage": dtype for name, dtype in _STORAGES.items()},
}


class Storage(NamedTuple):
    """The bytes that one or more tensors share."""

    key: str
    """Name of the storage in the archive."""
    dtype: str | None
    """The dtype of its tensors; None if each tensor states its own."""
    bytes: int
    """Size in bytes."""


class Placed(NamedTuple):
    """A tensor as a strided view of its storage."""

    storage: Storage
    """The storage that holds its elements."""
    dtype: str
    """The dtype, as safetensors names it ("F16")."""
    offset: int
    """Index of the first element in the storage, in elements."""
    shape: tuple[int, ...]
    """The shape."""
    stride: tuple[int, ...]
    """The stride of each dimension, in elements."""

    @property
    def bytes(self) -> int:
        """Bytes of its elements. A stride of 0 can make this exceed the bytes of the storage."""
        return math.prod(self.shape) * DTYPE_BITS[self.dtype] // 8

    @property
    def stored(self) -> Stored:
        """The same tensor without its place in the storage."""
        return Stored(self.dtype, self.shape, self.bytes)


class Global(NamedTuple):
    """The name of a class or function. It is never imported."""

    name: str
    """Module and name, joined by a dot."""


class Foreign:
    """An object that unpickling would create by calling `name` with `arguments`.

    `state` is the state that unpickling would give it, or None.
    """

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: Any = None):
        self.name, self.arguments = name, arguments
        self.state: Any = None


def read_data_pickle(data: bytes, storages: Mapping[str, int], known: Callable[[str], bool] = lambda name: True) -> Any:
    """Return the object that a data.pkl describes, without running any of it.

    Nothing is imported or called. Only strings are compared or hashed.

    Args:
        data: the pickle.
        storages: size in bytes of each storage in the archive, by key.
        known: takes the name of a class or function; returns whether the pickle may refer to it.

    Returns:
        Dicts (str keys only), lists, tuples, numbers, strings and None. A tensor becomes a `Placed`. Other objects
        become `Storage`, `Global` or `Foreign`.

    Raises:
        InpaintError: if the data is no pickle, has more than `MAX_OPCODES` opcodes, describes a tensor outside its
            storage, or refers to a name that is not `known`.
    """
    return _run(_Machine(storages, known), data)


def read_legacy_pickle(file: BinaryIO) -> Any:
    """Return the object of a file that PyTorch wrote before 1.6, as `read_data_pickle` does. Nothing of it is run.

    Such a file holds four pickles (magic number, version, system, the object), then one with the names of storages,
    then their bytes. Files of other writers hold the object alone.

    Raises:
        InpaintError: as `read_data_pickle`.
    """
    stream: Any = _Bounded(file)
    top = _run(_Machine(None, lambda name: True), stream)
    if top == LEGACY_MAGIC:
        for _ in range(2):
            _run(_Machine(None, lambda name: True), stream)
        top = _run(_Machine(None, lambda name: True), stream)
        _run(_Machine(None, lambda name: True), stream)
    return top


class _Bounded:
    """A file that refuses to read more than `MAX_LEGACY_BYTES` of pickles."""

    def __init__(self, file: BinaryIO):
        self._file, self._left = file, MAX_LEGACY_BYTES

    def read(self, count: int) -> bytes:
        return self._take(self._file.read(min(count, self._left + 1)))

    def readline(self) -> bytes:
        return self._take(self._file.readline(self._left + 1))

    def tell(self) -> int:
        return self._file.tell()

    def _take(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            damaged(f"pickles of at most {MAX_LEGACY_BYTES:,} bytes", "more")
        return data


def _run(machine: _Machine, data: Any) -> Any:
    """Walk one pickle, from bytes or a file, and return its object."""
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_OPCODES:
                damaged(f"a pickle of at most {MAX_OPCODES:,} opcodes", "more")
            _OPCODES[opcode.name](machine, argument)
        return machine.stack[-1]
    except InpaintError:
        raise
    except (ValueError, LookupError) as error:  # unknown opcode, truncated string, empty stack, missing memo entry
        damaged("a pickle", f"{type(error).__name__}: {error}"[:200])


def is_storage_or_dtype(name: str) -> bool:
    """Whether a name is a PyTorch storage class or dtype that this module supports."""
    return name in _DTYPES


class _Machine:
    """The state of the pickle machine: its stack, the stack indices of its marks, and its memo."""

    def __init__(self, storages: Mapping[str, int] | None, known: Callable[[str], bool]):
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages, self.known = storages, known
        self.names: dict[str, Global] = {}

    def above_mark(self) -> list[Any]:
        """Pop all items above the last mark, and the mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, _: Any = None) -> Any:
        if self.marks and self.marks[-1] == len(self.stack):
            return self.marks.pop()
        return self.stack.pop()

    def pack_tuple(self, count: int) -> None:
        """Replace the last `count` items with one tuple."""
        items = [self.stack.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def put(self, place: Any) -> None:
        self.memo[place] = self.stack[-1]

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is list:
            self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        _check_hashed(items[::2])
        if type(self.stack[-1]) is dict:
            self.stack[-1].update((k, v) for k, v in zip(items[::2], items[1::2], strict=True) if type(k) is str)

    def dictionary(self, _: Any) -> None:
        items = self.above_mark()
        self.push({})
        self.set_items(items)

    def object(self, _: Any) -> None:
        function, *arguments = self.above_mark()
        self.call(tuple(arguments), function)

    def call(self, arguments: Any, function: Any) -> None:
        name = function.name if type(function) is Global else ""
        _check_call(name, arguments)
        self.push(_call_result(name, arguments))

    def stack_global(self, name: Any, module: Any) -> None:
        if type(name) is not str or type(module) is not str or len(name) + len(module) > _MAX_GLOBAL:
            damaged(f"a class name of at most {_MAX_GLOBAL:,} characters", "something else")
        self.push(self.named(f"{module}.{name}"))

    def named(self, name: str) -> Global:
        if not self.known(name):
            raise InpaintError(
                f"expected only containers and tensors, got a file that asks for {name[:200]!r}. It was not run. "
                "Such a file may be malicious: delete it, and download the model from its author."
            )
        # One object per name: a short file can repeat a name any number of times.
        return self.names.setdefault(name, Global(name))

    def build(self, state: Any) -> None:
        if type(self.stack[-1]) is Foreign:
            self.stack[-1].state = state

    def persistent(self, identity: Any) -> None:
        match identity:
            case ("storage", Global(kind), str(key), _, int(count), *_) if 0 <= count < 2**63:
                pass
            case _:
                self.push(Foreign("persistent"))
                return
        dtype = _DTYPES.get(kind)
        if self.storages is None:  # a legacy file: sizes come after the pickle
            self.push(Storage(key, dtype, count * DTYPE_BITS[dtype] // 8 if dtype else count))
            return
        if key not in self.storages:
            damaged(f"bytes of storage {key[:200]!r}", "none")
        size = self.storages[key]
        described = count * DTYPE_BITS[dtype] // 8 if dtype else count
        if described != size and kind in _DTYPES:
            damaged(f"{described:,} bytes of storage {key[:200]!r}", f"{size:,}")
        self.push(Storage(key, dtype, size))


# What readers hash in a moment. A tuple may hold tuples of tuples: 40 levels of three never end.
_HASHED = (str, int, float, bool, type(None), bytes, Global)
_WITH_HASHES = ("collections.OrderedDict", "collections.Counter", "builtins.set", "builtins.frozenset")


def _check_hashed(keys: Sequence[Any]) -> None:
    """Refuse keys of dictionaries, and items of sets, that a reader may hash without end."""
    odd = next((key for key in keys if type(key) not in _HASHED), None)
    if odd is not None:
        _malicious("dictionary keys that are texts or numbers", f"a {type(odd).__name__}")


def _check_call(name: str, arguments: Any) -> None:
    """Refuse calls that a reader of weights would make, and that no file of weights needs."""
    given = arguments if type(arguments) is tuple else ()
    if name in _WITH_HASHES:
        for items in given:
            if type(items) not in (list, tuple):
                continue
            pairs = name == "collections.OrderedDict"
            _check_hashed([item[0] if pairs and type(item) in (list, tuple) and item else item for item in items])
    sized = name == "builtins.bytearray" or re.fullmatch(r"torch\.(\w+\.)*\w*(Tensor|Storage)", name)
    if sized and any(type(argument) is int for argument in given):
        _malicious("tensors that are views of the file", f"a call of {name[:100]!r}")


def _malicious(expected: str, got: str) -> NoReturn:
    damaged(expected, got, "Such a file may be malicious: delete it, and download the model from its author.")


def _call_result(name: str, arguments: Any) -> Any:
    """Return the dict or tensor that a call would create, or a `Foreign` for any other call."""
    match name, arguments:
        case "collections.OrderedDict", _:
            return {}
        case "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2", (Storage() as storage, *_):
            return _tensor(storage, storage.dtype, arguments)
        case "torch._utils._rebuild_tensor_v3", (Storage() as storage, _, _, _, _, _, Global(dtype), *_):
            return _tensor(storage, _DTYPES.get(dtype), arguments)
        case "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state", (Placed() as tensor, *_):
            return tensor
        case "torch._tensor._rebuild_from_type_v2", (Global(inner), _, tuple(passed), *_) if inner != name:
            return _call_result(inner, passed)
        case "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3", _:
            damaged("a storage for each tensor", "none")
    return Foreign(name, arguments)


def _tensor(storage: Storage, dtype: str | None, arguments: Any) -> Placed:
    """Return the tensor described by a rebuild call. Its arguments begin with storage, offset, shape and stride."""
    if dtype is None:
        damaged(
            f"a known dtype in storage {storage.key[:200]!r}",
            "an unknown one",
            "Update Mend, or use an fp16 version of it.",
        )
    match arguments:
        case (_, int(offset), tuple(shape), tuple(stride), *_) if len(shape) == len(stride) <= MAX_DIMENSIONS:
            pass
        case _:
            damaged(f"offset, shape and stride of a tensor in storage {storage.key[:200]!r}", "something else")
    if any(type(number) is not int or not 0 <= number < 2**63 for number in (offset, *shape, *stride)):
        damaged(f"whole numbers from 0 for a tensor in storage {storage.key[:200]!r}", "other values")
    size, elements = DTYPE_BITS[dtype] // 8, math.prod(shape)
    end = offset + sum((length - 1) * step for length, step in zip(shape, stride, strict=True)) + 1 if elements else 0
    if end * size > storage.bytes or elements * size >= 2**63:
        damaged(f"a tensor within the {storage.bytes:,} bytes of storage {storage.key[:200]!r}", f"shape {list(shape)}")
    return Placed(storage, dtype, offset, shape, stride)


# For each opcode: a function of the machine and the opcode's argument.
_OPCODES: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP", "READONLY_BUFFER"), lambda m, a: None),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _Machine.push),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"), _Machine.push),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _Machine.push),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"), _Machine.push),
    "NONE": lambda m, a: m.push(None),
    "NEWTRUE": lambda m, a: m.push(True),
    "NEWFALSE": lambda m, a: m.push(False),
    "MARK": lambda m, a: m.marks.append(len(m.stack)),
    "POP": _Machine.pop,
    "POP_MARK": lambda m, a: m.above_mark(),
    "DUP": lambda m, a: m.push(m.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, a: m.push(m.memo[a])),
    "MEMOIZE": lambda m, a: m.put(len(m.memo)),
    "EMPTY_TUPLE": lambda m, a: m.push(()),
    "TUPLE1": lambda m, a: m.pack_tuple(1),
    "TUPLE2": lambda m, a: m.pack_tuple(2),
    "TUPLE3": lambda m, a: m.pack_tuple(3),
    "TUPLE": lambda m, a: m.push(tuple(m.above_mark())),
    "EMPTY_LIST": lambda m, a: m.push([]),
    "LIST": lambda m, a: m.push(m.above_mark()),
    "APPEND": lambda m, a: m.append([m.stack.pop()]),
    "APPENDS": lambda m, a: m.append(m.above_mark()),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "DICT": _Machine.dictionary,
    "SETITEM": lambda m, a: m.set_items([m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, a: m.set_items(m.above_mark()),
    "EMPTY_SET": lambda m, a: m.push(Foreign("builtins.set")),
    "ADDITEMS": lambda m, a: m.above_mark(),
    "FROZENSET": lambda m, a: m.push(Foreign("builtins.frozenset", m.above_mark())),
    "GLOBAL": lambda m, a: m.push(m.named(a.replace(" ", ".", 1))),
    "STACK_GLOBAL": lambda m, a: m.stack_global(m.stack.pop(), m.stack.pop()),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), lambda m, a: m.push(m.named(f"extension {a}"))),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), lambda m, a: m.call(m.stack.pop(), m.stack.pop())),
    "NEWOBJ_EX": lambda m, a: m.call([m.stack.pop(), m.stack.pop()][1], m.stack.pop()),
    "INST": lambda m, a: m.call(tuple(m.above_mark()), m.named(a.replace(" ", ".", 1))),
    "OBJ": _Machine.object,
    "BUILD": lambda m, a: m.build(m.stack.pop()),
    "PERSID": lambda m, a: m.push(Foreign("persistent")),
    "BINPERSID": lambda m, a: m.persistent(m.stack.pop()),
    "NEXT_BUFFER": lambda m, a: m.push(Foreign("buffer")),
}
