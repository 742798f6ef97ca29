"""The seam score compared with grades by eye: eight photographs with twenty pasted errors each.

python dev.py bench seam                                   about two minutes on two cores
python dev.py bench seam --quick                           the graded cases alone
python dev.py bench seam --markdown benchmarks/seam.md     also writes the figures to a file
python dev.py bench seam --blind FOLDER                    writes sheets to grade, in hidden order, and nothing else
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.shared import seam_cases
from benchmarks.shared.host import host_folder
from benchmarks.shared.seam_cases import CASES, JUDGED, TUNED
from benchmarks.shared.tables import Report, machine
from devtools.pictures.photographs import photographs
from inpaint.compositing import composite_mask
from inpaint.compositing.seam_score import FAINT, HIDDEN, Seam, seam

GRADES = Path(__file__).with_name("seam_grades.csv")
# Untouched photographs: longer side in pixels, soft edges, and discs as shares of the picture with radii in pixels.
SIDE, EDGES = 900, (0, 8, 16, 32)
DISCS = ((0.30, 0.35, 90), (0.65, 0.60, 130), (0.50, 0.40, 50))


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench seam", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the graded cases alone")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    parser.add_argument("--blind", type=Path, metavar="FOLDER", help="write sheets in hidden order, and the key")
    options = parser.parse_args()
    if options.blind:
        write_sheets(options.blind)
        return
    report = Report()
    report.say("# Seam score")
    report.say()
    report.say(machine(host_folder()))
    with torch.inference_mode():
        graded(report)
        if not options.quick:
            untouched(report)
    if options.markdown:
        report.write(options.markdown)


def graded(report: Report) -> None:
    report.heading("Scores beside grades")
    report.say(
        f"Each photograph is {seam_cases.WIDTH} pixels wide. An ellipse was pasted with an error: a step in lightness "
        "(L) or color (a, b), a blur of a standard deviation in pixels, noise of 0.03, weak detail removed, 1.5 pixels "
        "to the right, or a ramp of lightness from -8 to 8; with a hard edge or one of f pixels. Cells are the score "
        "and in brackets the grade from 0, nothing to be seen, to 10. Grades were given by eye, once: the "
        "twenty pictures of a photograph at full size, without names and in random order, before any was scored. "
        f"Up to {HIDDEN} the score says not visible, up to {FAINT} faint."
    )
    grades = _grades()
    for title, names in (("Photographs that constants were chosen on:", TUNED), ("The others:", JUDGED)):
        report.say()
        report.say(title)
        found = {name: _scores(name) for name in names}
        report.table(case=12, **{name.split("_by_")[0]: 13 for name in names})
        for case in CASES:
            report.row(case, *(f"{found[name][case].score:.2f} ({grades[name][case]:g})" for name in names))
        orders = [
            spearmanr([found[name][case].score for case in CASES], [grades[name][case] for case in CASES]).statistic
            for name in names
        ]
        report.row("Spearman", *(f"{order:.2f}" for order in orders))
        report.say()
        report.point(statistics.mean(orders) >= 0.9, f"Spearman {statistics.mean(orders):.2f} on average, 0.9 wanted")
        report.point(min(orders) >= 0.8, f"Spearman {min(orders):.2f} at least, 0.8 wanted")
        glaring = min(found[name]["L+16 f8"].score for name in names)
        report.point(glaring > HIDDEN, f"L+16 at feather 8 scores {glaring:.2f} or more, {HIDDEN} is not visible")
        # In a sky nothing is there to be blurred: what was graded below 5 is no blob.
        blobs = min(found[name]["blur 4 f16"].score for name in names if grades[name]["blur 4 f16"] >= 5)
        report.point(blobs > HIDDEN, f"blurred blobs score {blobs:.2f} or more, {HIDDEN} is not visible")


def untouched(report: Report) -> None:
    report.heading("Photographs to which nothing was done")
    report.say(
        f"{len(photographs())} photographs of {SIDE} pixels, three discs each. Shares in percent of the discs that "
        "are not visible, faint and visible. Some of these discs follow an outline in the picture."
    )
    report.table(half=12, edge=5, not_visible=12, faint=6, visible=8)
    names = sorted(photographs())
    for title, chosen in (("chosen on", names[::2]), ("other", names[1::2])):
        pictures = [_small(photographs()[name]) for name in chosen]
        for edge in EDGES:
            scores = [_untouched(picture, edge, *disc) for picture in pictures for disc in DISCS]
            hidden, faint = (sum(score <= limit for score in scores) / len(scores) for limit in (HIDDEN, FAINT))
            shares = (hidden, faint - hidden, 1 - faint)
            report.row(title, edge, *(f"{100 * share:.0f}" for share in shares))


def write_sheets(folder: Path) -> None:
    """Write the cases of each photograph in random order, six on a sheet, and the order to key.json."""
    folder.mkdir(parents=True, exist_ok=True)
    shuffle, key = random.SystemRandom(), {}
    for name in TUNED + JUDGED:
        picture = seam_cases.photograph(name)
        mask = seam_cases.hole(name, picture.shape[0])
        key[name] = order = shuffle.sample(list(CASES), len(CASES))
        tiles = []
        for number, case in enumerate(order, 1):
            image, _ = seam_cases.case(picture, mask, case)
            tile: np.ndarray = np.ascontiguousarray((image[0].numpy() * 255).round().astype(np.uint8)[..., ::-1])
            tile = cv2.copyMakeBorder(tile, 18, 4, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
            cv2.putText(tile, str(number), (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
            tiles.append(tile)
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % 6)
        for first in range(0, len(tiles), 6):
            rows = [np.hstack(tiles[start : start + 3]) for start in (first, first + 3)]
            cv2.imwrite(str(folder / f"{name}-{first // 6 + 1}.png"), np.vstack(rows))
    (folder / "key.json").write_text(json.dumps(key), encoding="utf-8")


def _grades() -> dict[str, dict[str, float]]:
    """Return the grade of each photograph and case."""
    with GRADES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: {row["case"]: float(row[name]) for row in rows} for name in TUNED + JUDGED}


def _scores(name: str) -> dict[str, Seam]:
    picture = seam_cases.photograph(name)
    mask = seam_cases.hole(name, picture.shape[0])
    return {case: seam(*seam_cases.case(picture, mask, case))[0] for case in CASES}


def _small(path: Path) -> torch.Tensor:
    picture = seam_cases.read(path)
    factor = SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small).float()[None]


def _untouched(picture: torch.Tensor, edge: float, right: float, down: float, radius: float) -> float:
    height, width = picture.shape[1:3]
    y, x = np.mgrid[:height, :width]
    inside = np.hypot((x - width * right) / 1.3, y - height * down) < radius
    return seam(picture, composite_mask(torch.from_numpy(inside).float()[None], edge))[0].score


if __name__ == "__main__":
    main()
