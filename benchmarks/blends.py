"""Blends: their time compared with memory traffic and OpenCV, and their quality on photographs with repainting errors.

python dev.py bench blends                                    everything, some minutes on two cores
python dev.py bench blends --quick                            about a minute
python dev.py bench blends --markdown benchmarks/blends.md    also writes the figures to a file
python dev.py bench blends --pictures FOLDER                  also writes every picture to a folder
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from benchmarks.shared import photos
from benchmarks.shared.host import host_folder
from benchmarks.shared.photos import Case
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import Pairs, measure
from inpaint.compositing import METHODS, blend, composite_mask
from inpaint.compositing import color as color
from inpaint.compositing.color import match_color
from inpaint.compositing.finish import Finish
from inpaint.compositing.registration import register
from inpaint.compositing.seam_score import seam
from inpaint.masks import feather

SIZES = (1024, 2048, 4096)
REACH = {"feather": 1.5, "multiband": 4.0}
FEATHER = 8.0
# What a model does to a whole crop without meaning to, apart from colors.
SOFTENED = {
    "blur 1.2": photos.softer,
    "JPEG 30": photos.as_jpeg,
    "small VAE": photos.as_small_vae,
    "noise 0.01": photos.noisier,
}
# The same figures at commit 1db3cf8.
BEFORE = {
    "objects": "blur 2.10 (3.14), JPEG 0.94 (2.05), VAE 1.37 (1.98), noise 0.31 (0.91).",
    "across": "multiband 25.1 (21.7) left, 24.3 (18.7) right, 27.3 (24.4) shadow; poisson 26.2 (21.9), 25.7 (19.7), "
    "28.2 (24.4); even feather 27.5 (24.2), 27.8 (23.2), 30.0 (26.6), by the color that was fitted on the block.",
    "unmoved": "blur 2/12, 0.22 px; gamma 2/12, 0.08 px; the others none.",
}
WRONG = {"nothing": lambda truth: truth, "color": photos.color_shift, "drift": photos.drifted, "both": photos.both}


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench blends", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest size and two photographs")
    parser.add_argument("--threads", type=int, metavar="N", help="cores to use: 1 where others keep the machine busy")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep the pictures")
    options = parser.parse_args()

    if options.threads is not None:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    report = Report()
    report.say("# Blends")
    report.say()
    report.say(f"{machine(host_folder())} Threads: {torch.get_num_threads()}.")
    with torch.inference_mode():
        times(report, SIZES[:1] if options.quick else SIZES)
        count = 2 if options.quick else len(photos.NAMES)
        quality(report, count, options.pictures)
        objects(report, count)
        across(report, count)
        unmoved(report, count)
    if options.markdown:
        report.write(options.markdown)


@dataclass(frozen=True)
class Scene:
    """The input of a row of the table of times: noise, and a mask with an object's outline."""

    original: Tensor
    """[1, H, W, 3] in 0..1."""
    repainted: Tensor
    """[1, H, W, 3], the original with a tint."""
    mask: Tensor
    """[1, H, W] with a soft edge of 16 pixels."""

    @classmethod
    def of(cls, side: int) -> Scene:
        random = torch.Generator().manual_seed(0)
        original = torch.rand(1, side, side, 3, generator=random)
        tint = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 6, generator=random), (side, side), mode="bicubic")
        repainted = original * 0.9 + 0.1 * tint.movedim(1, -1)
        y, x = torch.meshgrid(*[torch.linspace(-0.5, 0.5, side)] * 2, indexing="ij")
        angle = torch.atan2(y, x)
        hole = torch.hypot(x, y) < 0.3 + 0.08 * torch.sin(5 * angle) + 0.03 * torch.sin(13 * angle)
        return cls(original, repainted, feather(hole[None].float(), 16, "outside"))

    def bound(self) -> tuple[Tensor, Tensor]:
        """The lower bound: read two pictures and a mask, and write a new picture."""
        return self.original + self.repainted, self.mask.sum()

    def seamless_clone(self) -> Callable[[], np.ndarray]:
        """Return OpenCV's Poisson blend, with its inputs already converted to 8 bit."""
        original, repainted = (
            (each[0].numpy() * 255).clip(0, 255).astype(np.uint8) for each in (self.original, self.repainted)
        )
        area = (self.mask[0].numpy() > 0).astype(np.uint8) * 255
        x, y, width, height = cv2.boundingRect(area)
        centre = (x + width // 2, y + height // 2)
        return lambda: cv2.seamlessClone(repainted, original, area, centre, cv2.NORMAL_CLONE)


def times(report: Report, sizes: Sequence[int]) -> None:
    report.heading("Times")
    report.say(
        "The mask covers a third of the picture and has 16 pixels of soft edge. The bound reads both pictures and the "
        "mask and writes a new picture, in two calls of torch, memory for it included; at 1024 pixels all of that fits "
        "into the processor's cache. Ours and the bound run in turn, and who goes first alternates. Figures are median "
        "[lower quartile-upper quartile], ratios taken pair by pair."
    )
    report.table(what=24, size=4, ours_ms=22, other_ms=22, ours_by_other=22, other=24)
    reached: list[tuple[bool, str]] = []
    for size in sizes:
        scene = Scene.of(size)

        def row(
            what: str, ours: Callable[[], object], other: Callable[[], object], name: str, size: int = size
        ) -> Pairs:
            pairs = measure(ours, other)
            report.row(what, size, pairs.our_ms, pairs.other_ms, pairs.slower, name)
            return pairs

        for method in METHODS:
            pairs = row(method, partial(_blend, scene, method), scene.bound, "bound")
            if method in REACH:
                wanted = REACH[method]
                text = f"{method}, {size}: {pairs.slower} times the bound, at most {wanted} wanted"
                reached.append((pairs.slower.median <= wanted, text))
        pairs = row("poisson", partial(_blend, scene, "poisson"), scene.seamless_clone(), "cv2.seamlessClone")
        reached.append(
            (pairs.slower.median <= 1, f"poisson, {size}: {pairs.slower} times cv2.seamlessClone, at most 1 wanted")
        )
        for method in (method for method in color.METHODS if method != "none"):
            row(
                f"color, {method}",
                partial(match_color, scene.original, scene.repainted, scene.mask, method),
                scene.bound,
                "bound",
            )
        registered = partial(register, scene.original, scene.repainted, scene.mask)
        row("registration", registered, scene.bound, "bound")
        row("seam score", partial(seam, scene.original, scene.mask), scene.bound, "bound")
    report.say()
    for met, text in reached:
        report.point(met, text)


def _blend(scene: Scene, method: str) -> Tensor:
    return blend(scene.original, scene.repainted, scene.mask, method)


@dataclass(frozen=True)
class Result:
    """A blended picture and its scores."""

    image: Tensor
    """[1, H, W, 3]."""
    score: float
    """Seam score."""
    psnr: float
    """PSNR inside the mask in dB."""

    def __str__(self) -> str:
        return f"{self.score:.2f} / {self.psnr:.1f}"


def run(case: Case, method: str, matched: str, registered: bool, edge: float) -> Result:
    """Run all steps (registration, color match, blend) and score the result against the photograph."""
    mask = composite_mask(case.hole, edge)
    repainted = register(case.original, case.repainted, mask).image if registered else case.repainted
    repainted = match_color(case.original, repainted, mask, matched).image
    image = blend(case.original, repainted, mask, method)
    inside = mask > 0
    error = float((image - case.truth)[inside].pow(2).mean())
    return Result(image, seam(image, mask)[0].score, -10 * float(np.log10(error)))


def quality(report: Report, count: int, folder: Path | None) -> None:
    report.heading("Photographs that were repainted wrong")
    report.say(
        "In each photograph a hole was filled with a piece of another one: what is to be removed. The repainted "
        "picture is the photograph itself, a little softer and noisier, and wrong in one of these ways. color: 7 % "
        "less contrast, +0.05, +0.01, -0.03 in red, green and blue, and brighter to one side. drift: 1.6 pixels to the "
        "right, 1.1 up and 0.6 % larger. both: both. Each figure is seam score / PSNR inside the mask in dB. At a seam "
        "score of 1 nothing is seen, up to 1.2 hardly; the first rows are what is reached where nothing is wrong. "
        "blends.jpg shows five of them side by side, with both wrong; all steps are drift undone, color by mean and "
        "spread, and multiband."
    )
    made = {name: list(photos.cases(wrong))[:count] for name, wrong in WRONG.items()}

    report.say()
    report.say("Nothing but the blend, with a hard edge and with one of 8 pixels:")
    report.table(photograph=15, wrong=6, **{f"{method}_{edge}_px": 14 for edge in (0, 8) for method in METHODS})
    for name, chosen in made.items():
        for case in chosen:
            results = [run(case, method, "none", False, edge) for edge in (0, 8) for method in METHODS]
            report.row(case.name, name, *results)

    report.say()
    report.say(
        "With color matched and drift undone first, over all photographs: median of the seam scores, the worst of"
    )
    report.say(f"them, and the mean PSNR. The edge is {FEATHER:.0f} pixels wide.")
    report.table(wrong=6, registration=12, color=8, **{method: 19 for method in METHODS})
    for (name, chosen), registered, matched in itertools.product(made.items(), (False, True), color.METHODS):
        cells = []
        for method in METHODS:
            results = [run(case, method, matched, registered, FEATHER) for case in chosen]
            scores, worths = [result.score for result in results], [result.psnr for result in results]
            cells.append(f"{statistics.median(scores):.2f} ({max(scores):.2f}) / {statistics.mean(worths):.1f}")
        report.row(name, "on" if registered else "off", matched, *cells)
    if folder is not None:
        keep_pictures(made, folder)


def objects(report: Report, count: int) -> None:
    report.heading("A right color stays right")
    report.say(
        "A disc in strong colors in the flattest place of each photograph: what the model painted, all rightly. Then "
        "the whole picture was changed as models change it. Mean of the disc's CIEDE2000 before and after the color "
        "correction, and in brackets the worst photograph. Before, mean-std was a ratio of two spreads: "
        + BEFORE["objects"]
    )
    methods = [method for method in color.METHODS if method != "none"]
    report.table(change=11, **{method: 14 for method in methods})
    scenes = [photos.with_object(case) for case in list(photos.cases(lambda truth: truth))[:count]]
    for name, change in SOFTENED.items():
        cells = []
        for method in methods:
            moved = []
            for painted, disc, hole in scenes:
                original, repainted = painted, change(painted)
                seen, had, mask = (torch.from_numpy(each).float()[None] for each in (original, repainted, hole))
                image = match_color(seen, had, mask, method).image[0].double().numpy()
                before, after = (rgb2lab(each[disc].clip(0, 1)) for each in (repainted, image))
                moved.append(float(deltaE_ciede2000(before, after).mean()))
            cells.append(f"{statistics.mean(moved):.2f} ({max(moved):.2f})")
        report.row(name, *cells)


def across(report: Report, count: int) -> None:
    report.heading("What reaches over the mask's edge")
    report.say(
        "The repainted picture is the photograph with a dark red block, or a soft shadow, that reaches over the "
        "mask's edge and lies mostly outside. PSNR in dB of what was pasted in the hole, and in brackets the worst "
        "photograph; 120 is exact. Edge of 16 pixels, color by its default. Before: " + BEFORE["across"]
    )
    report.table(what=8, **{method: 16 for method in METHODS})
    for side in ("left", "right", "shadow"):
        cells = []
        for method in METHODS:
            worths = []
            for case in list(photos.cases(lambda truth: truth))[:count]:
                repainted = torch.from_numpy(photos.with_block(case, side)).float()[None]
                weight = composite_mask(case.hole, 16).float()
                image = Finish(method, "auto")(case.original, repainted, weight, hole=case.hole)
                error = float((image - repainted)[case.hole > 0].pow(2).mean())
                worths.append(-10 * float(np.log10(max(error, 1e-12))))
            cells.append(f"{statistics.mean(worths):.1f} ({min(worths):.1f})")
        report.row(side, *cells)


def unmoved(report: Report, count: int) -> None:
    report.heading("What was not moved")
    report.say(
        "Registration of photographs that were changed and not moved: how many were moved, and the largest movement "
        "in pixels. Before: " + BEFORE["unmoved"]
    )
    report.table(change=11, moved=8, largest=8)
    changes = {**SOFTENED, "gamma 0.85": photos.brighter, "tint": photos.tinted, "color": photos.color_shift}
    for name, change in changes.items():
        moved = []
        for case in list(photos.cases(lambda truth: truth))[:count]:
            repainted = torch.from_numpy(change(case.truth[0].double().numpy())).float()[None]
            for ring in (32, 64):
                (drift,) = register(case.original, repainted, case.hole, ring).drifts
                moved.append(drift.displacement if drift.undone else 0.0)
        report.row(name, f"{sum(each > 0 for each in moved)}/{len(moved)}", f"{max(moved):.2f}")


def keep_pictures(made: dict[str, list[Case]], folder: Path) -> None:
    """Write a sheet of each photograph with every method, and one sheet with a selection."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = {
        "pasted hard": ("feather", "none", False, 0.0),
        "feather 8 px": ("feather", "none", False, FEATHER),
        "multiband": ("multiband", "none", False, FEATHER),
        "poisson": ("poisson", "none", False, FEATHER),
        "all steps": ("multiband", "mean-std", True, FEATHER),
    }
    rows = []
    for name, chosen in made.items():
        for case in chosen:
            around = case.hole[0].nonzero()
            low, high = (around.amin(0) - 40).clamp(min=0), around.amax(0) + 40
            part = np.s_[int(low[0]) : int(high[0]), int(low[1]) : int(high[1])]
            tiles = [(title, run(case, *how).image[0].numpy()) for title, how in shown.items()]
            photos.sheet(
                [(case.name, [(title, tile[part]) for title, tile in tiles])], folder / f"{name}-{case.name}.png"
            )
            if name == "both" and case.name != "ihc":
                side = 200 / float((high - low).max())
                small = [
                    (title, cv2.resize(tile[part], None, fx=side, fy=side, interpolation=cv2.INTER_AREA))
                    for title, tile in tiles
                ]
                rows.append((case.name, small))
    photos.sheet(rows, folder / "blends.jpg")


if __name__ == "__main__":
    main()
