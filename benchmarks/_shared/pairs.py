"""Two ways to do one thing, timed in turn: a ratio of two runs side by side holds on a machine that is never quiet."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PAIRS = 15
# Where one run takes longer than this, fewer pairs have to do.
SLOW_SECONDS = 1.0
SLOW_PAIRS = 5


@dataclass(frozen=True)
class Quartiles:
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def __str__(self) -> str:
        return f"{_short(self.median)} [{_short(self.low)}-{_short(self.high)}]"


@dataclass(frozen=True)
class Pairs:
    """Seconds that each took, pair by pair."""

    ours: list[float]
    others: list[float]

    @property
    def our_ms(self) -> Quartiles:
        return Quartiles.of([1000 * seconds for seconds in self.ours])

    @property
    def other_ms(self) -> Quartiles:
        return Quartiles.of([1000 * seconds for seconds in self.others])

    @property
    def faster(self) -> Quartiles:
        """How many times as long as ours the other took."""
        return Quartiles.of([other / ours for ours, other in zip(self.ours, self.others, strict=True)])

    @property
    def slower(self) -> Quartiles:
        """How many times as long as the other ours took."""
        return Quartiles.of([ours / other for ours, other in zip(self.ours, self.others, strict=True)])


def measure(ours: Callable[[], object], other: Callable[[], object], count: int | None = None) -> Pairs:
    """Time both back to back, again and again. Each goes first in every second pair, and was run once before.

    Args:
        count: how many pairs; None takes as many as suit how long they take.
    """
    slowest = max(seconds_of(ours), seconds_of(other))
    pairs = Pairs([], [])
    for number in range(count or (SLOW_PAIRS if slowest > SLOW_SECONDS else PAIRS)):
        for run, times in ((ours, pairs.ours), (other, pairs.others))[:: -1 if number % 2 else 1]:
            times.append(seconds_of(run))
    return pairs


def seconds_of(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = run()
    taken = time.perf_counter() - start
    # Giving the memory back is not timed.
    del result
    return taken


def _short(value: float) -> str:
    """Three digits, never an exponent."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"
