"""Sizes of weights estimated from a file's header, compared with the host's memory after a real load.

python dev.py bench weights                                       all rows, some three minutes on two cores
python dev.py bench weights --only SDXL                           families whose name contains this
python dev.py bench weights --markdown benchmarks/weights.md      also writes the figures to a file

The files have the real tensors of each family, all zero, as sparse files. Every load runs in a separate process, so
that its memory is freed.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.shared.host import host_folder
from benchmarks.shared.tables import Report, machine
from devtools.hosts.in_process import import_host
from devtools.hosts.process import prepare_base
from devtools.models.model_shapes import MODELS, model_shapes, write_sparse
from devtools.models.sparse_file import ITEM_BYTES
from inpaint.model_files.checkpoint import read_header
from inpaint.vram.requirements import Dtypes, requirements_of

MIB = 2**20
GB = 1e9
TORCH = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn}
NAMES = {dtype: name for name, dtype in TORCH.items()}
# Files larger than this in fp16 are written in fp8.
LARGEST_FILE = 8 * GB
# Memory limit of a load: the mapped file plus the weights made from it.
MOST_RAM = 18 * GB
PERCENT = 0.5


class Row(NamedTuple):
    """A row of the table."""

    family: str
    """A key of `MODELS`."""
    file: float
    """Bytes of the file."""
    stored: str
    """dtype in the file."""
    asked: str | None
    """dtype that was requested; None lets the host choose."""
    ram: float
    """Least bytes that a load takes, the mapped file included."""
    kept: str | None = None
    """dtype that the host chose; None if the model was not loaded."""
    predicted: int = 0
    """Bytes of the weights as estimated from the header."""
    had: int = 0
    """Bytes of the weights in the host."""

    @property
    def percent(self) -> float:
        return 100 * (self.predicted / self.had - 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench weights", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="families whose name has this in it")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()

    report = Report()
    report.say("# Weights, predicted and real")
    report.say()
    report.say(machine(host_folder()))
    report.say()
    report.say(
        "Predicted is what `requirements_of` makes of the header, with the dtype that the host chose; host is the "
        "`model_size()` of the MODEL that it loaded, on the CPU. Each diffusion model by itself is loaded twice: with "
        "the dtype of the file asked for, and as the host likes, which on a CPU is fp32 for most. Files are fp16, "
        f"those that would be over {LARGEST_FILE / GB:.0f} GB fp8. What would take more than {MOST_RAM / GB:.0f} GB, "
        "the mapped file included, is not loaded."
    )
    report.table(
        family=17, file_GB=7, in_file=7, asked=7, host_chose=20, predicted_MiB=13, host_MiB=8, difference_percent=18
    )
    rows = []
    for name in (name for name in MODELS if options.only in name):
        for as_stored in (True, False):
            row = alone(name, as_stored)
            figures = (f"not loaded: {row.ram / GB:.1f} GB", "-", "-", "-")
            if row.kept:
                rows.append(row)
                figures = (row.kept, f"{row.predicted / MIB:.1f}", f"{row.had / MIB:.1f}", f"{row.percent:+.3f}")
            report.row(row.family, f"{row.file / GB:.2f}", row.stored, row.asked or "-", *figures)
            if not row.kept:
                # The host's own choice of dtype takes no less memory.
                break
    report.say()
    worst = max((abs(row.percent) for row in rows), default=0.0)
    text = f"{len(rows)} loads of {len({row.family for row in rows})} families, the worst is off by {worst:.3f} %"
    report.point(worst <= PERCENT, f"{text}, at most {PERCENT} wanted")
    if options.markdown:
        report.write(options.markdown)


def alone(name: str, as_stored: bool) -> Row:
    """Run `load` in a separate process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(load, name, as_stored).result()


def load(name: str, as_stored: bool) -> Row:
    """Write a family's file, read its header, and have the host load it.

    Args:
        name: a key of `MODELS`.
        as_stored: request the dtype of the file. If False, the host chooses.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepare_base(Path(folder), pack=None)
        import_host(host_folder(), Path(folder))
        import comfy.model_management as management
        import comfy.sd

        shapes = model_shapes(name)
        parameters = sum(math.prod(shape) for shape in shapes.values())
        stored = "F16" if parameters * ITEM_BYTES["F16"] <= LARGEST_FILE else "F8_E4M3"
        path = write_sparse(Path(folder) / "model.safetensors", shapes, stored)
        header = read_header(path)
        asked = stored if as_stored else None
        # If no dtype is requested, the host's choice takes at least this.
        least = TORCH[asked] if asked else management.unet_dtype(model_params=parameters, weight_dtype=TORCH[stored])
        row = Row(name, header.file_bytes, stored, asked, header.file_bytes + parameters * least.itemsize)
        if row.ram > MOST_RAM:
            return row
        patcher = comfy.sd.load_diffusion_model(str(path), model_options={"dtype": TORCH[asked]} if asked else {})
        kept = NAMES[patcher.model.get_dtype()]
        predicted = requirements_of(header, Dtypes(kept, kept, "F32")).model
        return row._replace(kept=kept, predicted=predicted, had=patcher.model_size())


if __name__ == "__main__":
    main()
