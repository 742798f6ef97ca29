"""Speed of fills, compared with OpenCV and scikit-image.

python dev.py bench fills/speed                                        everything, a quarter of an hour on two cores
python dev.py bench fills/speed --sizes 512 1024 --methods harmonic    a part of it
python dev.py bench fills/speed --markdown benchmarks/fills/speed.md   also writes the figures to a file
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.fills._methods import ALL
from benchmarks.shared.host import host_folder
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import Pairs, Quartiles, measure, seconds_of

SIZES = (512, 1024, 2048, 4096)
# The rivals of each fill: OpenCV's Telea if no other library has the same fill.
BESIDE = {
    "harmonic": ("OpenCV Telea", "biharmonic"),
    "blur": ("OpenCV Telea",),
    "edge": ("OpenCV Telea",),
    "noise": ("OpenCV Telea",),
    "telea": ("OpenCV Telea",),
    "navier-stokes": ("OpenCV NS",),
}
FASTER_THAN_BIHARMONIC = 50
PATCHMATCH = "patchmatch"
PATCHMATCH_SIZE, PATCHMATCH_SHARE, PATCHMATCH_SECONDS = 1024, 0.05, 10.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench fills/speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="PIXELS", help="sides of pictures")
    known = [*BESIDE, PATCHMATCH]
    parser.add_argument("--methods", nargs="+", choices=known, default=known, metavar="METHOD")
    parser.add_argument("--pairs", type=int, metavar="N", help="runs of each; else 15, or 5 where one takes a second")
    parser.add_argument(
        "--biharmonic", type=int, default=1024, metavar="PIXELS", help="the largest side at which biharmonic is run"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="cores to use: 1 where others keep the machine busy")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)

    report = Report()
    report.say("# How long fills take")
    report.say()
    report.say(f"{machine(host_folder())} Threads: {torch.get_num_threads()}.")
    report.say()
    report.say(
        "A picture of grain on a slope, with a hole like an object's outline that covers 10 % of it. OpenCV works on 8 "
        "bits and is given them; all else works on floats. Ours and the other run in turn, and who goes first "
        "alternates. Figures are median [lower quartile-upper quartile]; the ratio, pair by pair, is how many times as "
        "long as ours the other took. scikit-image's biharmonic solves for all pixels of the hole at once, exactly, "
        f"and is run up to {options.biharmonic} pixels."
    )
    with torch.inference_mode():
        if set(options.methods) & set(BESIDE):
            reached = times(report, options.sizes, options.methods, options.pairs, options.biharmonic)
            report.say()
            for met, text in reached:
                report.point(met, text)
        if PATCHMATCH in options.methods:
            patchmatch(report, options.pairs or 3)
    if options.markdown:
        report.write(options.markdown)


def times(
    report: Report, sizes: list[int], methods: list[str], count: int | None, largest: int
) -> list[tuple[bool, str]]:
    report.table(method=14, size=4, ours_ms=22, other_ms=22, faster=20, other=14)
    reached = []
    for size in sizes:
        image, mask = scene(size, 0.1)
        for method, others in BESIDE.items():
            for other in others:
                if method not in methods or (other == "biharmonic" and size > largest):
                    continue
                ours, theirs = (partial(ALL[name], image, mask) for name in (method, other))
                pairs = measure(ours, theirs, count)
                report.row(method, size, pairs.our_ms, pairs.other_ms, pairs.faster, other)
                reached += _goal(method, other, size, pairs)
    return reached


def _goal(method: str, other: str, size: int, pairs: Pairs) -> list[tuple[bool, str]]:
    if method != "harmonic":
        return []
    wanted = FASTER_THAN_BIHARMONIC if other == "biharmonic" else 1
    text = f"{method}, {size}: {pairs.faster} times as fast as {other}, at least {wanted} wanted"
    return [(pairs.faster.median >= wanted, text)]


def patchmatch(report: Report, count: int) -> None:
    image, mask = scene(PATCHMATCH_SIZE, PATCHMATCH_SHARE)
    seconds = Quartiles.of([seconds_of(partial(ALL[PATCHMATCH], image, mask)) for _ in range(max(count, 2))])
    report.say()
    report.point(
        seconds.median < PATCHMATCH_SECONDS,
        f"{PATCHMATCH}, {PATCHMATCH_SIZE}, a hole of {PATCHMATCH_SHARE:.0%}: {seconds} seconds, under "
        f"{PATCHMATCH_SECONDS:.0f} wanted",
    )


def scene(side: int, share: float) -> tuple[Tensor, Tensor]:
    """Return a picture [1, side, side, 3] and its mask [1, side, side]. share: the masked part of the area."""
    random = torch.Generator().manual_seed(0)
    image = torch.rand(1, side, side, 3, generator=random) * 0.1 + torch.linspace(0, 0.9, side)[None, None, :, None]
    y, x = np.mgrid[:side, :side] / side - 0.5
    angle = np.arctan2(y, x)
    outline = 1 + 0.2 * np.sin(5 * angle) + 0.08 * np.sin(13 * angle)
    # The mean square of the outline is its area relative to a circle of radius 1.
    radius = (share / np.pi / (1 + 0.2**2 / 2 + 0.08**2 / 2)) ** 0.5
    return image, torch.from_numpy(np.hypot(x, y) < radius * outline).float()[None]


if __name__ == "__main__":
    main()
