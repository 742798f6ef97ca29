"""Samplers for models not trained to inpaint: their fills compared with the true fills.

python dev.py bench coherent                                    all rows, about a minute on one core
python dev.py bench coherent --quick                            ten seconds
python dev.py bench coherent --markdown benchmarks/coherent.md  also writes the figures to a file
python dev.py bench coherent --plot benchmarks/coherent.png     also draws the figures

The models are exact, so all errors are the sampler's. Seeds are fixed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.shared.fillers import FILLERS, TIMES, Score, fill, flow_levels, karras_levels, score
from benchmarks.shared.tables import Report
from benchmarks.shared.toys import TOYS, Distilled, Toy
from devtools.pictures.line_chart import Panel, draw_chart

CALLS = (10, 20, 40, 80, 160)
CALLS_QUICKLY = (10, 40)
LEVELS = {"flow": flow_levels, "karras": karras_levels}
SEED = 7
# An error is called a bias if more calls leave at least this share of it.
LASTING = 0.8
# Scores about as low as those of true fills by chance.
NOTHING = (0.05, 0.05, 0.004)
ERRORS = ("error of the mean", "error of the covariance", "energy distance")
# The samplers that are compared at few steps.
FEW = ("replacement", "delayed", "renewed")
LABELS = {
    "replacement": "noise mask, euler",
    "RePaint": f"RePaint, {TIMES} times",
    "delayed": "coherent, predicted noise",
    "renewed": "coherent, new noise",
}
WORDS = {
    "line": "Line\n24 values, each like\nits neighbours.\nThe middle third\nis missing.",
    "waves": "Waves\nSix patterns of 8\nvalues, with scatter.\nOne half is missing,\nthe other tells which.",
    "spiral": "Spiral\nSix clouds in a plane.\nOne coordinate is\nknown, and leaves two\nor three clouds.",
}

# Keys: toy, levels, calls and filler.
Scores = dict[tuple[str, str, int, str], Score]


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench coherent", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls and fills, ten seconds")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures of a flow model, as a PNG")
    options = parser.parse_args()
    calls, pictures, fills = (CALLS_QUICKLY, 30, 80) if options.quick else (CALLS, 100, 80)

    report = Report()
    report.say("# Fills, beside the true ones")
    report.say()
    report.say(
        "Each picture is a handful of numbers of a known distribution, so that the best model of them is a formula and "
        "so are the true fills. What is off is then the sampler's own doing. Errors are shares of how far true fills "
        "scatter: less is better. A cell holds the error of the mean / of the covariance / the energy distance."
    )
    report.say()
    report.say(
        "Replacement is the host's noise mask with euler; RePaint takes every step "
        f"{TIMES} times; delayed and renewed are the Coherent Inpaint Sampler with predicted noise and with new noise. "
        "All are given the same number of calls of the model, not of steps. Karras levels are those of SD 1.5 and "
        f"SDXL, flow levels evenly spaced. {pictures} pictures, {fills} fills of each."
    )
    report.table(picture=7, levels=6, calls=5, **{name: 21 for name in FILLERS}, true_fills=21)
    toys = {name: make() for name, make in TOYS.items()}
    scores: Scores = {}
    floors = {name: by_chance(toy, pictures, fills) for name, toy in toys.items()}
    for name, toy in toys.items():
        known = toy.pictures(pictures, torch.Generator().manual_seed(SEED))
        for levels, spaced in LEVELS.items():
            for count in calls:
                for filler in FILLERS.values():
                    found = fill(toy, filler, spaced(filler.steps(count)), known, fills, SEED)
                    scores[name, levels, count, filler.name] = found
                row = (score_text(scores[name, levels, count, filler]) for filler in FILLERS)
                report.row(name, levels, count, *row, score_text(floors[name]))
    sum_up(report, scores, calls)
    few_steps(report, pictures // 2, fills)
    if options.plot:
        plot(options.plot, scores, calls)
        report.say()
        report.say(f"![Errors over the calls of a flow model]({options.plot.name})")
    if options.markdown:
        report.write(options.markdown)


def by_chance(toy: Toy, pictures: int, fills: int) -> Score:
    """Return the score of the same number of true fills."""
    random = torch.Generator().manual_seed(SEED)
    known = toy.pictures(pictures, random)
    return score(toy, known, torch.stack([toy.fills(picture, fills, random) for picture in known]), random)


def score_text(found: Score) -> str:
    # The estimated distance of true fills is around 0, so it may be negative.
    return f"{found.mean:.2f} / {found.covariance:.2f} / {max(found.distance, 0.0):.3f}"


def sum_up(report: Report, scores: Scores, calls: tuple[int, ...]) -> None:
    """Report whether the claims about the energy distance hold."""
    report.heading("Reach")
    few, many = calls[0], calls[-1]
    for name in TOYS:
        for levels in LEVELS:
            of = {key[2:]: found.distance for key, found in scores.items() if key[:2] == (name, levels)}
            before, after = of[few, "replacement"], of[many, "replacement"]
            where = f"{name}, {levels}"
            left = f"{after:.3f} of {before:.3f} is left of replacement's distance after {many // few} times the calls"
            report.point(after > LASTING * before, f"{where}: {left}")
            ahead = [count for count in calls if of[count, "delayed"] < after]
            when = f"with {ahead[0]}" if ahead else "never"
            report.point(bool(ahead), f"{where}: delayed comes nearer than replacement with {many} calls {when}")
            rivals = ("replacement", "RePaint")
            best = [count for count in calls if of[count, "delayed"] <= min(of[count, rival] for rival in rivals)]
            text = f"{where}: delayed is the nearest of these with {', '.join(map(str, best)) or 'no number of'} calls"
            report.point(len(best) == len(calls), text)


def few_steps(report: Report, pictures: int, fills: int) -> None:
    """Compare the samplers on models that answer with the end of the path, as distilled ones do."""
    report.heading("Few steps of a distilled model")
    report.say(
        "The model answers with the end point of the probability-flow ODE instead of the mean of all pictures. Energy "
        "distance alone."
    )
    report.table(picture=7, levels=6, steps=5, **{name: 11 for name in FEW})
    nearer = rows = 0
    for name, make in TOYS.items():
        toy = Distilled(make())
        known = toy.pictures(pictures, torch.Generator().manual_seed(SEED))
        for levels, spaced in LEVELS.items():
            for count in (4, 6, 8):
                found = [fill(toy, FILLERS[filler], spaced(count), known, fills, SEED).distance for filler in FEW]
                report.row(name, levels, count, *(f"{distance:.3f}" for distance in found))
                nearer, rows = nearer + (found[2] < found[1]), rows + 1
    report.say()
    report.point(nearer == rows, f"renewed is nearer than delayed in {nearer} of {rows} rows")


def plot(path: Path, scores: Scores, calls: tuple[int, ...]) -> None:
    """Draw the errors of a flow model: a row for each toy, a column for each error."""

    def panel(toy: str, error: int) -> Panel:
        def line(name: str) -> list[tuple[float, float]]:
            return [(count, max(scores[toy, "flow", count, name][error], NOTHING[error] / 1.5)) for count in calls]

        return Panel({label: line(name) for name, label in LABELS.items()}, NOTHING[error])

    rows = {WORDS[toy]: [panel(toy, error) for error in range(len(ERRORS))] for toy in TOYS}
    title = "How far fills are from the true ones: less is better, and in the grey nothing is left"
    draw_chart(path, title, "calls of the model", ERRORS, rows, calls)


if __name__ == "__main__":
    main()
