"""The interface of a network that fills holes, and the loading of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import InpaintError

Shapes = Mapping[str, "tuple[int, ...]"]


class Grid(NamedTuple):
    """The crop sizes that a network takes, in pixels."""

    native: int
    """Side of the square that a crop shows at least, if the picture is large enough."""
    multiple: int
    """Width and height of a crop are multiples of this."""
    fixed: bool
    """True if the network takes the native square only."""


@dataclass(frozen=True, eq=False)
class Network:
    """A loaded network, in float32 on the CPU."""

    label: str
    """Its name, for reports."""
    module: nn.Module
    """Takes pictures [B, 3, h, w] in 0..1 and holes [B, 1, h, w] of 0 and 1. Returns filled pictures [B, 3, h, w].
    Picture values inside a hole are ignored."""
    grid: Grid
    """The crop sizes that it takes."""
    half: bool
    """True if it may run in float16."""
    working: int
    """Bytes of memory per pixel of a crop while it runs in float32: the peak of its tensors, plus at least half of that
    for the workspaces of libraries."""
    note: str = ""
    """A sentence that the user has to read, such as a licence restriction; may be empty."""


class Architecture(NamedTuple):
    """An architecture."""

    label: str
    """Its name, for messages."""
    find: Callable[[Shapes], str | None]
    """Returns the prefix that a file adds to the architecture's tensor names; None if the file does not hold it."""
    parts: tuple[str, ...]
    """What the architecture's own tensor names begin with."""
    build: Callable[[dict[str, Tensor]], Network]
    """Makes the network from its tensors, whose names have no prefix."""
    files: str = ""
    """The published files, for the list of supported networks; may be empty."""

    def names(self, prefix: str, shapes: Iterable[str]) -> list[str]:
        """The names in a file, prefix included, that belong to the architecture."""
        return [name for name in shapes if name.startswith(tuple(prefix + part for part in self.parts))]


def prefix_before(shapes: Shapes, ending: str) -> str | None:
    """What precedes `ending` in a file's tensor names: empty or up to a dot, the shortest; None if no name has it."""
    found = [name.removesuffix(ending) for name in shapes if name.endswith(ending)]
    return min((before for before in found if before == "" or before.endswith(".")), key=len, default=None)


def filled_with(label: str, module: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """Load weights as float32 into a module, which may be on the meta device.

    Returns:
        the same module, in eval mode and without gradients.

    Raises:
        InpaintError: if weights are missing, too many, or of a wrong shape.
    """
    with refusing(label):
        # Names and shapes are checked on the meta device first. In a hostile small file many names may share one large
        # tensor, and converting it for each name would exhaust memory.
        module.load_state_dict({name: weight.to("meta") for name, weight in weights.items()}, assign=True)
        module.load_state_dict({name: _as_float32(weight) for name, weight in weights.items()}, assign=True)
    return module.eval().requires_grad_(False)


class refusing:
    """Context manager that turns an error of loading weights into an InpaintError."""

    def __init__(self, label: str):
        self.label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, RuntimeError | KeyError | IndexError | ValueError | AssertionError):
            reason = " ".join(f"{error}".split())[:300]
            raise InpaintError(
                f"looks like {self.label}, but weights are missing, too many, or of a wrong shape ({reason}). The file "
                "is another version, or damaged. Choose the published file."
            ) from error


def _as_float32(weight: Tensor) -> Tensor:
    return weight.float() if weight.is_floating_point() else weight.to(torch.int64)
