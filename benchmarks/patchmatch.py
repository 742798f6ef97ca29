"""PatchMatch: its time compared with OpenCV's Telea, its memory, and how near its matches are to the true nearest.

python dev.py bench patchmatch                                        everything, some minutes on a quiet machine
python dev.py bench patchmatch --quick                                the smallest size and one photograph
python dev.py bench patchmatch --markdown benchmarks/patchmatch.md    also writes the figures to a file
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.shared.host import host_folder
from benchmarks.shared.peak import peak_bytes
from benchmarks.shared.tables import Report, machine
from devtools.pictures.photographs import photographs
from inpaint.patchmatch import fill_patchmatch
from inpaint.patchmatch.nearest import NearestPatches
from inpaint.patchmatch.patch import Patch

SIZES, SHARES = (512, 1024, 2048), (0.05, 0.1)
REACH = (1024, 0.05, 10.0)
NAMES = ("Path", "Dune", "life_by_Aitzol_Berasategi")
# Side of the photographs for the exhaustive search, and the rounds to report.
SIDE, ROUNDS = 160, (1, 3, 5, 10, 20)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench patchmatch", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest size and one photograph")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    report = Report()
    report.say("# PatchMatch")
    report.say()
    report.say(machine(host_folder()))
    with torch.inference_mode():
        times(report, SIZES[:1] if options.quick else SIZES)
        nearness(report, NAMES[:1] if options.quick else NAMES)
    if options.markdown:
        report.write(options.markdown)


def times(report: Report, sizes: Sequence[int]) -> None:
    report.heading("Times")
    report.say(
        "A photograph with an ellipse to be filled, on one thread. Seconds are those of the clock, which goes on while "
        "others keep the machine busy, and those that the processor worked. Telea has a radius of 5 pixels and 8 bits. "
        "Memory is what is held beside the picture and the mask."
    )
    report.table(size=4, hole=5, seconds=7, processor_seconds=17, Telea_processor_seconds=23, peak_MiB=8)
    reached = []
    for size in sizes:
        image = torch.from_numpy(photograph(NAMES[0], size))[None]
        for share in SHARES:
            mask = ellipse(size, size, share)
            clock, processor = seconds_of(partial(fill_patchmatch, image, mask))
            eight_bit, area = (image[0].numpy() * 255).astype(np.uint8), mask[0].numpy().astype(np.uint8)
            telea = seconds_of(partial(cv2.inpaint, eight_bit, area, 5, cv2.INPAINT_TELEA))[1]
            peak = peak_bytes(partial(fill_patchmatch, image, mask)) / 2**20
            report.row(size, f"{share:.0%}", f"{clock:.1f}", f"{processor:.1f}", f"{telea:.1f}", f"{peak:.0f}")
            if (size, share) == REACH[:2]:
                text = f"{size} x {size}, {share:.0%}: {processor:.1f} s of one core, at most {REACH[2]:.0f} s wanted"
                reached.append((processor <= REACH[2], text))
    report.say()
    for met, text in reached:
        report.point(met, text)


def nearness(report: Report, names: Sequence[str]) -> None:
    report.heading("How near what is found is to the nearest of all")
    report.say(
        f"Photographs of {SIDE} pixels, patches of 7 x 7 over an ellipse of 10 %, from random guesses on: the mean "
        "distance of what was found after so many rounds, by that of the nearest of all sources, compared one by one."
    )
    report.table(photograph=25, at_first=8, **{f"after_{count}": 8 for count in ROUNDS})
    patch = Patch(7, 7)
    for name in names:
        picture = torch.from_numpy(photograph(name, SIDE))
        wanted = patch.touching(ellipse(SIDE, SIDE, 0.1)[0] > 0)
        corners = wanted.flatten().nonzero()[:, 0]
        nearest = NearestPatches(picture, ~wanted, corners, patch, torch.Generator().manual_seed(0))
        nearest.look_at(picture)
        least = all_compared(nearest, (~wanted).flatten().nonzero()[:, 0])
        ratios = [float(nearest.distance.mean() / least)]
        for count in range(1, ROUNDS[-1] + 1):
            nearest.improve()
            if count in ROUNDS:
                ratios.append(float(nearest.distance.mean() / least))
        report.row(name, *(f"{ratio:.2f}" for ratio in ratios))


def all_compared(nearest: NearestPatches, sources: Tensor) -> Tensor:
    """Return the mean distance of all target patches to their true nearest source (exhaustive search)."""
    least = torch.full_like(nearest.distance, torch.inf)
    for source in sources:
        least = torch.minimum(least, nearest.unlike(source.expand(len(least))))
    return least.mean()


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock and processor seconds."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def photograph(name: str, size: int) -> np.ndarray:
    """Return the center square of a photograph: [size, size, 3] in 0..1."""
    path = photographs()[name]
    stored = cv2.imread(str(path))
    if stored is None:
        raise FileNotFoundError(path)
    picture = stored[..., ::-1].astype(np.float32) / 255
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    square = np.ascontiguousarray(picture[top : top + side, left : left + side])
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if size < side else cv2.INTER_CUBIC).clip(0, 1)


def ellipse(height: int, width: int, share: float) -> Tensor:
    """Return a mask [1, H, W]: a centered ellipse, 1.25 times as wide as high, with this share of the area."""
    y, x = torch.meshgrid(torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij")
    return ((x**2 / 1.25 + y**2 * 1.25) < share * height * width / np.pi).float()[None]


if __name__ == "__main__":
    main()
