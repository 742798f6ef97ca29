"""Edited photographs of known truth: what is found, how it is aligned, and what is put back.

python dev.py bench edits                                    every photograph, an hour on two cores
python dev.py bench edits --quick                            four photographs, some minutes
python dev.py bench edits --markdown benchmarks/edits.md     also writes the figures to a file
python dev.py bench edits --pictures FOLDER                  also writes the ten worst cases to a folder
python dev.py bench edits --photos 10                        only so many photographs of each half
python dev.py bench edits --each 2                           with each edit, only so many of the disturbances, in turn
python dev.py bench edits --peer FOLDER                      beside the node of klein-edit-composite, which lies there

Constants were chosen on every other photograph by name. The figures of the rest, which no constant was chosen on, stand
beside them.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from benchmarks.shared.host import host_folder
from benchmarks.shared.peak import peak_bytes
from benchmarks.shared.tables import Report, machine
from devtools.pictures.edited.cases import Case, cases, reduced
from devtools.pictures.edited.disturbances import ASKED, GEOMETRY
from devtools.pictures.edited.edits import EDITS
from devtools.pictures.photographs import photographs
from inpaint.compositing import composite_mask, paste
from inpaint.edits import keep_unedited
from inpaint.edits.align import aligned
from inpaint.edits.edits import edit_of
from inpaint.edits.features import guesses
from inpaint.edits.mapping import Mapping
from inpaint.masks import above_noise

SIDE = 700
FEATHER = 4.0
TUNED = ("astronaut.png", "coffee.png", "chelsea.png")
JUDGED = ("rocket.jpg", "motorcycle_left.png", "ihc.png")
# The least overlap of mask and truth that is wanted, by edit; the second with all disturbances at once.
WANTED = {
    "paste": (0.95, 0.85),
    "remove": (0.9, 0.9),
    "recolor": (0.9, 0.9),
    "text": (0.9, 0.9),
    "shadow": (0.7, 0.7),
    "relight": (0.7, 0.7),
    "large": (0.95, 0.85),
}
FALSE, PLACE, COLOR = 0.005, 0.3, 1.0
# How far from the truth in pixels a false pixel counts as false area, not as a wide outline.
NEAR = 4
COMPARED = ("none", "jpeg75", "shift", "all")


@dataclass(frozen=True)
class Result:
    """How well one case was solved."""

    photo: str
    edit: str
    disturbance: str
    """Names, as in `Case`."""
    overlap: float
    """Intersection over union of mask and truth."""
    false: float
    """Share of the picture that was masked farther than NEAR from the truth."""
    place: float
    """Root mean square error of the map in pixels of the smaller picture, where nothing was edited."""
    sure: bool
    """Whether the map was believed."""
    color: float
    """Mean Delta E 2000 from the original of what was put back beside the edit. 0 if nothing was."""
    outside: float
    """Largest change outside the mask."""
    shown: bytes
    """A JPEG: the original, the edited picture, and the mask: green right, red false, blue missed."""


def main() -> None:
    options = _options()
    report = Report()
    report.say("# Edits")
    report.say()
    report.say(machine(host_folder()))
    chosen = dict(zip(("tuned on", "judged on"), _photos(4 if options.quick else options.photos), strict=True))
    chosen = {half: photos for half, photos in chosen.items() if options.half in ("both", half.split()[0])}
    results = {half: list(_results(photos, options.each)) for half, photos in chosen.items()}
    for half, found in results.items():
        _table(report, half, found)
    _geometry(report, chosen)
    _compared(report, chosen, None if options.peer is None else _peer(options.peer))
    _times(report, options.quick)
    worst = sorted((each for found in results.values() for each in found), key=_shortfall)[:10]
    report.heading("The ten worst")
    for each in worst:
        report.say(
            f"- {each.photo}, {each.edit}, {each.disturbance}: overlap {each.overlap:.2f}, false area {each.false:.2%}"
        )
    if options.pictures is not None:
        _keep(worst, options.pictures)
    if options.markdown is not None:
        report.write(options.markdown)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--photos", type=int)
    parser.add_argument("--each", type=int, default=len(ASKED))
    parser.add_argument("--half", choices=("both", "tuned", "judged"), default="both")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--peer", type=Path)
    return parser.parse_args()


def _photos(most: int | None) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the photographs that constants were chosen on, and the others."""
    paths, folder = photographs(), Path(skimage.data.__file__).parent
    names = sorted(paths)
    halves = []
    for first, others in ((0, TUNED), (1, JUDGED)):
        files = {name: paths[name] for name in names[first::2]} | {name: folder / name for name in others}
        step = max(1, len(files) // most) if most else 1
        picked = list(files.items())[::step][:most]
        halves.append({name: reduced(np.asarray(cv2.imread(str(path)))[..., ::-1], SIDE) for name, path in picked})
    return halves[0], halves[1]


def _results(photos: dict[str, np.ndarray], each: int) -> Iterator[Result]:
    turn = 0
    single = [name for name in ASKED if name != "all"]
    for edit in EDITS:
        for name in photos:
            # What is pasted comes from the photograph before it, so both are given.
            order = list(photos)
            pair = {order[order.index(name) - 1]: photos[order[order.index(name) - 1]], name: photos[name]}
            some = [single[(turn + step) % len(single)] for step in range(min(each, len(single)))]
            turn += len(some)
            for case in cases(pair, [edit], [*some, "all"]):
                if case.photo == name:
                    yield _solved(case)


def _solved(case: Case) -> Result:
    original, edited = (each.astype(np.float32) for each in (case.made.original, case.disturbed.picture))
    alignment = aligned(*(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (original, edited)))
    found = edit_of(original, edited, alignment)
    weight = composite_mask(torch.from_numpy(found.mask)[None].float(), FEATHER) * torch.from_numpy(found.inside)[None]
    before = torch.from_numpy(original)[None]
    pasted = paste(before, torch.from_numpy(found.picture)[None], weight, "multiband")
    beside = (weight[0].numpy() > 0) & ~_grown(case.made.truth, 2)
    after = pasted.image[0].numpy()
    color = float(deltaE_ciede2000(rgb2lab(after[beside]), rgb2lab(original[beside])).mean()) if beside.any() else 0.0
    overlap, false = _agree(found.mask, case.made.truth, found.inside)
    place, shown = _misplaced(case, alignment.mapping), _shown(case, found.mask)
    names = case.photo, case.edit, case.disturbance
    return Result(*names, overlap, false, place, alignment.sure, color, pasted.max_change_outside, shown)


def _shown(case: Case, mask: np.ndarray) -> bytes:
    original, truth = case.made.original, case.made.truth
    verdict = np.stack([mask & ~truth, mask & truth, ~mask & truth], axis=-1)
    edited = cv2.resize(case.disturbed.picture, original.shape[1::-1], interpolation=cv2.INTER_AREA)
    row = (np.hstack([original, edited, verdict]) * 255).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", row[..., ::-1])[1].tobytes()


def _agree(mask: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    truth = truth & inside
    return float((mask & truth).sum() / max((mask | truth).sum(), 1)), float((mask & ~_grown(truth, NEAR)).mean())


def _misplaced(case: Case, mapping: Mapping) -> float:
    height, width = case.made.original.shape[:2]
    high, wide = case.disturbed.picture.shape[:2]
    x, y = (each.ravel() for each in np.meshgrid(np.linspace(0, width - 1, 21), np.linspace(0, height - 1, 21)))
    places = np.stack([x, y], axis=-1)
    true = case.disturbed.where(places)
    kept = ~case.made.truth[y.astype(int), x.astype(int)]
    kept &= ((true >= 0) & (true <= (wide - 1, high - 1))).all(axis=-1)
    error = np.linalg.norm(mapping(places) - true, axis=-1)[kept] / max(1.0, mapping.scale())
    return float(np.sqrt((error**2).mean()))


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), around) > 0


def _shortfall(result: Result) -> float:
    wanted = WANTED[result.edit][result.disturbance == "all"]
    return min(result.overlap - wanted, 0) - result.false


def _table(report: Report, half: str, results: Sequence[Result]) -> None:
    by = defaultdict(list)
    for each in results:
        by[each.edit, each.disturbance].append(each)
    count = len({each.photo for each in results})
    chosen = "that constants were chosen on" if half == "tuned on" else "that no constant was chosen on"
    report.heading(f"Found, on {count} photographs {chosen}")
    report.say(
        f"Photographs of at most {SIDE} pixels. Each figure is the median overlap (intersection over union) of the "
        "mask with the truth, and the lowest. Truth is where an edit changed the photograph by more than 2 Delta E "
        "2000. False area, mean and largest, is what was masked farther than 4 pixels from the truth. All edits and "
        "disturbances are in devtools/pictures/edited."
    )
    report.table(disturbance=11, **{edit: 11 for edit in EDITS}, false_area=18)
    for disturbance in ASKED:
        cells, here = [], []
        for edit in EDITS:
            found = by[edit, disturbance]
            here += found
            overlaps = [each.overlap for each in found]
            cells.append(f"{statistics.median(overlaps):.2f} ({min(overlaps):.2f})" if overlaps else "")
        falses = [each.false for each in here]
        report.row(disturbance, *cells, f"{statistics.mean(falses):.2%} ({max(falses):.1%})" if falses else "")
    report.say()
    for edit, (wanted, wanted_all) in WANTED.items():
        for label, goal, some in (
            ("each alone", wanted, [each for each in results if each.disturbance != "all"]),
            ("all at once", wanted_all, [each for each in results if each.disturbance == "all"]),
        ):
            overlaps = [each.overlap for each in some if each.edit == edit]
            if overlaps:
                met = statistics.median(overlaps)
                share = statistics.mean(overlap >= goal for overlap in overlaps)
                report.point(
                    met >= goal,
                    f"{edit}, {label}: median overlap {met:.2f}, wanted {goal}; {share:.0%} of cases reach it",
                )
    for name, goal, values in (
        ("false area", FALSE, [each.false for each in results]),
        ("error of the map in pixels", PLACE, [each.place for each in results]),
        ("Delta E 2000 of what is put back beside the edit", COLOR, [each.color for each in results]),
    ):
        share = statistics.mean(value <= goal for value in values)
        middle, most = statistics.median(values), max(values)
        report.point(
            middle <= goal, f"{name}: median {middle:.2g}, most {most:.2g}, wanted {goal}; {share:.1%} reach it"
        )
    wrong = [each for each in results if each.sure and each.place > 1]
    report.point(not wrong, f"maps that were believed and are wrong by more than a pixel: {len(wrong)}")
    outside = max(each.outside for each in results)
    report.point(outside == 0, f"largest change outside the mask: {outside:g}")


def _geometry(report: Report, chosen: dict[str, dict[str, np.ndarray]]) -> None:
    report.heading("Other sizes, crops and bends")
    report.say(
        "A photograph with two fifths replaced. Error of the map in pixels of the smaller picture where nothing was "
        "edited: median and largest; and in how many cases the map was believed."
    )
    report.table(disturbance=11, error=16, believed=10)
    for name in GEOMETRY:
        found = []
        for photos in chosen.values():
            some = dict(list(photos.items())[::3])
            found += [_solved(case) for case in cases(some, ["large"], [name])]
        errors = [each.place for each in found if each.sure]
        sure = f"{len(errors)} of {len(found)}"
        report.row(name, f"{statistics.median(errors):.2f} ({max(errors):.2f})" if errors else "", sure)


Found = Callable[[Case], tuple[float, float]]


def _compared(report: Report, chosen: dict[str, dict[str, np.ndarray]], peer: Found | None) -> None:
    report.heading("Beside others")
    report.say(
        "Mean overlap and mean false area on every third photograph. Mask from Difference gets the edited picture as "
        "it is. Homography + Reinhard: SIFT, a homography, means and deviations of Lab matched, then the same mask."
    )
    ways: dict[str, Found] = {"ours": _ours, "Mask_from_Difference": _difference, "Homography_and_Reinhard": _simple}
    if peer is not None:
        ways["Klein_Edit_Composite"] = peer
        report.say(
            "Klein Edit Composite: its own node with its own defaults, but a feather of 0, so that its mask is what it "
            "found; the mask lies on the edited picture's pixels, which here are as many as the original's."
        )
    report.table(edit=8, disturbance=11, **{way: max(15, len(way)) for way in ways})
    rows = defaultdict(list)
    for photos in chosen.values():
        some = dict(list(photos.items())[::3])
        for case in cases(some, ["paste", "remove", "text", "shadow"], COMPARED):
            rows[case.edit, case.disturbance].append([way(case) for way in ways.values()])
    for (edit, disturbance), found in rows.items():
        means = np.array(found).mean(axis=0)
        report.row(edit, disturbance, *(f"{overlap:.2f} / {false:.1%}" for overlap, false in means))


def _ours(case: Case) -> tuple[float, float]:
    solved = _solved(case)
    return solved.overlap, solved.false


def _difference(case: Case) -> tuple[float, float]:
    return _everywhere(_by_difference(case.made.original, case.disturbed.picture), case)


def _simple(case: Case) -> tuple[float, float]:
    return _everywhere(_by_homography(case), case)


def _peer(folder: Path) -> Found:
    """Return the node of klein-edit-composite, whose files lie in a folder."""
    place = importlib.util.spec_from_file_location("peer", folder / "__init__.py")
    assert place is not None
    assert place.loader is not None
    module = sys.modules["peer"] = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    node = module.NODE_CLASS_MAPPINGS["KleinEditComposite"]()

    def found(case: Case) -> tuple[float, float]:
        original, edited = (
            torch.from_numpy(each.astype(np.float32))[None] for each in (case.made.original, case.disturbed.picture)
        )
        made = node.run(edited, original, feather_pct=0.0)
        mask = (made["result"] if isinstance(made, dict) else made)[1]
        return _everywhere(mask[0].numpy() > 0.5, case)

    return found


def _everywhere(mask: np.ndarray, case: Case) -> tuple[float, float]:
    return _agree(mask, case.made.truth, np.ones(mask.shape, bool))


def _by_difference(original: np.ndarray, edited: np.ndarray) -> np.ndarray:
    before, after = (torch.from_numpy(each.astype(np.float32))[None] for each in (original, edited))
    return above_noise(before, after, 3.0).mask[0].numpy() > 0.5


def _by_homography(case: Case) -> np.ndarray:
    original, edited = case.made.original, case.disturbed.picture
    greys = (cv2.cvtColor((each * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY) for each in (original, edited))
    found = guesses(*greys)
    height, width = original.shape[:2]
    if found:
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        edited = cv2.warpPerspective(edited, found[-1], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    lab, own = rgb2lab(edited.clip(0, 1)), rgb2lab(original)
    lab = (lab - lab.mean((0, 1))) / lab.std((0, 1)).clip(1e-6) * own.std((0, 1)) + own.mean((0, 1))
    return _by_difference(original, lab2rgb(lab).clip(0, 1))


def _times(report: Report, quick: bool) -> None:
    report.heading("Times")
    report.say("A photograph with an object pasted, then shifted; the whole function, and its peak memory.")
    report.table(size=10, wall_s=7, processor_s=11, peak_MiB=8)
    name, path = sorted(photographs().items())[2]
    photo = np.asarray(cv2.imread(str(path)))[..., ::-1] / 255.0
    for width, height in ((1024, 1024), (2048, 2048)) if quick else ((1024, 1024), (2048, 2048), (6000, 4000)):
        sized = {name: cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)}
        (case,) = cases(sized, ["paste"], ["shift"])
        pair = case.made.original, case.disturbed.picture
        before, after = (torch.from_numpy(each.astype(np.float32))[None] for each in pair)
        work = partial(keep_unedited, before, after)
        work()
        start, cpu = time.perf_counter(), time.process_time()
        work()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = peak_bytes(work)
        report.row(f"{width}x{height}", f"{wall:.2f}", f"{cpu:.2f}", f"{peak / 2**20:,.0f}")


def _keep(worst: Sequence[Result], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(worst):
        (folder / f"{number:02}-{each.photo}-{each.edit}-{each.disturbance}.jpg").write_bytes(each.shown)


if __name__ == "__main__":
    main()
