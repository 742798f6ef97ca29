"""Where a picture lies within a larger one."""

from __future__ import annotations

import numpy as np

# Pixels in a row that are looked for, rows and columns from which they are taken, how many such runs are tried, at how
# many places at most, and the share of what was to be kept that has to be there: soft edges reach far into a small one.
RUN, GRID, RUNS, MOST_PLACES, SHARE = 24, 24, 48, 64, 0.1

Place = tuple[int, int]


def place_of(part: np.ndarray, whole: np.ndarray, kept: np.ndarray) -> Place | None:
    """Find where a picture lies, pixel by pixel, within a larger one.

    Runs of pixels with many colors are looked for in the larger picture. Each place at which one is found is checked
    with all pixels that were to be kept.

    Args:
        part: [h, w, 3] uint8.
        whole: [H, W, 3] uint8.
        kept: [h, w] bool, the pixels that are expected to be equal.

    Returns:
        Row and column of the part's first pixel. None if it is not found, or in several places alike.
    """
    room = whole.shape[0] - part.shape[0], whole.shape[1] - part.shape[1]
    if min(room) < 0:
        return None
    length, least = min(RUN, part.shape[1]), SHARE * np.count_nonzero(kept)
    for row, column in _runs(part, kept, length):
        found = _found(part[row, column : column + length].tobytes(), whole)
        places = [(y - row, x - column) for y, x in found if 0 <= y - row <= room[0] and 0 <= x - column <= room[1]]
        counts = {place: _equal(part, whole, kept, place) for place in places} if len(found) < MOST_PLACES else {}
        best = max(counts.values(), default=0)
        if best >= least and best > 0:
            (*others, place) = (place for place, count in counts.items() if count == best)
            return None if others else place
    return None


def _runs(part: np.ndarray, kept: np.ndarray, length: int) -> list[Place]:
    """Return where runs of kept pixels begin: of many colors and near the middle first, then others."""
    height, width = part.shape[:2]
    ranks = {}
    for row in np.unique(np.linspace(0, height - 1, GRID).astype(int)).tolist():
        for column in np.unique(np.linspace(0, width - length, GRID).astype(int)).tolist():
            if kept[row, column : column + length].all():
                colors = len(np.unique(part[row, column : column + length], axis=0))
                from_middle = abs(row - height / 2) + abs(column + length / 2 - width / 2)
                ranks[row, column] = (-colors, from_middle)
    ranked = sorted(ranks, key=ranks.__getitem__)
    return ranked[:: -(-len(ranked) // RUNS) or 1]


def _equal(part: np.ndarray, whole: np.ndarray, kept: np.ndarray, place: Place) -> int:
    """Return how many of the kept pixels are equal at a place."""
    there = whole[place[0] : place[0] + part.shape[0], place[1] : place[1] + part.shape[1]]
    return int(np.count_nonzero((there == part).all(axis=2) & kept))


def _found(run: bytes, whole: np.ndarray) -> list[Place]:
    """Return rows and columns at which a run of pixels begins, MOST_PLACES at most."""
    data, width = whole.tobytes(), whole.shape[1]
    places: list[Place] = []
    at = data.find(run)
    while at >= 0 and len(places) < MOST_PLACES:
        row, column = divmod(at // 3, width)
        if at % 3 == 0 and column + len(run) // 3 <= width:
            places.append((row, column))
        at = data.find(run, at + 1)
    return places
