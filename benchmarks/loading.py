"""Loading a checkpoint compared with the host's loader, and reading its header compared with loading it.

python dev.py bench loading                                      all rows, some two minutes on two cores
python dev.py bench loading --markdown benchmarks/loading.md     also writes the figures to a file

The files have the real tensors of SD 1.5 inpainting and of SDXL, all zero, as sparse files.
Does not run on Windows, which has no `resource` module for a process's peak memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared.host import HostWithPack, host_folder
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import Pairs, Quartiles, measure
from devtools.hosts.process import prepare_base
from devtools.models.checkpoints import write_sd15_inpaint
from devtools.models.model_shapes import model_shapes, vae_shapes, write_sparse
from devtools.setup.environment import ROOT
from inpaint.model_files.checkpoint import read_header

SD15, SDXL = "sd15-inpaint.safetensors", "sdxl-inpaint.safetensors"
MIB = 2**20
CARD = "RTX 3060 12 GB"
HEADER_REACH_MS = 10.0
# Number of processes for each loader.
PEAKS = 3

Shapes = Mapping[str, tuple[int, ...]]


class Host(HostWithPack):
    """The host with two methods to load a checkpoint: our loader and its own."""

    def ours(self, name: str) -> Any:
        self.forget()
        return self.nodes.NODE_CLASS_MAPPINGS["MendLoadCheckpoint"].PREPARE_CLASS_CLONE({}).execute(ckpt_name=name)

    def its_own(self, name: str) -> Any:
        return self.nodes.NODE_CLASS_MAPPINGS["CheckpointLoaderSimple"]().load_checkpoint(name)

    def forget(self) -> None:
        """Clear the cache of headers and of the host's detections."""
        self.pack("inpaint.model_files.stored_file")._read.forget()


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench loading", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()

    report = Report()
    report.say("# Loading, side by side")
    report.say()
    report.say(machine(host_folder()))
    report.say()
    report.say(
        "Each row runs both in turn, and who goes first alternates. Figures are median [lower quartile-upper "
        "quartile], times in ms, ratios taken pair by pair. Files are fp16 and zero throughout, in the memory of the "
        "system after the first read; the host keeps the weights of the diffusion model as it likes on the CPU. "
        "SD 1.5 inpainting has CLIP-L and a TAESD in its file, SDXL inpainting CLIP-L, CLIP-G and the full VAE."
    )
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        base = Path(folder)
        prepare_base(base, ROOT)
        host = Host(base)
        write_files(base / "models" / "checkpoints")
        # Measured first: the peak of a new process is at least the memory of its parent at the start.
        peaks = [(alone(base, "ours"), alone(base, "its_own")) for _ in range(PEAKS)]
        headers(report, host, base / "models" / "checkpoints")
        loads(report, host, peaks)
    if options.markdown:
        report.write(options.markdown)


def headers(report: Report, host: Host, folder: Path) -> None:
    """Report the time to read a header compared with a load."""
    report.heading("What is in a file, beside loading it")
    report.say(f"A plan is for one picture of 512 px on an {CARD}. Nothing is remembered from one run to the next, but")
    report.say("in the last row, whose other is the first read. The ratio is other / ours: more is better.")
    report.table(ours=42, other=32, pairs=5, ours_ms=22, other_ms=22, other_by_ours=22)
    sd15, sdxl = str(folder / SD15), str(folder / SDXL)
    read = host.pack("inpaint.model_files.checkpoint").read_header

    def load() -> Any:
        import comfy.sd

        return comfy.sd.load_checkpoint_guess_config(sd15)

    def first_read(path: str) -> Any:
        host.forget()
        return read(path)

    def row(words: str, ours: Callable[[], object], others: str, other: Callable[[], object]) -> Pairs:
        pairs = measure(ours, other)
        report.row(words, others, len(pairs.ours), pairs.our_ms, pairs.other_ms, pairs.faster)
        return pairs

    row("SD 1.5: header and plan", partial(plan, host, sd15, detect=False), "load_checkpoint_guess_config", load)
    row("SD 1.5: header, host's detection and plan", partial(plan, host, sd15), "load_checkpoint_guess_config", load)
    tensors = f"{len(read(sdxl).tensors)} tensors"
    again = row("SDXL: header again", lambda: read(sdxl), f"header, {tensors}", partial(first_read, sdxl))
    report.say()
    taken = again.other_ms
    wanted = f"at most {HEADER_REACH_MS:.0f} wanted"
    report.point(taken.median <= HEADER_REACH_MS, f"SDXL's header, {tensors}, takes {taken} ms, {wanted}")


def loads(report: Report, host: Host, peaks: Sequence[tuple[int, int]]) -> None:
    """Report time and memory of our loader compared with the host's."""
    report.heading("Load Inpaint Checkpoint, beside Load Checkpoint")
    report.say("SD 1.5 inpainting. The ratio is ours / host: less is better. The peak is that of all memory of a")
    report.say("process that starts the host with the pack and loads once; the file, which is mapped, is part of it.")
    report.table(what=15, pairs=5, ours=22, host=22, ours_by_host=22)
    # Measured twice, because slow runs are measured with few pairs.
    halves = [measure(lambda: host.ours(SD15), lambda: host.its_own(SD15)) for _ in range(2)]
    times = Pairs([t for half in halves for t in half.ours], [t for half in halves for t in half.others])
    report.row("time, ms", len(times.ours), times.our_ms, times.other_ms, times.slower)
    ours, its_own = (Quartiles.of([most / MIB for most in each]) for each in zip(*peaks, strict=True))
    report.row("peak RSS, MiB", len(peaks), ours, its_own, Quartiles.of([mine / its for mine, its in peaks]))


def plan(host: Host, path: str, detect: bool = True) -> Any:
    """Make a memory plan from an uncached file. detect: also run the host's model detection."""
    host.forget()
    requirements, memory = host.pack("inpaint.vram.requirements"), host.pack("inpaint.vram.memory_plan")
    cards = host.pack("inpaint.vram.cards")
    header = host.pack("inpaint.model_files.checkpoint").read_header(path)
    facts = requirements.facts_of_family(header.family)
    if detect:
        facts = facts._replace(factors=host.pack("host").detect_model(header).factors)
    wanted = requirements.requirements_of(header, requirements.dtypes_on(cards.CARDS[CARD], header, facts), facts)
    return memory.make_plan([wanted], memory.Job(512, 512), cards.as_machine(CARD))


def alone(base: Path, way: str) -> int:
    """Run `peak` in a separate process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(peak, base, way).result()


def peak(base: Path, way: str) -> int:
    """Load once, and return the peak memory of this process in bytes. way: the name of a method of `Host`."""
    host = Host(base)
    with torch.inference_mode():
        getattr(host, way)(SD15)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


# ---- the files -------------------------------------------------------------------------------------------------


def write_files(folder: Path) -> None:
    """Write SD15 and SDXL. SD 1.5 has the text encoder and the VAE of the small checkpoint."""
    small = write_sd15_inpaint(folder / "small.safetensors")
    shapes = {name: tensor.shape for name, tensor in read_header(small).tensors.items()}
    small.unlink()
    clip_l = under("cond_stage_model.", shapes)
    vae = under("first_stage_model.", shapes)
    write_sparse(
        folder / SD15,
        placed("model.diffusion_model.", model_shapes("SD 1.5 inpainting"))
        | placed("cond_stage_model.", clip_l)
        | placed("first_stage_model.", vae),
    )
    write_sparse(
        folder / SDXL,
        placed("model.diffusion_model.", model_shapes("SDXL inpainting"))
        | placed("conditioner.embedders.0.", clip_l)
        | placed("conditioner.embedders.1.model.", clip_g())
        | placed("first_stage_model.", vae_shapes()),
    )


def placed(prefix: str, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in shapes.items()}


def under(prefix: str, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}


def clip_g() -> dict[str, tuple[int, ...]]:
    """Return the shapes of CLIP-G as in SDXL's checkpoints."""
    width, inner = 1280, 5120
    shapes: dict[str, tuple[int, ...]] = {
        "token_embedding.weight": (49408, width),
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "logit_scale": (),
    }
    for block in (f"transformer.resblocks.{number}" for number in range(32)):
        for name, outputs, inputs in (
            ("attn.in_proj_", 3 * width, width),
            ("attn.out_proj.", width, width),
            ("mlp.c_fc.", inner, width),
            ("mlp.c_proj.", width, inner),
        ):
            shapes |= {f"{block}.{name}weight": (outputs, inputs), f"{block}.{name}bias": (outputs,)}
        for norm in (f"{block}.ln_1", f"{block}.ln_2"):
            shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    return shapes | {"ln_final.weight": (width,), "ln_final.bias": (width,)}


if __name__ == "__main__":
    main()
