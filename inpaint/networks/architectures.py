"""Load a network from a file. Tensor names show which architecture it is, before any tensor is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..core.errors import InpaintError, about_file, short_name
from ..model_files.torchscript import is_archive, read_archive
from . import lama, mat, migan
from .network import Network, Shapes

ARCHITECTURES = (lama.ARCHITECTURE, migan.ARCHITECTURE, mat.ARCHITECTURE)
_NAMES = [
    f"{architecture.label} ({architecture.files})" if architecture.files else architecture.label
    for architecture in ARCHITECTURES
]
SUPPORTED = f"Supported are {', '.join(_NAMES[:-1])} and {_NAMES[-1]}."


class Weights(NamedTuple):
    """The tensors of a file."""

    shapes: Shapes
    """The shape of each tensor, by its name."""
    take: Callable[[Iterable[str]], dict[str, Tensor]]
    """Reads the tensors of these names."""


def load_network(path: str | Path, read: Callable[[str], Any]) -> Network:
    """Load a network from its file. No code in the file is run, whatever its format.

    Args:
        path: the file.
        read: reads a file that is not a zip archive, as data: safetensors, and pickles that PyTorch wrote before 2020.

    Returns:
        the network, in float32 on the CPU.

    Raises:
        InpaintError: if the file cannot be read, holds an unknown network, or needs a package that is not installed.
    """
    path = Path(path)
    weights = _weights(path, read)
    for architecture in ARCHITECTURES:
        prefix = architecture.find(weights.shapes)
        if prefix is not None:
            tensors = weights.take(architecture.names(prefix, weights.shapes))
            with about_file(path):
                return architecture.build({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})
    raise InpaintError(
        f"{short_name(path)}: expected a network that fills holes, got {_looks(weights.shapes)}. {SUPPORTED}"
    )


def _weights(path: Path, read: Callable[[str], Any]) -> Weights:
    """List the tensors of a file. Those of a zip archive are read only when they are taken."""
    if is_archive(path):
        archive = read_archive(path)
        return Weights({name: tensor.shape for name, tensor in archive.tensors.items()}, archive.load)
    content = read(str(path))
    entries = content.items() if isinstance(content, dict) else ()
    tensors = {name: value for name, value in entries if isinstance(name, str) and isinstance(value, Tensor)}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return Weights(shapes, lambda names: {name: tensors[name] for name in names})


def _looks(shapes: Shapes) -> str:
    """Describe a file that holds no known network, for the error."""
    if not shapes:
        return "a file without named tensors, such as Fooocus' patch or a frozen TorchScript"
    if set(shapes) == {"head"}:
        return "the head of Fooocus' inpaint patch, which Load Fooocus Inpaint Patch takes"
    some = ", ".join(f"{name!r}"[:60] for name in list(shapes)[:3])
    return f"{len(shapes):,} tensors, named {some}{' and so on' if len(shapes) > 3 else ''}"
