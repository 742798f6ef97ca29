"""Mask operators compared with the host's own nodes and with lower bounds of their time.

python dev.py bench masks                                   all rows, some ten minutes on two cores
python dev.py bench masks --quick                           about a minute
python dev.py bench masks --only fill_holes                 operators whose name contains this
python dev.py bench masks --markdown benchmarks/masks.md    also writes the figures to a file
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.shared import bare
from benchmarks.shared.drawn import Drawn
from benchmarks.shared.host import extra_nodes, host_folder
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import PAIRS, SLOW_PAIRS, Quartiles, measure
from inpaint import masks

GROW_REACH, BOUND_REACH = 50, 2
# Largest ratio of the times at a large and a small radius that may be noise.
RADIUS_REACH = 1.1

Work = Callable[[Drawn, int], object]
Named = TypeVar("Named", "Operator", "Rival")


@dataclass(frozen=True)
class Operator:
    """An operator of ours, and the lower bound of its time."""

    name: str
    """Its name in the tables."""
    run: Work
    """Takes the masks and a radius in pixels."""
    bound: bare.Bare
    """The lower bound."""


@dataclass(frozen=True)
class Rival:
    """An operator of ours, and the host's node that does similar work."""

    name: str
    """Its name in the tables."""
    run: Work
    """Our operator: takes the masks and a radius in pixels."""
    node: str
    """Id of the host's node."""
    inputs: Callable[[Drawn, int], dict[str, Any]]
    """Returns the node's inputs for the masks and a radius in pixels."""


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    name: str
    """The operator or rival."""
    size: int
    """Side of the masks in pixels."""
    batch: int
    """Number of masks."""
    px: int | None
    """Radius in pixels; None for an operator without one."""
    ratio: Quartiles
    """The ratio of the table."""

    def __str__(self) -> str:
        radius = f", {self.px} px" if self.px else ""
        return f"{self.name}, {self.size}x{self.size}, batch {self.batch}{radius}: {self.ratio}"


def _pool(mask: Tensor, take: str) -> Tensor:
    batch, height, width = mask.shape
    return masks.pool(mask, (batch, 4, height // bare.CELL, width // bare.CELL), take)


# Operators with a radius.
ROUND = (
    Operator("grow", lambda on, px: masks.grow(on.hard, px), bare.AROUND),
    Operator("grow, shrinking", lambda on, px: masks.grow(on.hard, -px), bare.WITHIN),
    Operator("grow, small mask", lambda on, px: masks.grow(on.small, px), bare.AROUND),
    Operator("grow, soft 8 bit", lambda on, px: masks.grow(on.soft_8_bit, px), bare.AROUND),
    Operator("grow, soft float", lambda on, px: masks.grow(on.soft, px), bare.AROUND),
    Operator("close", lambda on, px: masks.close(on.hard, px), bare.BOTH),
    Operator("open", lambda on, px: masks.open(on.hard, px), bare.BOTH),
    Operator("feather, centre", lambda on, px: masks.feather(on.hard, px), bare.BOTH),
    Operator("feather, inside", lambda on, px: masks.feather(on.hard, px, "inside"), bare.WITHIN),
    Operator("feather, outside", lambda on, px: masks.feather(on.hard, px, "outside"), bare.AROUND),
    Operator("feather, gaussian", lambda on, px: masks.feather(on.hard, px, "center", "gaussian"), bare.BOTH),
    Operator("blur, sigma px/4", lambda on, px: masks.blur(on.hard, px / 4), bare.BLUR_4),
    Operator("smooth_outline", lambda on, px: masks.smooth_outline(on.hard, px), bare.BLUR_2),
)
OTHERS = (
    Operator("fill_holes", lambda on, _: masks.fill_holes(on.hard), bare.COMPONENTS),
    Operator("fill_holes, 64 px at most", lambda on, _: masks.fill_holes(on.hard, 64), bare.COMPONENTS),
    Operator("fill_holes, soft 8 bit", lambda on, _: masks.fill_holes(on.soft_8_bit), bare.RECONSTRUCTION),
    Operator("remove_specks", lambda on, _: masks.remove_specks(on.hard, 64), bare.COMPONENTS),
    Operator("keep_largest", lambda on, _: masks.keep_largest(on.hard, 1), bare.COMPONENTS),
    Operator(
        "keep_at", lambda on, _: masks.keep_at(on.hard, on.hard.shape[2] // 2, on.hard.shape[1] // 2), bare.COMPONENTS
    ),
    Operator("split, 8 largest", lambda on, _: masks.split(on.hard, max_regions=8), bare.COMPONENTS),
    Operator("convex_hull", lambda on, _: masks.convex_hull(on.hard), bare.HULL),
    Operator("bounding_box", lambda on, _: masks.bounding_box(on.hard), bare.BOX),
    Operator("threshold", lambda on, _: masks.threshold(on.soft, 0.5), bare.CUT),
    Operator("snap", lambda on, _: masks.snap(on.soft, 0.02), bare.CUT_TO_0),
    Operator("levels", lambda on, _: masks.levels(on.soft, 0.1, 0.9), bare.LINE),
    Operator("levels, gamma 2.2", lambda on, _: masks.levels(on.soft, 0.1, 0.9, 2.2), bare.POWER),
    Operator("invert", lambda on, _: masks.invert(on.soft), bare.LINE),
    Operator("combine, subtract", lambda on, _: masks.combine(on.soft, on.soft_other, "subtract"), bare.SUBTRACT),
    Operator("pool, max", lambda on, _: _pool(on.soft, "max"), bare.CELLS),
    Operator("pool, area", lambda on, _: _pool(on.soft, "area"), bare.CELLS),
    Operator("smooth_over_time", lambda on, _: masks.smooth_over_time(on.hard, 1), bare.AVERAGE),
)
RIVALS = (
    Rival(
        "grow beside GrowMask, tapered",
        lambda on, px: masks.grow(on.hard, px),
        "GrowMask",
        lambda on, px: {"mask": on.hard, "expand": px, "tapered_corners": True},
    ),
    Rival(
        "grow beside GrowMask, square",
        lambda on, px: masks.grow(on.hard, px),
        "GrowMask",
        lambda on, px: {"mask": on.hard, "expand": px, "tapered_corners": False},
    ),
    Rival(
        "feather beside FeatherMask, four sides",
        lambda on, px: masks.feather(on.hard, px, "inside", "linear"),
        "FeatherMask",
        lambda on, px: {"mask": on.hard, "left": px, "top": px, "right": px, "bottom": px},
    ),
    Rival(
        "threshold beside ThresholdMask",
        lambda on, _: masks.threshold(on.soft, 0.5),
        "ThresholdMask",
        lambda on, _: {"mask": on.soft, "value": 0.5},
    ),
    Rival(
        "combine beside MaskComposite, subtract",
        lambda on, _: masks.combine(on.soft, on.soft_other, "subtract"),
        "MaskComposite",
        lambda on, _: {"destination": on.soft, "source": on.soft_other, "x": 0, "y": 0, "operation": "subtract"},
    ),
)

NODES = {rival.name for rival in RIVALS}
SQUARE = {"grow beside GrowMask, square"}
TAPERED = {"grow beside GrowMask, tapered"}
EVERY = {operator.name for operator in (*ROUND, *OTHERS)}
SOFT = {name for name in EVERY if "soft" in name}
VIDEO = {"smooth_over_time"}
LARGE = EVERY - SOFT - VIDEO
# Operators that take the same time as another row at every size.
ALIKE = {"open", "grow, shrinking", "feather, inside", "feather, gaussian", "smooth_outline"}
CORE = {"grow", "feather, centre", "blur, sigma px/4", "remove_specks", "fill_holes", "threshold", "combine, subtract"}
RADII = {"grow", "close", "feather, centre", "blur, sigma px/4"}

# Size, batch, radius, and the operators timed there. Covers every size, batch and radius; all combinations take hours.
Cases = tuple[tuple[int, int, int, set[str]], ...]
BESIDE_HOST: Cases = (
    (512, 1, 8, NODES),
    (512, 16, 64, NODES - SQUARE),
    (1024, 1, 8, TAPERED | SQUARE),
    (1024, 1, 64, NODES),
    (1024, 1, 128, TAPERED),
    (1024, 16, 8, NODES - SQUARE),
    (2048, 1, 64, NODES - SQUARE),
    (2048, 16, 8, NODES - SQUARE - TAPERED),
    (4096, 1, 8, NODES - SQUARE),
    (4096, 16, 8, {"threshold beside ThresholdMask"}),
)
BESIDE_HOST_QUICKLY: Cases = ((512, 1, 8, NODES), (1024, 1, 64, NODES - SQUARE))
BESIDE_BOUND: Cases = (
    (512, 1, 8, LARGE | SOFT),
    (512, 16, 32, LARGE | VIDEO),
    (1024, 1, 8, RADII | {"grow, soft 8 bit"}),
    (1024, 1, 64, LARGE | SOFT),
    (1024, 1, 128, RADII),
    (1024, 16, 32, CORE | VIDEO),
    (2048, 1, 64, LARGE - ALIKE),
    (2048, 16, 32, {"grow", "remove_specks", "threshold", "combine, subtract"}),
    (4096, 1, 64, LARGE - ALIKE),
    (4096, 16, 8, {"grow"}),
)
BESIDE_BOUND_QUICKLY: Cases = ((512, 1, 8, SOFT), (512, 16, 32, CORE | VIDEO), (1024, 1, 64, LARGE))
SMALL_RADIUS = 8
LARGE_RADIUS_QUICKLY: Cases = ((1024, 1, 128, {"grow", "close", "feather, centre"}),)
LARGE_RADIUS: Cases = (*LARGE_RADIUS_QUICKLY, (4096, 1, 128, {"grow", "feather, centre"}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench masks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows, about a minute")
    parser.add_argument("--only", default="", metavar="TEXT", help="operators whose name has this in it")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()

    report = Report()
    report.say("# Masks, side by side")
    report.say()
    report.say(machine(host_folder()))
    report.say()
    report.say(
        "Each row runs both in turn on the same masks, and who goes first alternates: "
        f"{PAIRS} pairs, {SLOW_PAIRS} where one run takes over a second. "
        "Figures are median [lower quartile-upper quartile], times in ms, ratios taken pair by pair. "
        "The masks cover a fifth of the picture and reach into its corners. "
        "A bound runs frame after frame and keeps its results, its input at hand in the form it wants."
    )
    report.say()
    report.say(
        "On a busy machine torch's threads wait for each other: work of 0.2 ms takes 20, and a ratio beside an OpenCV "
        "call says nothing. A load average near 0 at the start is worth waiting for."
    )
    with torch.inference_mode():
        hosts = beside_host(report, BESIDE_HOST_QUICKLY if options.quick else BESIDE_HOST, options.only)
        bounds = beside_bound(report, BESIDE_BOUND_QUICKLY if options.quick else BESIDE_BOUND, options.only)
        radii = two_radii(report, LARGE_RADIUS_QUICKLY if options.quick else LARGE_RADIUS, options.only)
    sum_up(report, hosts, bounds, radii)
    if options.markdown:
        report.write(options.markdown)


def beside_host(report: Report, cases: Cases, only: str) -> list[Row]:
    """Report our operators compared with the host's nodes."""
    report.heading("Beside the host's nodes")
    report.say("The ratio is host / ours: more is better. FeatherMask fades the mask towards the picture's borders,")
    report.say("feather along the mask's own outline.")
    report.table(operator=38, size=4, batch=5, px=3, ours_ms=22, host_ms=22, host_by_ours=22)
    node = extra_nodes("nodes_mask.py")

    def row(on: Drawn, px: int, rival: Rival) -> Row:
        inputs, run = rival.inputs(on, px), node(rival.node)
        pairs = measure(lambda: rival.run(on, px), lambda: run(**inputs))
        report.row(rival.name, on.size, on.batch, px, pairs.our_ms, pairs.other_ms, pairs.faster)
        return Row(rival.name, on.size, on.batch, px, pairs.faster)

    return [row(*each) for each in chosen(cases, RIVALS, only)]


def beside_bound(report: Report, cases: Cases, only: str) -> list[Row]:
    """Report our operators compared with the lower bounds."""
    report.heading("Beside the bare bound")
    report.say(f"The ratio is ours / bound: its lower quartile should be {BOUND_REACH} or less.")
    report.table(operator=25, size=4, batch=5, px=3, ours_ms=22, bound_ms=22, ours_by_bound=22, reach=6, bound=44)

    def row(on: Drawn, px: int, operator: Operator) -> Row:
        bound = operator.bound
        inputs = [np.asarray(getattr(on, name)) for name in bound.needs]
        pairs = measure(
            lambda: operator.run(on, px), lambda: [bound.run(*frame, px) for frame in zip(*inputs, strict=True)]
        )
        reach = "missed" if pairs.slower.low > BOUND_REACH else ""
        radius = px if operator in ROUND else None
        times = (pairs.our_ms, pairs.other_ms, pairs.slower)
        report.row(operator.name, on.size, on.batch, radius or "-", *times, reach, bound.words)
        return Row(operator.name, on.size, on.batch, radius, pairs.slower)

    return [row(*each) for each in chosen(cases, (*ROUND, *OTHERS), only)]


def two_radii(report: Report, cases: Cases, only: str) -> list[Row]:
    """Report our operators at a large radius compared with a small one."""
    report.heading("A large radius beside a small one")
    report.say(f"The ratio is that of the times at the larger radius and at {SMALL_RADIUS} px.")
    report.table(operator=25, size=4, batch=5, px=3, ours_ms=22, ours_small_ms=22, large_by_small=22)

    def row(on: Drawn, px: int, operator: Operator) -> Row:
        pairs = measure(lambda: operator.run(on, px), lambda: operator.run(on, SMALL_RADIUS))
        report.row(operator.name, on.size, on.batch, px, pairs.our_ms, pairs.other_ms, pairs.slower)
        return Row(operator.name, on.size, on.batch, px, pairs.slower)

    return [row(*each) for each in chosen(cases, ROUND, only)]


def chosen(cases: Cases, among: Sequence[Named], only: str) -> Iterator[tuple[Drawn, int, Named]]:
    """Yield masks, radius and operator of each row."""
    for size, batch, px, names in cases:
        on = Drawn(size, batch)
        yield from ((on, px, each) for each in among if each.name in names and only in each.name)


def sum_up(report: Report, hosts: list[Row], bounds: list[Row], radii: list[Row]) -> None:
    """Report which goals were met."""
    report.heading("Reach")
    for row in hosts:
        if "GrowMask" in row.name and (row.size, row.batch, row.px) == (1024, 1, 64):
            report.point(row.ratio.median >= GROW_REACH, f"{row}, at least {GROW_REACH} wanted")
    for row in radii:
        report.point(row.ratio.low <= RADIUS_REACH, f"{row} of {SMALL_RADIUS} px, at most {RADIUS_REACH} wanted")
    missed = [row for row in bounds if row.ratio.low > BOUND_REACH]
    report.point(not missed, f"{len(bounds) - len(missed)} of {len(bounds)} rows within {BOUND_REACH}x of the bound")
    # The worst row of each operator, the worst operator first.
    for name in dict.fromkeys(row.name for row in sorted(missed, key=lambda row: -row.ratio.low)):
        rows = [row for row in missed if row.name == name]
        worst = max(rows, key=lambda row: row.ratio.low)
        report.say(f"  - {worst}; misses in {len(rows)} of {sum(row.name == name for row in bounds)} rows")


if __name__ == "__main__":
    main()
