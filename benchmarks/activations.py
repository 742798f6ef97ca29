"""Simulate the memory of sampling and of the VAE: the host's own networks run on the meta device.

Every tensor that a network creates is counted while it lives. The peak is compared with the plan's expectation and with
the host's own estimate. Attention counts as its output only, as with PyTorch's fused kernels. Library workspaces and
fragmentation are not included, so a real GPU shows more. `python dev.py bench activations`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.shared.host import host_folder
from benchmarks.shared.tables import Report, machine
from devtools.hosts.in_process import import_host
from devtools.hosts.process import prepare_base
from devtools.models.model_shapes import make_model, make_vae
from devtools.setup.environment import ROOT
from inpaint.model_families.table import BY_ID
from inpaint.model_families.vaes import KL4, Work
from inpaint.vram.host_dtypes import MIB


class Case(NamedTuple):
    """A model to measure."""

    name: str
    """A key of `model_shapes.MODELS`."""
    family: str
    """A key of `BY_ID`."""
    channels: int
    """Channels of the model's input."""
    text: tuple[int, int]
    """Width and tokens of the text embedding."""
    sides: tuple[int, ...]
    """Sides of the picture in pixels."""
    more: tuple[tuple[str, int], ...] = ()
    """Names and widths of additional inputs."""


CASES = [
    Case("SD 1.5 inpainting", "sd15", 9, (768, 77), (512, 1024)),
    Case("SD 2 inpainting", "sd2", 9, (1024, 77), (512, 1024)),
    Case("SDXL inpainting", "sdxl", 9, (2048, 77), (1024, 1536), (("y", 2816),)),
    Case("SD 3 medium", "sd3", 16, (4096, 154), (1024, 1536), (("y", 2048),)),
    Case("Flux Fill", "flux", 96, (4096, 512), (512, 1024, 1536), (("y", 768),)),
    Case("Chroma", "chroma", 16, (4096, 512), (512, 1024, 1536)),
    Case("Qwen-Image", "qwen-image", 16, (3584, 256), (1024, 1536)),
    Case("Z-Image", "z-image", 16, (2560, 256), (1024, 1536)),
    Case("Lumina 2", "lumina2", 16, (2304, 256), (1024, 1536)),
]


class Peak(TorchDispatchMode):
    """Counts the tensors that are created in its `with` block. most: their peak in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.living: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {leaf.untyped_storage()._cdata for leaf in _tensors((args, kwargs))}
        result = function(*args, **(kwargs or {}))
        self.living = {key: (ref, size) for key, (ref, size) in self.living.items() if not ref.expired()}
        for leaf in _tensors(result):
            storage = leaf.untyped_storage()
            if storage._cdata not in given:
                self.living.setdefault(storage._cdata, (StorageWeakRef(storage), storage.nbytes()))
        self.most = max(self.most, sum(size for _, size in self.living.values()))
        return result


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def peak(work: Callable[[], Any]) -> int:
    """Return the peak bytes of the tensors that the work creates."""
    with torch.inference_mode(), Peak() as counted:
        work()
    return counted.most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, help="keep the tables in this file")
    options = parser.parse_args()
    base = ROOT / ".host" / "bench"
    prepare_base(base, pack=None)
    import_host(host_folder(), base)

    def fused(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return query.new_empty((*query.shape[:-1], value.shape[-1]))

    torch.nn.functional.scaled_dot_product_attention = fused
    report = Report()
    report.say("# Activations, simulated")
    report.say()
    report.say(machine(host_folder()))
    report.heading("Sampling, one picture, 16 bit")
    report.table(model=20, px=5, simulated_MiB=13, expected_MiB=12, by_simulated=12, host_MiB=8)
    for case in CASES:
        for side in case.sides:
            _sampling(report, case, side)
    report.heading("The usual VAE, 16 bit")
    report.table(work=20, px=5, simulated_MiB=13, expected_MiB=12, by_simulated=12, host_MiB=8)
    for side in (512, 1024):
        _vae(report, side)
    if options.markdown:
        report.write(options.markdown)


def _sampling(report: Report, case: Case, side: int) -> None:
    memory, cells = BY_ID[case.family].memory, side // 8
    tensors: dict[str, Any] = {name: _empty(1, width) for name, width in case.more}
    if case.family in ("flux", "chroma"):
        tensors["guidance"] = _empty(1)
    if case.family in ("z-image", "lumina2"):
        tensors["num_tokens"] = case.text[1]
    model = make_model(case.name).eval()
    frames = (1,) if case.family == "qwen-image" else ()
    latent, time = _empty(1, case.channels, *frames, cells, cells), _empty(1)
    text = _empty(1, case.text[1], case.text[0])
    found = peak(lambda: model(latent, time, context=text, **tensors))
    safe = memory.factor * MIB * 0.02
    expected = safe if memory.cell is None else memory.cell * 2
    _row(report, case.name, side, found, Work(expected, safe, memory.base), cells * cells)


def _vae(report: Report, side: int) -> None:
    vae = make_vae().to(torch.float16).eval()
    works = {"encode": (_empty(1, 3, side, side), KL4.encode)}
    works["decode"] = (_empty(1, 4, side // 8, side // 8), KL4.decode)
    for name, (given, work) in works.items():
        run = getattr(vae, name)
        _row(report, name, side, peak(partial(run, given)), Work(*(2 * n for n in work)), side * side)


def _row(report: Report, name: str, side: int, found: int, work: Work, units: int) -> None:
    expected, safe = work.base + work.expected * units, work.safe * units
    ratio = f"{expected / found:.2f}" if found else "-"
    report.row(name, side, f"{found / MIB:.0f}", f"{expected / MIB:.0f}", ratio, f"{safe / MIB:.0f}")


def _empty(*shape: int) -> torch.Tensor:
    return torch.empty(shape, dtype=torch.float16, device="meta")


if __name__ == "__main__":
    main()
