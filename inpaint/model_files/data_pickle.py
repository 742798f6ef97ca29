"""A pickle of PyTorch's walked as data: what it would call is only named, and nothing in it runs.

Source: https://docs.python.org/3/library/pickletools.html; torch.serialization and torch._utils of PyTorch.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..core.errors import InpaintError
from .safetensors_header import DTYPE_BITS
from .stored_tensors import MAX_DIMENSIONS, Stored, damaged

# A checkpoint has about 40 for each tensor.
MAX_OPCODES = 500_000
# Two texts of a file may be joined to one name as often as it likes.
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
    """Bytes that tensors lie in. dtype: None where each tensor has its own."""

    key: str
    dtype: str | None
    bytes: int


class Placed(NamedTuple):
    """A tensor, where it lies in its storage. offset, stride: in elements of its dtype."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * DTYPE_BITS[self.dtype] // 8

    @property
    def stored(self) -> Stored:
        return Stored(self.dtype, self.shape, self.bytes)


class Global(NamedTuple):
    """A class or function by its name, never looked up."""

    name: str


class Foreign:
    """What calling `name` with `arguments` would have made, and the state it would have been given."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: Any = None):
        self.name, self.arguments = name, arguments
        self.state: Any = None


def read_data_pickle(data: bytes, storages: Mapping[str, int], known: Callable[[str], bool] = lambda name: True) -> Any:
    """What a data.pkl describes: dicts with str keys only, lists, tuples, numbers, texts, None; `Placed` for a tensor,
    `Storage`, `Global` and `Foreign` for the rest. Nothing in it is imported, called, compared or hashed but for texts.

    Args:
        data: the pickle.
        storages: bytes of each storage in the archive, by key.
        known: whether a class or function of this name may be named at all.

    Raises:
        InpaintError: if it is no pickle, is too long, describes a tensor that its storage does not hold, or names what
            is not known.
    """
    machine = _Machine(storages, known)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_OPCODES:
                damaged(f"a pickle of at most {MAX_OPCODES:,} steps", "more")
            _OPCODES[opcode.name](machine, argument)
        return machine.stack[-1]
    except InpaintError:
        raise
    except (ValueError, LookupError) as error:  # no opcode, a text cut off, an empty stack, a memo never made
        damaged("a pickle", f"{type(error).__name__}: {error}"[:200])


def is_storage_or_dtype(name: str) -> bool:
    """Whether a name is one of PyTorch's storages or dtypes that are known here."""
    return name in _DTYPES


class _Machine:
    """The pickle machine's stack, with the places of its marks, and its memo."""

    def __init__(self, storages: Mapping[str, int], known: Callable[[str], bool]):
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages, self.known = storages, known
        self.names: dict[str, Global] = {}

    def above_mark(self) -> list[Any]:
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

    def last(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def put(self, place: Any) -> None:
        self.memo[place] = self.stack[-1]

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is list:
            self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is dict:  # a key that is no str may be made to take forever to hash
            self.stack[-1].update((k, v) for k, v in zip(items[::2], items[1::2], strict=True) if type(k) is str)

    def dictionary(self, _: Any) -> None:
        items = self.above_mark()
        self.push({})
        self.set_items(items)

    def object(self, _: Any) -> None:
        function, *arguments = self.above_mark()
        self.call(tuple(arguments), function)

    def call(self, arguments: Any, function: Any) -> None:
        self.push(_made(function.name if type(function) is Global else "", arguments))

    def stack_global(self, name: Any, module: Any) -> None:
        if type(name) is not str or type(module) is not str or len(name) + len(module) > _MAX_GLOBAL:
            damaged(f"a class named in at most {_MAX_GLOBAL:,} characters", "something else")
        self.push(self.named(f"{module}.{name}"))

    def named(self, name: str) -> Global:
        if not self.known(name):
            raise InpaintError(
                f"expected nothing but containers and tensors, got a file that asks for {name[:200]!r}. It was not "
                "run. Such a file may be made to do harm: delete it, and download it from its author."
            )
        # Each once: a short file can name the same one as often as it likes.
        return self.names.setdefault(name, Global(name))

    def build(self, state: Any) -> None:
        if type(self.stack[-1]) is Foreign:
            self.stack[-1].state = state

    def persistent(self, identity: Any) -> None:
        match identity:
            case ("storage", Global(kind), str(key), _, int(count)) if 0 <= count < 2**63:
                pass
            case _:
                self.push(Foreign("persistent"))
                return
        dtype = _DTYPES.get(kind)
        if key not in self.storages:
            damaged(f"bytes of storage {key[:200]!r}", "none")
        held = self.storages[key]
        described = count * DTYPE_BITS[dtype] // 8 if dtype else count
        if described != held and kind in _DTYPES:
            damaged(f"{described:,} bytes of storage {key[:200]!r}", f"{held:,}")
        self.push(Storage(key, dtype, held))


def _made(name: str, arguments: Any) -> Any:
    """What a call makes: a dict, a tensor, or nothing that is known."""
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
            return _made(inner, passed)
        case "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3", _:
            damaged("a storage for each tensor", "none")
    return Foreign(name, arguments)


def _tensor(storage: Storage, dtype: str | None, arguments: Any) -> Placed:
    """Of arguments that begin with storage, offset, shape and stride."""
    if dtype is None:
        damaged(
            f"a known dtype in storage {storage.key[:200]!r}", "another", "Update Mend, or use an fp16 version of it."
        )
    match arguments:
        case (_, int(offset), tuple(shape), tuple(stride), *_) if len(shape) == len(stride) <= MAX_DIMENSIONS:
            pass
        case _:
            damaged(f"offset, shape and stride of a tensor in storage {storage.key[:200]!r}", "something else")
    if any(type(number) is not int or not 0 <= number < 2**63 for number in (offset, *shape, *stride)):
        damaged(f"whole numbers from 0 for a tensor in storage {storage.key[:200]!r}", "others")
    size, elements = DTYPE_BITS[dtype] // 8, math.prod(shape)
    end = offset + sum((length - 1) * step for length, step in zip(shape, stride, strict=True)) + 1 if elements else 0
    if end * size > storage.bytes or elements * size >= 2**63:
        damaged(f"a tensor within the {storage.bytes:,} bytes of storage {storage.key[:200]!r}", f"shape {list(shape)}")
    return Placed(storage, dtype, offset, shape, stride)


# What each opcode does to a machine, given the opcode's argument.
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
    "TUPLE1": lambda m, a: m.last(1),
    "TUPLE2": lambda m, a: m.last(2),
    "TUPLE3": lambda m, a: m.last(3),
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
