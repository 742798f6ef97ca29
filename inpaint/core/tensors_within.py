"""Tensors that functions and objects hold: in their attributes, closures and containers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

# Deeper than this, and after so many objects, nobody looks.
DEEPEST, MOST = 8, 20_000


def tensors_within(value: Any, skip: Callable[[Any], bool], name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Find the tensors that a value holds, without those of networks.

    Args:
        value: anything.
        skip: whether an object is not looked into.
        name: its name.

    Yields:
        The name of the attribute, variable or key that holds a tensor ("" if none does), and the tensor.
    """
    seen: set[int] = set()
    stack: list[tuple[str, Any, int]] = [(name, value, 0)]
    while stack and len(seen) < MOST:
        name, value, depth = stack.pop()
        if isinstance(value, Tensor):
            yield name, value
        elif id(value) not in seen and depth < DEEPEST and not _is_closed(value) and not skip(value):
            seen.add(id(value))
            stack += [(within or name, part, depth + 1) for within, part in _parts(value)]


def _is_closed(value: Any) -> bool:
    return value is None or isinstance(value, (str, bytes, int, float, complex, type, ModuleType, nn.Module))


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(key if isinstance(key, str) else "", part) for key, part in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [("", part) for part in value]
    if isinstance(value, functools.partial):
        return [("", value.func), ("", value.args), ("", value.keywords)]
    if isinstance(value, MethodType):
        return [("", value.__self__), ("", value.__func__)]
    if isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        held = [(name, cell.cell_contents) for name, cell in cells if not _is_empty(cell)]
        return [*held, ("", value.__defaults__), ("", value.__kwdefaults__)]
    slots = [name for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
    return [*getattr(value, "__dict__", {}).items(), *((name, getattr(value, name)) for name in slots)]


def _is_empty(cell: Any) -> bool:
    try:
        return cell.cell_contents is Ellipsis
    except ValueError:
        return True
