"""How long a run of a million pictures takes on many workers, with stragglers and losses: a simulation.

python dev.py bench scale                                    a minute on one core
python dev.py bench scale --markdown benchmarks/scale.md     also writes the figures to a file

A worker takes the next batch when it is free, as the crew of mend-batch hands them out. Times of batches are
log-normal. Some workers are slow all the time. A worker is lost at random moments; its batch goes to another, and it
comes back after a while. Every figure follows from the seed.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shared.tables import Report

HOUR = 3600.0


@dataclass(frozen=True)
class Case:
    """A run."""

    pictures: int = 1_000_000
    """Pictures of the run."""
    workers: int = 1000
    """Workers, each with one model."""
    seconds: float = 2.0
    """Mean time of a picture."""
    spread: float = 0.5
    """Standard deviation of a batch's time, of its mean."""
    batch: int = 8
    """Pictures that a worker has at a time."""
    slow: float = 0.02
    """Share of workers that are slow."""
    slower: float = 4.0
    """How much slower they are."""
    lost_after: float = 12 * HOUR
    """Mean time after which a worker is lost."""
    back_after: float = 180.0
    """Time after which a lost worker, or another in its place, has its model loaded."""
    shared: bool = True
    """Whether workers take what is next; if not, each has its own share from the start."""


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    hours: float
    """From start to end."""
    ideal: float
    """The same with equal workers, none of which is lost."""
    tail: float
    """Share of the time after the first worker has nothing left."""
    repeated: float
    """Share of pictures that were made twice, for their worker was lost."""
    losses: int
    """Workers that were lost."""


def simulate(case: Case, seed: int = 0) -> Outcome:
    """Simulate a run."""
    rng = np.random.default_rng(seed)
    pace = np.where(rng.random(case.workers) < case.slow, case.slower, 1.0)
    sigma = np.sqrt(np.log(1 + case.spread**2))
    batches = -(-case.pictures // case.batch)
    times = iter(rng.lognormal(np.log(case.batch * case.seconds) - sigma**2 / 2, sigma, 2 * batches + case.workers))
    ends = list(rng.exponential(case.lost_after, case.workers))
    own = [batches // case.workers + (worker < batches % case.workers) for worker in range(case.workers)]
    left, free, first_idle, last, repeated, losses = batches, [(0.0, w) for w in range(case.workers)], None, 0.0, 0, 0
    heapq.heapify(free)
    while free:
        now, worker = heapq.heappop(free)
        if (left if case.shared else own[worker]) == 0:
            first_idle = now if first_idle is None else first_idle
            last = max(last, now)
            continue
        done = now + next(times) * pace[worker]
        if done > ends[worker]:
            # Lost with its batch, which waits again.
            repeated, losses = repeated + 1, losses + 1
            back = max(ends[worker], now) + case.back_after
            ends[worker] = back + rng.exponential(case.lost_after)
            heapq.heappush(free, (back, worker))
            continue
        left, own[worker] = left - 1, own[worker] - 1
        heapq.heappush(free, (done, worker))
    ideal = case.pictures * case.seconds / case.workers
    tail = (last - (first_idle or last)) / last
    return Outcome(last / HOUR, ideal / HOUR, tail, repeated * case.batch / case.pictures, losses)


CASES = {
    "equal workers, none lost": Case(slow=0.0, lost_after=1e12),
    "2 % slow": Case(lost_after=1e12),
    "2 % slow, each lost twice a day": Case(),
    "the same, lost every hour": Case(lost_after=HOUR),
    "the same, batches of 64": Case(batch=64),
    "the same, batches of 512": Case(batch=512),
    "the same, a share for each": Case(shared=False),
    "10,000 workers": Case(workers=10_000),
    "100 workers": Case(workers=100),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markdown", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    report = Report()
    report.say("# A million pictures, simulated")
    report.say()
    report.say("2 s a picture, batches of 8, 1,000 workers where nothing else is said.")
    report.heading("Hours from start to end")
    report.table(case=34, hours=9, ideal=9, beside_ideal=14, tail=8, made_twice=12, lost=8)
    for name, case in CASES.items():
        found = simulate(case)
        report.row(
            name,
            f"{found.hours:.3f}",
            f"{found.ideal:.3f}",
            f"{100 * (found.hours / found.ideal - 1):+.1f} %",
            f"{100 * found.tail:.1f} %",
            f"{100 * found.repeated:.2f} %",
            found.losses,
        )
    if options.markdown:
        report.write(options.markdown)


if __name__ == "__main__":
    main()
