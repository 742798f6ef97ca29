"""Quality of fills on photographs with known content, compared with OpenCV and scikit-image.

python dev.py bench fills/quality                                     everything, half an hour on one core
python dev.py bench fills/quality --photographs 6 --methods harmonic blur biharmonic
python dev.py bench fills/quality --results FILE.json                 resumes: skips the runs that are in the file
python dev.py bench fills/quality --markdown benchmarks/fills/quality.md --sheet benchmarks/fills/sheet.jpg
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.fills import _scenes as scenes
from benchmarks.fills._methods import ALL, Fill
from benchmarks.fills._scenes import Scene
from benchmarks.shared import photos
from benchmarks.shared.host import host_folder
from benchmarks.shared.tables import Report, machine
from devtools.pictures import measures
from inpaint.fills import fade_in, fill_harmonic

Figures = dict[str, float]
# A hole counts as textured if the standard deviation of detail finer than 8 pixels is at least this.
TEXTURED = 0.06
# A control that leaks on purpose, to show that leakage is detected.
CONTROL = "harmonic, fade_width 16"
# Photographs of scikit-image in the public domain, so the sheet can be committed.
SHOWN = ("brick", "grass", "gravel", "astronaut", "coffee", "chelsea", "rocket")


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench fills/quality", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photographs", type=int, metavar="N", help="only so many of them")
    parser.add_argument("--side", type=int, default=512, help="pixels on a photograph's longer side")
    parser.add_argument("--methods", nargs="+", choices=list(ALL), default=list(ALL), metavar="METHOD")
    parser.add_argument("--holes", nargs="*", choices=list(scenes.HOLES), default=list(scenes.HOLES), metavar="SHAPE")
    parser.add_argument("--threads", type=int, metavar="N", help="cores to use: 1 where others keep the machine busy")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep figures, and go on from those in it")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw a sheet of some of them")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)

    files = dict(list(scenes.files().items())[: options.photographs])
    runs = Runs(options.results, options.side)
    with torch.inference_mode():
        for number, (name, path) in enumerate(files.items()):
            truth = scenes.read(path, options.side)
            other = scenes.read(list(files.values())[number - 1], options.side)
            for shape in options.holes:
                runs.of(name, shape, options.methods, scenes.with_hole(name, truth, shape), _worth)
            for method in (*options.methods, CONTROL):
                runs.of(name, "object", [method], scenes.with_object(name, truth, other), _removal)
            runs.keep()
            print(f"{number + 1}/{len(files)} {name}", flush=True)
        if options.sheet:
            sheet(files, options.methods, options.side, options.sheet)

    report = Report()
    report.say("# What fills make of photographs")
    report.say()
    report.say(machine(host_folder()))
    tell(report, runs, list(files), options.holes, options.methods)
    if options.markdown:
        report.write(options.markdown)


class Runs:
    """The figures of every fill, kept in a file so that a later run can resume."""

    def __init__(self, file: Path | None, side: int) -> None:
        self._file, self._side = file, side
        self._kept: dict[str, Figures] = json.loads(file.read_text()) if file is not None and file.exists() else {}

    def of(self, name: str, shape: str, methods: Iterable[str], scene: Scene, worth: Callable[..., Figures]) -> None:
        for method in methods:
            key = self._key(name, shape, method)
            if key not in self._kept:
                fill, begun = _fill(method), time.thread_time()
                filled = fill(scene.given, scene.mask).clamp(0, 1)
                seconds = time.thread_time() - begun
                self._kept[key] = worth(filled, scene, fill) | {"seconds": seconds}

    def keep(self) -> None:
        if self._file is not None:
            self._file.write_text(json.dumps(self._kept))

    def column(
        self, figure: str, method: str, names: Iterable[str], shapes: Iterable[str], least_detail: float = 0.0
    ) -> list[float]:
        keys = [self._key(name, shape, method) for name in names for shape in shapes]
        found = [self._kept[key] for key in keys if key in self._kept]
        found = [each for each in found if each.get("detail", 0) >= least_detail]
        return [each[figure] for each in found if not math.isnan(each[figure])]

    def _key(self, name: str, shape: str, method: str) -> str:
        return f"{self._side} {name} {shape} {method}"


def _fill(method: str) -> Fill:
    if method == CONTROL:
        return lambda image, mask: fade_in(image, fill_harmonic(image, mask), mask, 16)
    return ALL[method]


def _worth(filled: torch.Tensor, scene: Scene, fill: Fill) -> Figures:
    truth, mask = scene.truth, scene.mask
    return {
        "psnr": measures.psnr(filled, truth, mask),
        "ssim": measures.ssim(filled, truth, mask),
        "texture": measures.texture(filled, truth, mask),
        "seam": measures.seam_score(filled, mask),
        "detail": measures.detail(truth, mask),
    }


def _removal(filled: torch.Tensor, scene: Scene, fill: Fill) -> Figures:
    truth, given, mask = scene.truth, scene.given, scene.mask
    innocent = fill(truth, mask).clamp(0, 1)
    return {
        "psnr": measures.psnr(filled, truth, mask),
        "delta_e": measures.delta_e(filled, truth, mask),
        "correlation": measures.correlation(filled, given, truth, mask),
        "by chance": measures.correlation(innocent, given, truth, mask),
        "through": measures.share_through(filled - innocent, given - truth, mask),
    }


MEASURES: dict[str, tuple[str, str, Callable[[Sequence[float]], float], str]] = {
    "psnr": ("PSNR", "In dB, mean over the photographs; more is better.", statistics.mean, ".2f"),
    "ssim": ("SSIM", "Mean; more is better, 1 is the photograph.", statistics.mean, ".3f"),
    "texture": (
        "Texture",
        "How differently the cosines of all 8 x 8 blocks in the hole are distributed, at three sizes of the picture: a "
        "Wasserstein distance in standard deviations of the photograph's. Less is better; a flat fill has 0.7 to 0.8. "
        "It does not ask where in the hole a block lies. Thin holes hold too few.",
        statistics.mean,
        ".3f",
    ),
    "seam": (
        "Seam",
        "How much larger steps across the hole's edge are than those beside it. Median; 1 is not to be seen. Steps "
        "on the filled side count as well, so streaks that run across the edge hide it from this score.",
        statistics.median,
        ".2f",
    ),
}


def tell(report: Report, runs: Runs, names: list[str], holes: list[str], methods: list[str]) -> None:
    report.heading("Holes")
    report.say(
        f"{len(names)} photographs, each with a hole of every shape: an ellipse and a box of some 8 % of the picture, "
        "three strokes of 14 pixels, twelve scratches of 1 to 3 pixels, three lines of text, and a box with a strip at "
        "the picture's border. All figures are of the hole alone."
    )
    report.say(
        f"Textured are the wide holes ({', '.join(scenes.WIDE)}) in which what is finer than some 8 pixels has a "
        f"standard deviation of {TEXTURED} or more."
    )
    for figure, (title, explained, middle, form) in MEASURES.items():
        report.say()
        report.say(f"**{title}.** {explained}")
        shapes = [hole for hole in holes if hole in scenes.WIDE or figure != "texture"]
        report.table(method=16, **{hole: 9 for hole in shapes}, all=9, textured=9)
        for method in methods:
            columns = [runs.column(figure, method, names, [hole]) for hole in shapes]
            columns.append(runs.column(figure, method, names, shapes))
            columns.append(runs.column(figure, method, names, scenes.WIDE, TEXTURED))
            report.row(method, *(format(middle(column), form) if column else "-" for column in columns))
    report.say()
    textures = {method: runs.column("texture", method, names, scenes.WIDE, TEXTURED) for method in methods}
    ranked = sorted((statistics.mean(found), method) for method, found in textures.items() if found)
    if len(ranked) > 1 and "patchmatch" in methods:
        (least, best), (next_least, second) = ranked[:2]
        finding = (
            f"in textured holes {best} comes nearest to the texture, {least:.3f}, before {second}, {next_least:.3f}"
        )
        report.point(best == "patchmatch", f"{finding}; patchmatch wanted")
    if {"harmonic", "biharmonic"} <= set(methods):
        _beside_biharmonic(report, runs, names, holes)

    report.heading("Things taken away")
    report.say(
        "On each photograph lies a thing cut from another one, with a soft shadow. The mask covers both, 4 pixels "
        "further than the eye sees them; the last traces of the shadow reach out of it. Delta E is CIEDE2000. "
        "*Correlation* is that of the fill with what was erased, after what each shares with the truth is taken out; "
        "*by chance* is the same for the fill of the photograph on which the thing never lay. What is *through* is how "
        "much of the thing (its difference to the photograph) shows in the fill: what the two fills differ by, "
        "projected on it. Means over the photographs, and the largest. The last row lets some through on purpose."
    )
    report.table(method=23, PSNR=9, Delta_E=9, correlation=11, by_chance=9, through=9, largest=9)
    for method in (*methods, CONTROL):
        found = {figure: runs.column(figure, method, names, ["object"]) for figure in _REMOVAL}
        cells = [f"{statistics.mean(found['psnr']):.2f}", f"{statistics.mean(found['delta_e']):.2f}"]
        for figure in ("correlation", "by chance"):
            cells.append(f"{statistics.mean(found[figure]):.3f}" if found[figure] else "-")
        through = found["through"]
        report.row(method, *cells, f"{statistics.mean(through):.2%}", f"{max(through, key=abs):.2%}")


_REMOVAL = ("psnr", "delta_e", "correlation", "by chance", "through")


def _beside_biharmonic(report: Report, runs: Runs, names: list[str], holes: list[str]) -> None:
    differences = [
        ours - other
        for ours, other in zip(
            *(runs.column("psnr", method, names, holes) for method in ("harmonic", "biharmonic")), strict=True
        )
    ]
    ours, other = (sum(runs.column("seconds", method, names, holes)) for method in ("harmonic", "biharmonic"))
    better = sum(difference >= 0 for difference in differences)
    report.point(
        statistics.mean(differences) >= 0,
        f"harmonic has {statistics.mean(differences):+.2f} dB to biharmonic on average (and is better in {better} of "
        f"{len(differences)}), at least 0 wanted. At this size, and over holes of all shapes, it took 1 / "
        f"{other / ours:.1f} of its time; see fills/speed for larger ones.",
    )


def sheet(files: dict[str, Path], methods: list[str], side: int, path: Path) -> None:
    """Draw a sheet of some photographs with an ellipse, filled by every method."""
    rows = []
    for name in SHOWN:
        if name not in files:
            continue
        truth = scenes.read(files[name], side)
        scene = scenes.with_hole(name, truth, "ellipse")
        around = scene.mask[0].nonzero()
        low, high = (around.amin(0) - 24).clamp(min=0), around.amax(0) + 24
        part = np.s_[int(low[0]) : int(high[0]), int(low[1]) : int(high[1])]
        tiles = [("truth", truth)]
        tiles += [(method, _fill(method)(scene.given, scene.mask).clamp(0, 1)[0].numpy()) for method in methods]
        small = [(title, cv2.resize(tile[part], (176, 132), interpolation=cv2.INTER_AREA)) for title, tile in tiles]
        rows.append((name, small))
    photos.sheet(rows, path, quality=80)


if __name__ == "__main__":
    main()
