"""Mask nodes as a person waits for them, beside the host's nodes, the ways of other packs, and bare OpenCV.

python dev.py bench mask_nodes                                       all rows, some ten minutes on two cores
python dev.py bench mask_nodes --quick                               only 1024 x 1024
python dev.py bench mask_nodes --only holes                          rows whose name contains this
python dev.py bench mask_nodes --markdown benchmarks/mask_nodes.md   also writes the figures to a file
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import bare, mask_peers
from benchmarks.shared.drawn import Drawn
from benchmarks.shared.host import HostWithPack, host_folder
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import ROUNDS, SLOW_ROUNDS, Quartiles, rounds
from devtools.hosts.process import prepare_base
from devtools.setup.environment import ROOT

# The node without its preview takes at most so many times as long as the bare OpenCV call.
BOUND_REACH = 1.5
SIZES = (1024, 2048, 4096)

Peer = Callable[[np.ndarray, int], np.ndarray]
# Everything off, so that a row of Clean Mask measures one step.
NO_STEP = {"threshold": 0.0, "snap_tolerance": 0.0, "fill_holes": False, "min_area": 0, "grow": 0.0}


@dataclass(frozen=True)
class Row:
    """A node of ours, with one setting, and what does the same job elsewhere."""

    name: str
    """Its name in the tables."""
    node: str
    """Id of our node."""
    widgets: dict[str, Any]
    """The widgets that are not left as they come on the canvas."""
    px: int = 0
    """The width in pixels, for the others."""
    host: tuple[str, dict[str, Any]] | None = None
    """Id and widgets of the host's node for the same job."""
    peers: tuple[tuple[str, Peer], ...] = ()
    """How other packs do it."""
    bound: bare.Bare | None = None
    """The bare OpenCV calls that it consists of."""
    image: bool = False
    """Whether a picture is connected."""
    other: bool = False
    """Whether a second mask is connected."""


SQUARE, POOLED = ("scipy, square", mask_peers.square), ("torch, one pool", mask_peers.one_pool)
STEPS, DISC = ("torch, 3 x 3 each px", mask_peers.step_by_step), ("scipy, disc", mask_peers.disc)
PILLOW, CONVOLVED = ("Pillow, blur", mask_peers.blurred_by_pillow), ("torch, blur", mask_peers.blurred_by_torch)


def _grow(px: int, *peers: tuple[str, Peer]) -> Row:
    widgets = {"grow": float(px), "feather": 0.0}
    host = ("GrowMask", {"expand": px, "tapered_corners": True})
    return Row(f"grow {px}", "MendGrowFeatherMask", widgets, px, host, peers, bare.AROUND)


def _feather(px: int, side: str = "center") -> Row:
    widgets = {"grow": 0.0, "feather": float(px), "side": side}
    bound = bare.BOTH if side == "center" else bare.WITHIN
    peers = (PILLOW, CONVOLVED) if side == "center" else ()
    return Row(f"feather {px}, {side}", "MendGrowFeatherMask", widgets, px, peers=peers, bound=bound)


ROWS = (
    _grow(8, SQUARE, POOLED, STEPS, DISC),
    _grow(64, SQUARE),
    _feather(8),
    _feather(32),
    _feather(64, "inside"),
    Row("grow and feather, as they come", "MendGrowFeatherMask", {}),
    Row(
        "fill holes",
        "MendCleanMask",
        {**NO_STEP, "fill_holes": True},
        peers=(("scipy, fill holes", mask_peers.filled),),
        bound=bare.COMPONENTS,
    ),
    Row(
        "remove specks",
        "MendCleanMask",
        {**NO_STEP, "min_area": 16},
        peers=(("scipy, labels", mask_peers.without_specks),),
        bound=bare.COMPONENTS,
    ),
    Row("threshold", "MendCleanMask", {**NO_STEP, "threshold": 0.5}, host=("ThresholdMask", {"value": 0.5})),
    Row("invert", "MendCleanMask", {**NO_STEP, "invert": True}, host=("InvertMask", {})),
    Row(
        "subtract",
        "MendCombineMasks",
        {"operation": "subtract"},
        host=("MaskComposite", {"x": 0, "y": 0, "operation": "subtract"}),
        other=True,
    ),
    Row("Clean Mask, grow 8", "MendCleanMask", {"grow": 8.0}),
    Row("Clean Mask, with a picture", "MendCleanMask", {"grow": 8.0}, image=True),
    Row("Inpaint Masks, with a picture", "MendInpaintMasks", {}, image=True),
    Row("Inspect Mask", "MendInspectMask", {}),
    Row("Inspect Mask, repair", "MendInspectMask", {"repair": True}),
    Row("Preview Mask over Image", "MendPreviewMask", {}, host=("PreviewImage", {}), image=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench mask_nodes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only 1024 x 1024")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name has this in it")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()

    report = Report()
    report.say("# Mask nodes, as a person waits for them")
    report.say()
    report.say(machine(host_folder()))
    report.say()
    report.say(
        "Nodes are called as the host's executor calls them, each widget that a row does not name as it comes on the "
        "canvas, previews written. Each round runs everyone once on the same mask, the order turning: "
        f"{ROUNDS} rounds, {SLOW_ROUNDS} where one run takes over a second. "
        "Figures are median [lower quartile-upper quartile]; ratios are taken round by round, other / Mend: above 1 "
        "Mend is faster. The masks cover a fifth of the picture, reach into its corners and have specks and pinholes "
        "all over, so working on a window of them saves nothing. "
        "Other packs' ways are written anew, in shared/mask_peers.py, and write no preview; nor do the host's nodes, "
        "except for PreviewImage. bound is the bare OpenCV call; its ratio is Mend without preview / bound: at most "
        f"{BOUND_REACH} wanted. Work of a few ms on the whole mask has no bound here: reading and checking a "
        "mask takes as long."
    )
    report.say()
    report.say(
        "On a busy machine torch's threads wait for each other, and rows of a few ms are noise. Read the load average."
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, torch.inference_mode():
        prepare_base(Path(folder), ROOT)
        host = HostWithPack(Path(folder))
        host.extra("nodes_mask.py")
        missed = _nodes(report, host, SIZES[:1] if options.quick else SIZES, options.only)
    report.heading("Reach")
    report.point(not missed, "no node slower than another's same job, none over the bound's reach")
    for line in missed:
        report.say(f"  - {line}")
    if options.markdown:
        report.write(options.markdown)


def _nodes(report: Report, host: HostWithPack, sizes: tuple[int, ...], only: str) -> list[str]:
    """Report every row, and return what missed its reach."""
    missed: list[str] = []
    for size in sizes:
        on, generator = Drawn(size, 1), torch.Generator().manual_seed(0)
        image = torch.rand(1, size // 8, size // 8, 3, generator=generator).movedim(-1, 1)
        image = (
            torch.nn.functional.interpolate(image, size=size, mode="bicubic").clamp(0, 1).movedim(1, -1).contiguous()
        )
        report.heading(f"{size} x {size}")
        report.table(node=30, who=49, ms=22, by_Mend=22)
        for row in ROWS:
            if only in row.name:
                missed += _row(report, host, row, on, image)
    return missed


def _row(report: Report, host: HostWithPack, row: Row, on: Drawn, image: torch.Tensor) -> list[str]:
    inputs = {"mask": on.hard, **row.widgets}
    if row.image:
        inputs["image"] = image
    if row.other:
        inputs["other"] = on.soft_other
    ours = host.node(row.node)
    runs: dict[str, Callable[[], object]] = {"Mend": lambda: ours(**inputs)}
    if row.host:
        node_id, widgets = row.host
        theirs, given = host.node(node_id), dict(widgets)
        for name in ("mask", "image", "destination", "source", "images"):
            if name in host.nodes.NODE_CLASS_MAPPINGS[node_id].INPUT_TYPES()["required"]:
                given[name] = {"image": image, "images": image, "source": on.soft_other}.get(name, on.hard)
        runs[f"host, {node_id}"] = lambda: theirs(**given)
    frame = on.hard[0].numpy()
    for name, peer in row.peers:
        runs[name] = partial(peer, frame, row.px)
    if bound := row.bound:
        needed = [np.asarray(getattr(on, name))[0] for name in bound.needs]
        runs["bound"] = lambda: bound.run(*needed, row.px)
        runs["Mend, no preview"] = lambda: _without_preview(host, lambda: ours(**inputs))

    times = rounds(runs)
    missed = []
    for name, seconds in times.items():
        base = times["bound" if name == "Mend, no preview" else "Mend"]
        ratio = Quartiles.of([one / other for one, other in zip(seconds, base, strict=True)])
        shown = "" if name in ("Mend", "bound") else str(ratio)
        label = {
            "bound": f"bound: {row.bound.words}" if row.bound else "",
            "Mend, no preview": "Mend without preview, by the bound",
        }
        report.row(row.name, label.get(name, name), Quartiles.of([1000 * one for one in seconds]), shown)
        if name == "Mend, no preview" and ratio.low > BOUND_REACH:
            missed.append(f"{row.name}, {on.size}: {ratio} of the bound, without preview")
        elif name not in ("Mend", "bound", "Mend, no preview") and ratio.high < 1:
            missed.append(f"{row.name}, {on.size}: {name} takes {ratio} of Mend's time")
    return missed


def _without_preview(host: HostWithPack, run: Callable[[], object]) -> object:
    """Run a node that shows its mask, without showing it."""
    module: Any = host.pack("nodes.shared.mask_preview")
    preview, module.preview = module.preview, lambda mask, image: {}
    try:
        return run()
    finally:
        module.preview = preview


if __name__ == "__main__":
    main()
