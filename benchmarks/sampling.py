"""Masked sampling: the cost of our own functions per step, and the savings of a window around the mask.

python dev.py bench sampling                                      all rows, some minutes on two cores
python dev.py bench sampling --markdown benchmarks/sampling.md    also writes the figures to a file

The network is SD 1.5's in its real size with UNTRAINED weights, in fp32 on the CPU, without CFG: the shortest possible
step. A window is timed with the tests' small SD 1.5, because the real one takes minutes per step at 2048 px.
"""

from __future__ import annotations

import argparse
import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared.host import HostWithPack, host_folder
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import Quartiles, seconds_of
from devtools.hosts.process import prepare_base
from devtools.models.checkpoints import write_sd15_inpaint
from devtools.models.model_shapes import SD15
from devtools.setup.environment import ROOT

CELLS = 64
STEPS = 3
OWN_REACH_PERCENT = 1.0
PROMPT = [[torch.zeros(1, 77, 768), {}]]
# Our functions that sampling calls, by the module that calls them.
OWN = {
    "host.sampling.masked": ("repaintable_mask", "done", "put_back", "blend", "repainted", "latent_mask"),
    "host.sampling.window": ("cut", "paste", "_cut_entry"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench sampling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()
    base = ROOT / ".host" / "bench-pack"
    prepare_base(base, ROOT)
    host = HostWithPack(base)
    report = Report()
    report.say("# Sampling")
    report.say()
    report.say(machine(host_folder()))
    with torch.inference_mode():
        _own_time(report, host)
        _windows(report, host)
    if options.markdown:
        report.write(options.markdown)


def _own_time(report: Report, host: HostWithPack) -> None:
    report.heading(f"Own time a step, SD 1.5 in its true size, {8 * CELLS} px, soft mask")
    report.say(
        f"Medians with quartiles of {STEPS} steps. Own: all of our functions that a step calls; for the coherent "
        "sampler what is not the network's, its own arithmetic as a sampler too. On a card the network is 100 times as "
        "fast, and own time a few kernels of 64x64 cells."
    )
    report.table(way=26, step_ms=22, own_ms=22, own_percent=11)
    model = _true_size()
    latent = _latent(CELLS, 0.2)
    worst = 0.0
    soft = host.nodes.NODE_CLASS_MAPPINGS["MendSoftInpaint"].PREPARE_CLASS_CLONE({})
    ways: dict[str, tuple[Any, str]] = {
        "soft mask, schedule": (model, "euler"),
        "soft mask, A1111": (soft.execute(model, "A1111", 1.0, "linear", 1.0, 0.0, steps_shown=0).result[0], "euler"),
        "coherent": (model, "coherent"),
        "coherent, new noise": (model, "coherent_lcm"),
    }
    for way, (patched, sampler) in ways.items():
        network: list[float] = []
        timed = _timed(patched, network)
        with _own_clock(host) as own:
            started = time.perf_counter()
            _sample(host, timed, latent, STEPS, sampler)
            whole = time.perf_counter() - started
        seconds = sum(own) if sampler == "euler" else whole - sum(network) - _around(host, timed, latent)
        step, ours = (1000 * value / STEPS for value in (sum(network), seconds))
        worst = max(worst, 100 * ours / step)
        report.row(way, Quartiles.of([1000 * one for one in network]), f"{ours:.3f}", f"{100 * ours / step:.3f}")
    report.say()
    report.point(worst <= OWN_REACH_PERCENT, f"own time {worst:.3f} % at the most, {OWN_REACH_PERCENT:.0f} % wanted")


def _timed(model: Any, seconds: list[float]) -> Any:
    """Return a MODEL that records the seconds of every network call.

    The wrapper is a function because the host deep-copies other objects.
    """

    def clocked(apply_model: Callable[..., torch.Tensor], given: dict[str, Any]) -> torch.Tensor:
        started = time.perf_counter()
        result = apply_model(given["input"], given["timestep"], **given["c"])
        seconds.append(time.perf_counter() - started)
        return result

    timed = model.clone()
    timed.set_model_unet_function_wrapper(clocked)
    return timed


@contextmanager
def _own_clock(host: HostWithPack) -> Iterator[list[float]]:
    """Yield a list that receives the seconds of each call of our functions within the block."""
    seconds: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            result = function(*arguments, **named)
            seconds.append(time.perf_counter() - started)
            return result

        return run

    replaced = [(host.pack(module), name) for module, names in OWN.items() for name in names]
    plain = [getattr(module, name) for module, name in replaced]
    for (module, name), function in zip(replaced, plain, strict=True):
        setattr(module, name, timed(function))
    try:
        yield seconds
    finally:
        for (module, name), function in zip(replaced, plain, strict=True):
            setattr(module, name, function)


def _around(host: HostWithPack, model: Any, latent: dict[str, Any]) -> float:
    """Return the host's seconds outside the network for `STEPS` steps of euler without a mask."""
    network: list[float] = []
    timed = _timed(model, network)
    started = time.perf_counter()
    _sample(host, timed, {"samples": latent["samples"]}, STEPS, "euler")
    return time.perf_counter() - started - sum(network)


def _windows(report: Report, host: HostWithPack) -> None:
    report.heading("The whole picture beside a window around a mask of 5 %, small SD 1.5, one step")
    report.say("One run of each, as the whole takes minutes. Context: 32 cells on every side.")
    report.table(px=5, window=9, whole_s=8, window_s=9, ratio=6, cells_ratio=11)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.safetensors"
        write_sd15_inpaint(path, in_channels=4)
        import comfy.sd

        model = comfy.sd.load_checkpoint_guess_config(str(path), output_vae=False, output_clip=False)[0]
    for side in (1024, 2048):
        cells = side // 8
        latent = _latent(cells, 0.05)
        plan = host.pack("inpaint.sampling.window").plan_window(latent["noise_mask"], 32)
        window, whole = (
            seconds_of(functools.partial(_sample, host, model, latent, 1, "euler", sampled))
            for sampled in ("around the mask", "whole picture")
        )
        area = cells**2 / (plan.width * plan.height)
        report.row(
            side, f"{plan.width}x{plan.height}", f"{whole:.1f}", f"{window:.1f}", f"{whole / window:.1f}", f"{area:.1f}"
        )


def _sample(
    host: HostWithPack, model: Any, latent: dict[str, Any], steps: int, sampler: str, sampled: str = "whole picture"
) -> Any:
    node = host.nodes.NODE_CLASS_MAPPINGS["MendMaskedSampler"].PREPARE_CLASS_CLONE({})
    settings = {"seed": 1, "steps": steps, "cfg": 1.0, "sampler_name": sampler, "scheduler": "simple", "denoise": 1.0}
    return node.execute(model, PROMPT, PROMPT, latent, sample_area=sampled, **settings).result


def _latent(cells: int, share: float) -> dict[str, Any]:
    """Return a latent whose mask is a disc with a soft rim. share: the masked part of the area."""
    y, x = torch.meshgrid(*[torch.arange(cells) - cells / 2] * 2, indexing="ij")
    distance = (y**2 + x**2).sqrt()
    mask = (math.sqrt(share / math.pi) * cells + 0.5 - distance).clamp(0, 2) / 2
    random = torch.Generator().manual_seed(0)
    return {"samples": torch.randn(1, 4, cells, cells, generator=random), "noise_mask": mask[None, None]}


def _true_size() -> Any:
    """Return SD 1.5's real network in the host's patcher."""
    import comfy.model_base
    import comfy.model_patcher
    import comfy.supported_models

    base = comfy.model_base.BaseModel(comfy.supported_models.SD15(SD15 | {"in_channels": 4, "dtype": torch.float32}))
    random = torch.Generator().manual_seed(0)
    for weight in base.diffusion_model.parameters():
        weight.requires_grad_(False)
        weight.normal_(std=weight[0].numel() ** -0.5, generator=random) if weight.ndim > 1 else weight.fill_(0.5)
    return comfy.model_patcher.ModelPatcher(base.eval(), torch.device("cpu"), torch.device("cpu"))


if __name__ == "__main__":
    main()
