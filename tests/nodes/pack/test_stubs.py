"""The stubs of the host's API, held against the host that runs: what type checks rest on exists, with these parameters.

Mutations seen to fail here: a function, a class, an attribute, a member of an enumeration or a parameter that the host
does not have; two positional parameters swapped; a default where the host has none; a needed parameter left out; a
base class that is none.
"""

import ast
import dis
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

STUBS = Path(__file__).resolve().parents[3] / "devtools" / "stubs"


class Stub(NamedTuple):
    """A definition. place: the names of the classes it is in."""

    module: str
    place: tuple[str, ...]
    node: ast.stmt


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(STUBS).with_suffix("").parts).removesuffix(".__init__")


def stubs(module: str, body: list[ast.stmt], place: tuple[str, ...] = ()) -> Iterator[Stub]:
    for node in body:
        yield Stub(module, place, node)
        if isinstance(node, ast.ClassDef):
            yield from stubs(module, node.body, (*place, node.name))


FILES = sorted(STUBS.rglob("*.pyi"))
ALL = [stub for path in FILES for stub in stubs(module_of(path), ast.parse(path.read_text(encoding="utf-8")).body)]


def of_kind(*kinds: type[ast.stmt]) -> Callable[[Any], Any]:
    chosen = [stub for stub in ALL if isinstance(stub.node, kinds)]
    assert chosen
    names = [".".join((stub.module, *stub.place, name_of(stub.node))) for stub in chosen]
    return pytest.mark.parametrize("stub", chosen, ids=names)


def name_of(node: Any) -> str:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else node.name


def real(stub: Stub) -> Any:
    """The module or class of the host in which the definition is to be."""
    found = importlib.import_module(stub.module)
    for name in stub.place:
        found = getattr(found, name)
    return found


@of_kind(ast.ClassDef)
def test_the_host_has_each_class(host_nodes, stub):
    found = getattr(real(stub), stub.node.name)
    assert isinstance(found, type)
    module = importlib.import_module(stub.module)
    # Bases of other modules, and names that only the stub has, are left out.
    bases = [getattr(module, ast.unparse(base), object) for base in stub.node.bases]
    assert [base for base in bases if isinstance(base, type) and not issubclass(found, base)] == []


@of_kind(ast.Assign, ast.AnnAssign)
def test_the_host_has_each_value(host_nodes, stub):
    name = name_of(stub.node)
    if name == "__all__":
        assert [each for each in ast.literal_eval(stub.node.value) if not hasattr(real(stub), each)] == []
    elif "TypeAlias" not in ast.unparse(stub.node):
        assert hasattr(real(stub), name) or name in attributes(real(stub))


def attributes(owner: type) -> set[str]:
    """What objects of a class have: annotated, or set by one of its methods."""
    found: set[str] = set()
    for base in owner.__mro__:
        found.update(vars(base).get("__annotations__", {}))
        for function in filter(inspect.isfunction, vars(base).values()):
            found.update(step.argval for step in dis.get_instructions(function) if step.opname == "STORE_ATTR")
    return found


@of_kind(ast.FunctionDef, ast.AsyncFunctionDef)
def test_each_function_takes_these_parameters(host_nodes, stub):
    if "property" in map(ast.unparse, stub.node.decorator_list):
        assert hasattr(real(stub), stub.node.name) or stub.node.name in attributes(real(stub))
        return
    found = inspect.getattr_static(real(stub), stub.node.name)
    found = found.__func__ if isinstance(found, classmethod) else found
    assert inspect.iscoroutinefunction(found) == isinstance(stub.node, ast.AsyncFunctionDef)
    signature = inspect.signature(found)
    for places, names in calls(stub.node.args):
        # A TypeError of this says what the host does not take, or needs.
        taken = signature.bind(*places, **{name: name for name in names}).arguments
        assert [(name, value) for name, value in taken.items() if isinstance(value, str) and name != value] == []


def calls(asked: ast.arguments) -> Iterator[tuple[list[str], list[str]]]:
    """The shortest and the longest call that a stub allows, each argument with its own name for a value."""
    if asked.vararg and asked.kwarg:
        return  # nothing is claimed
    places = [each.arg for each in (*asked.posonlyargs, *asked.args)]
    names = [each.arg for each in asked.kwonlyargs]
    needed = [name for name, usual in zip(names, asked.kw_defaults, strict=True) if usual is None]
    yield places[: len(places) - len(asked.defaults)], needed
    yield [*places, *(["any"] if asked.vararg else [])], [*names, *(["any"] if asked.kwarg else [])]
