"""Time two implementations in turn. The ratio of two adjacent runs is reliable even on a busy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PAIRS = 15
# Slower runs are measured with fewer pairs.
SLOW_SECONDS = 1.0
SLOW_PAIRS = 5
# The same where more than two are compared.
ROUNDS = 9
SLOW_ROUNDS = 3


@dataclass(frozen=True)
class Quartiles:
    """Quartiles of measured values."""

    low: float
    """Lower quartile."""
    median: float
    """Median."""
    high: float
    """Upper quartile."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def __str__(self) -> str:
        return f"{_short(self.median)} [{_short(self.low)}-{_short(self.high)}]"


@dataclass(frozen=True)
class Pairs:
    """Times of two implementations, pair by pair."""

    ours: list[float]
    """Seconds of ours."""
    others: list[float]
    """Seconds of the other."""

    @property
    def our_ms(self) -> Quartiles:
        return Quartiles.of([1000 * seconds for seconds in self.ours])

    @property
    def other_ms(self) -> Quartiles:
        return Quartiles.of([1000 * seconds for seconds in self.others])

    @property
    def faster(self) -> Quartiles:
        """Ratio other / ours."""
        return Quartiles.of([other / ours for ours, other in zip(self.ours, self.others, strict=True)])

    @property
    def slower(self) -> Quartiles:
        """Ratio ours / other."""
        return Quartiles.of([ours / other for ours, other in zip(self.ours, self.others, strict=True)])


def measure(ours: Callable[[], object], other: Callable[[], object], count: int | None = None) -> Pairs:
    """Time both back to back, in pairs. Each runs once before as a warm-up, and goes first in every second pair.

    Args:
        count: number of pairs; None chooses `PAIRS` or, for slow runs, `SLOW_PAIRS`.
    """
    slowest = max(seconds_of(ours), seconds_of(other))
    pairs = Pairs([], [])
    for number in range(count or (SLOW_PAIRS if slowest > SLOW_SECONDS else PAIRS)):
        for run, times in ((ours, pairs.ours), (other, pairs.others))[:: -1 if number % 2 else 1]:
            times.append(seconds_of(run))
    return pairs


def rounds(runs: dict[str, Callable[[], object]], count: int | None = None) -> dict[str, list[float]]:
    """Time several implementations in turn. Each runs once before as a warm-up; each round begins with the next one.

    Args:
        runs: the implementations by name.
        count: number of rounds; None chooses `ROUNDS` or, for slow runs, `SLOW_ROUNDS`.

    Returns:
        Seconds of each, round by round.
    """
    slowest = max(seconds_of(run) for run in runs.values())
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count or (SLOW_ROUNDS if slowest > SLOW_SECONDS else ROUNDS)):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(seconds_of(runs[name]))
    return times


def seconds_of(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = run()
    taken = time.perf_counter() - start
    # Freeing the memory is not timed.
    del result
    return taken


def _short(value: float) -> str:
    """Format with three significant digits and no exponent."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"
