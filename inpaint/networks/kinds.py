"""From a file to a network: which one it is, told by the names of its tensors before any of them is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..core.errors import InpaintError, about_file
from ..model_files.torchscript import is_archive, read_archive
from . import lama, mat, migan
from .network import Network, Shapes

KINDS = (lama.KIND, migan.KIND, mat.KIND)
SUPPORTED = (
    "Supported are LaMa (big-lama.pt, and its weights as .safetensors, .pth or .ckpt), MI-GAN (migan_traced.pt, "
    "migan_512_places2.pt, migan_256_places2.pt) and MAT."
)


class Weights(NamedTuple):
    """What a file holds. take: reads tensors of these names."""

    shapes: Shapes
    take: Callable[[Iterable[str]], dict[str, Tensor]]


def load_network(path: str | Path, read: Callable[[str], Any]) -> Network:
    """Load a network from its file. Nothing in the file is run, whatever its format.

    Args:
        path: of the file.
        read: reads one that is no zip archive, as data: safetensors, and pickles as PyTorch wrote them before 2020.

    Raises:
        InpaintError: if the file cannot be read, holds another network, or needs a package that is not installed.
    """
    path = Path(path)
    weights = _weights(path, read)
    for kind in KINDS:
        prefix = kind.find(weights.shapes)
        if prefix is not None:
            held = weights.take(kind.names(prefix, weights.shapes))
            with about_file(path):
                return kind.build({name.removeprefix(prefix): tensor for name, tensor in held.items()})
    raise InpaintError(f"{path.name}: expected a network that fills holes, got {_looks(weights.shapes)}. {SUPPORTED}")


def _weights(path: Path, read: Callable[[str], Any]) -> Weights:
    if is_archive(path):
        archive = read_archive(path)
        return Weights({name: tensor.shape for name, tensor in archive.tensors.items()}, archive.load)
    held = read(str(path))
    entries = held.items() if isinstance(held, dict) else ()
    tensors = {name: value for name, value in entries if isinstance(name, str) and isinstance(value, Tensor)}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return Weights(shapes, lambda names: {name: tensors[name] for name in names})


def _looks(shapes: Shapes) -> str:
    if not shapes:
        return "a file without tensors by name, such as Fooocus' patch or a frozen TorchScript"
    if set(shapes) == {"head"}:
        return "the head of Fooocus' inpaint patch, which Load Fooocus Inpaint Patch takes"
    some = ", ".join(f"{name!r}"[:60] for name in list(shapes)[:3])
    return f"{len(shapes):,} tensors, named {some}{' and so on' if len(shapes) > 3 else ''}"
