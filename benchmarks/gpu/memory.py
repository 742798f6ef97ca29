"""The memory plan compared with the memory that an NVIDIA GPU really needs. NOT YET RUN ON A GPU.

python dev.py bench gpu/memory                             all runs, at most nine minutes; figures go to memory.csv
python dev.py bench gpu/memory --only Flux --seconds 300   some of them
python dev.py bench gpu/memory --comfyui PATH              on another host, such as one with dynamic VRAM
python -m benchmarks.gpu.memory                            the same, if MEND_COMFYUI names the host's folder

Each run is a separate process with the host and the pack. The most important runs come first. Each line of the CSV is
written at once, and a failed run gets a line too. The models have the real tensors, all zero: values do not affect
memory. Each phase begins with an empty GPU. Text encoders and their phase are left out. Needs 64 GB of RAM, and more
RAM than GPU memory; 45 GB of disk if the file system has no sparse files.

allocated, reserved: torch's peak of allocated and reserved memory. taken: decrease of the driver's free memory.
measured: taken with dynamic VRAM, where torch does not allocate the weights; else allocated. safe: without the host's
reserve for other programs, so measured <= safe is the stricter test. work ratio: expected / measured, both without
weights. The host's VAE processes as many pictures of a batch at once as free memory allows; the plan counts one.

To imitate a smaller GPU, torch's memory is limited to what that GPU has free, and the host reserves the rest
(--reserve-vram). One check of the host sees the real GPU: the free memory before both halves of CFG are batched. What
the plan accepts is run at the planned size. What it refuses, Load Inpaint Model must refuse too.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu._meter import Meter
from benchmarks.gpu._runs import MODELS, RUNS, Run

# torch is imported where it is used: in a run's process the host must be imported first.
from benchmarks.shared.host import HostWithPack, host_folder
from devtools.hosts.process import prepare_base
from devtools.models.model_shapes import model_shapes, vae_shapes, write_sparse
from devtools.setup.environment import ROOT
from inpaint.vram.cards import REPORTED, TAKEN
from inpaint.vram.host_dtypes import GIB, MIB

# Minimum seconds of a run. No run starts with less time left.
LEAST = 15
STEPS = 2
COLUMNS = [
    *("second", "device", "host", "memory", "imitated GB", "model", "stored", "px", "batch", "phase", "plan"),
    *("predicted", "observed", "weights MiB", "expected MiB", "safe MiB", "allocated MiB", "reserved MiB", "taken MiB"),
    *("expected by measured", "work ratio", "within 10 %", "measured <= safe", "note"),
]
PROBE = """import json, torch
if torch.cuda.is_available() and torch.version.cuda:
    print(json.dumps([torch.cuda.get_device_name(), *torch.cuda.mem_get_info()]))"""


def main() -> int:
    started = time.monotonic()
    parser = argparse.ArgumentParser(prog="dev.py bench gpu/memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=540, help="stop after these (default: %(default)s)")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_suffix(".csv"), help="default: %(default)s")
    parser.add_argument("--only", default="", metavar="TEXT", help="models whose name has this in it")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(json.loads(options.one))
        return 0
    # SIGTERM acts like Ctrl-C: it ends the current run and removes its files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    probe = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True)
    if not probe.stdout.strip():
        print("This needs an NVIDIA card and a torch that can use it.", file=sys.stderr)
        return 2
    device = json.loads(probe.stdout)
    known = "--disable-dynamic-vram" in (host_folder() / "comfy" / "cli_args.py").read_text(encoding="utf-8")
    runs = [run for run in RUNS if options.only in run.model and (known or not run.dynamic)]
    with options.csv.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(runs):
            left = options.seconds - (time.monotonic() - started)
            if left < LEAST:
                print(f"The time is up; {len(runs) - number} of {len(runs)} runs were not begun.")
                break
            task = {"run": run, "base": folder, "csv": str(options.csv.resolve()), "device": device, "known": known}
            trouble = alone(task | {"ago": time.monotonic() - started}, left, Path(folder, "run.log"))
            if trouble:
                write(task, second=round(time.monotonic() - started), observed="failed", note=trouble)
    print(f"The figures are in {options.csv}.")
    return 0


def alone(task: dict[str, Any], seconds: float, log: Path) -> str:
    """Run `one` in a separate process. Returns the error text, or an empty string."""
    command = [sys.executable, "-m", "benchmarks.gpu.memory", "--one", json.dumps(task)]
    with log.open("wb") as output:
        try:
            status = subprocess.run(command, cwd=ROOT, stderr=output, timeout=seconds).returncode
        except subprocess.TimeoutExpired:
            return "stopped: the time is up"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return f"exit status {status}: {next((line for line in reversed(lines) if line), '')}" if status else ""


def write(task: dict[str, Any], **cells: object) -> None:
    """Append one line to the CSV."""
    name, *_ = task["device"]
    host = (host_folder() / "comfyui_version.py").read_text(encoding="utf-8").split('"')[-2]
    row = {"device": name, "host": host, **Run(*task["run"]).cells(), **cells}
    with Path(task["csv"]).open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, COLUMNS, restval="").writerow(row)
    print(", ".join(str(cell) for cell in row.values() if cell != ""), flush=True)


# ---- a run, in its own process -----------------------------------------------------------------------------------


def one(task: dict[str, Any]) -> None:
    """Execute one run and write its lines."""
    started, run, base = time.monotonic() - task["ago"], Run(*task["run"]), Path(task["base"])
    _, free, total = task["device"]
    arguments = ["--enable-dynamic-vram" if run.dynamic else "--disable-dynamic-vram"] if task["known"] else []
    has = int(run.card * REPORTED * GIB) - TAKEN
    if run.card:
        # The host also reserves 400 MiB of the imitated GPU's memory.
        arguments += ["--reserve-vram", f"{(free - has + 400 * MIB) / GIB:.3f}"]
    prepare_base(base, ROOT)
    host = HostWithPack(base, arguments)
    import torch

    if run.card:
        torch.cuda.set_per_process_memory_fraction(has / total)
    if host.pack("host").dynamic_vram() != run.dynamic:
        sys.exit(f"Dynamic VRAM did not go {'on' if run.dynamic else 'off'}.")
    bench = Bench(host, run, base / "models")
    with torch.inference_mode():
        for side, batch in run.jobs:
            for line in bench.lines(side, batch):
                write(task, second=round(time.monotonic() - started), px=side, batch=batch, **line)


class Bench:
    """Writes the files of one model, and runs the pack's planning and work on them."""

    def __init__(self, host: HostWithPack, run: Run, models: Path) -> None:
        self.host, self.run, self.model = host, run, MODELS[run.model]
        self.work, self.memory = host.pack("host"), host.pack("inpaint.vram.memory_plan")
        self.file = models / "diffusion_models" / f"{run.model} {run.stored}.safetensors"
        self.vae_file = models / "vae" / f"{self.model.channels} channels.safetensors"
        if not self.file.exists():
            write_sparse(self.file, model_shapes(run.model), run.stored)
        if not self.vae_file.exists():
            write_sparse(self.vae_file, vae_shapes(self.model.channels), "F32")
        self.free_memory = host.pack("host.memory").free_memory
        self.load = functools.lru_cache(1)(self._load)

    def _load(self, weights: str | None) -> tuple[Any, Any]:
        return self.work.load_diffusion_model(str(self.file), weights), self.work.load_vae(str(self.vae_file))

    def lines(self, side: int, batch: int) -> Iterator[dict[str, object]]:
        """Yield the cells of one line per phase, or of one line if the plan refuses."""
        self.free_memory()
        plan = self.host.pack("host.planning").plan_for(
            str(self.file), self.memory.Job(side, side, batch), vae=str(self.vae_file)
        )
        if plan.strategy == "refused":
            yield {"plan": plan.strategy, "predicted": "refused", **self.refusal()}
            return
        model, vae = self.load("F8_E4M3" if plan.requirements.in_fp8 else None)
        tiles = f"VAE in tiles of {plan.tile} px" if plan.tile else ""
        size = f"at {plan.job.width} px" if plan.job.width != side else ""
        cells = {"plan": ", ".join(filter(None, (plan.strategy, tiles, size))), "predicted": "runs"}
        works = self.works(model, vae, plan.job.width, batch)
        for phase in plan.phases:
            if phase.name in works and (plan.batched_cfg or phase.name != self.memory.BATCHED_CFG):
                self.free_memory()
                yield {**cells, "phase": phase.name, **self.measure(phase, works[phase.name])}

    def works(self, model: Any, vae: Any, side: int, batch: int) -> dict[str, Callable[[], Any]]:
        """Return the work of each phase by name."""
        import torch

        cells = side // self.work.vae_ratio(vae)
        pixels, latent = torch.zeros(batch, side, side, 3), torch.zeros(batch, self.model.channels, cells, cells)
        given = {"pooled_output": torch.zeros(1, self.model.pooled), "concat_latent_image": latent}
        text = [[torch.zeros(1, *self.model.text), given | {"concat_mask": torch.ones(1, 1, side, side)}]]
        noisy = {"samples": latent, "noise_mask": torch.ones(1, 1, cells, cells)}

        def sample(cfg: float) -> Any:
            settings = {"sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
            return self.work.sample(model, text, text, noisy, seed=0, steps=STEPS, cfg=cfg, **settings)

        return {
            self.memory.ENCODE: lambda: self.work.encode(vae, pixels),
            # With CFG 1 the host skips the negative half.
            self.memory.SAMPLING: lambda: sample(1.0),
            self.memory.BATCHED_CFG: lambda: sample(7.0),
            self.memory.DECODE: lambda: self.work.decode(vae, latent),
        }

    def measure(self, phase: Any, work: Callable[[], Any]) -> dict[str, object]:
        observed, note = "runs", ""
        with Meter(self.run.dynamic) as meter:
            try:
                tile = getattr(work(), "tile", None)
            except Exception as error:
                full = self.work.is_oom(error) or "Memory ran out" in str(error)
                observed, tile, note = "out of memory" if full else "failed", None, f"{type(error).__name__}: {error}"
        cells: dict[str, object] = {"observed": observed, "note": note or (f"in tiles of {tile} px" if tile else "")}
        if observed == "runs" and meter.ran_out:
            cells["observed"] = "runs, though memory ran out on the way"
        safe = phase.safe - phase.reserve
        figures = {"weights": phase.weights, "expected": phase.expected, "safe": safe}
        figures |= {name: getattr(meter, name) for name in ("allocated", "reserved", "taken")}
        cells |= {f"{name} MiB": f"{count / MIB:.0f}" for name, count in figures.items()}
        if observed == "runs":
            ratio, beside = phase.expected / max(1, meter.measured), meter.measured - phase.weights
            cells |= {"expected by measured": f"{ratio:.3f}", "within 10 %": "yes" if 0.9 <= ratio <= 1.1 else "no"}
            cells["work ratio"] = f"{phase.expected_work / beside:.2f}" if beside > 0 else ""
            cells["measured <= safe"] = "yes" if meter.measured <= safe else "no"
        return cells

    def refusal(self) -> dict[str, object]:
        """Load a model that the plan refuses, and return what the loader does."""
        node = self.host.nodes.NODE_CLASS_MAPPINGS["MendLoadModel"].PREPARE_CLASS_CLONE({})
        try:
            node.execute(self.file.name, "none", "none", self.vae_file.name)
        except self.host.pack("inpaint.core.errors").InpaintError as error:
            return {"observed": "refused", "note": str(error)}
        return {"observed": "loaded"}


if __name__ == "__main__":
    sys.exit(main())
