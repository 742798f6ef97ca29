"""What a network that fills holes is to the rest of the pack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import InpaintError

Shapes = Mapping[str, "tuple[int, ...]"]


class Grid(NamedTuple):
    """The sizes of picture that a network takes, in pixels.

    native: the side of the square that it is shown at least, where there is so much picture.
    multiple: width and height are multiples of this.
    fixed: it takes the native square and nothing else.
    """

    native: int
    multiple: int
    fixed: bool


@dataclass(frozen=True, eq=False)
class Network:
    """One that is loaded, in float32 on the CPU.

    label: what people call it. module: takes pictures [B, 3, h, w] in 0..1 and holes [B, 1, h, w] of 0 and 1, gives
    pictures; what it is given in a hole plays no part. half: whether float16 serves it. working: bytes of memory for
    each pixel of a crop while it runs in float32: what its tensors take at their most, and half as much again at least
    for what libraries take. note: what the user has to know of it.
    """

    label: str
    module: nn.Module
    grid: Grid
    half: bool
    working: int
    note: str = ""


class Kind(NamedTuple):
    """An architecture.

    find: where its tensors stand in a file: what their names begin with, before those that the architecture has for
    them; None where they are not there. parts: how the latter begin. build: makes the network.
    """

    label: str
    find: Callable[[Shapes], str | None]
    parts: tuple[str, ...]
    build: Callable[[dict[str, Tensor]], Network]

    def names(self, prefix: str, shapes: Iterable[str]) -> list[str]:
        return [name for name in shapes if name.startswith(tuple(prefix + part for part in self.parts))]


def prefix_before(shapes: Shapes, ending: str) -> str | None:
    """What stands before this name in a file, the shortest; None where it is not there."""
    found = [name.removesuffix(ending) for name in shapes if name.endswith(ending)]
    return min((before for before in found if before == "" or before.endswith(".")), key=len, default=None)


def filled_with(label: str, module: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """A module made without memory, its weights put in as float32.

    Raises:
        InpaintError: if weights are missing, too many, or of other shapes.
    """
    with refusing(label):
        # First without memory: many names of a small file may stand for one large tensor.
        module.load_state_dict({name: weight.to("meta") for name, weight in weights.items()}, assign=True)
        module.load_state_dict({name: _as_float32(weight) for name, weight in weights.items()}, assign=True)
    return module.eval().requires_grad_(False)


class refusing:
    """Says in the pack's own error that weights do not fit."""

    def __init__(self, label: str):
        self.label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, RuntimeError | KeyError | IndexError | ValueError | AssertionError):
            reason = " ".join(f"{error}".split())[:300]
            raise InpaintError(
                f"looks like {self.label}, but weights are missing, too many, or of a wrong shape ({reason}). It is "
                "another version of it, or damaged: choose the published file."
            ) from error


def _as_float32(weight: Tensor) -> Tensor:
    return weight.float() if weight.is_floating_point() else weight.to(torch.int64)
