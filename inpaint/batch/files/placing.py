"""Where a picture lies within a larger one."""

from __future__ import annotations

import numpy as np

# Pixels in a row that are looked for, rows and columns of which one is taken, places that are checked, and the share of
# what was to be kept that has to be there.
PROBE, GRID, MOST_PLACES, SHARE = 32, 24, 64, 0.5


def place_of(part: np.ndarray, whole: np.ndarray, kept: np.ndarray) -> tuple[int, int] | None:
    """Find where a picture lies, pixel by pixel, within a larger one.

    The row of pixels with the most different colors is looked for in the larger picture. Each place at which it is
    found is checked with all pixels that were to be kept.

    Args:
        part: [h, w, 3] uint8.
        whole: [H, W, 3] uint8.
        kept: [h, w] bool, the pixels that are expected to be equal.

    Returns:
        Row and column of the part's first pixel. None if it is not found, or in several places alike.
    """
    height, width = part.shape[:2]
    if whole.shape[0] < height or whole.shape[1] < width:
        return None
    probe = _probe(part, kept)
    if probe is None:
        return None
    row, column, pixels = probe
    counts: dict[tuple[int, int], int] = {}
    places = _found(pixels, whole)
    if len(places) == MOST_PLACES:
        return None
    for y, x in places:
        top, left = y - row, x - column
        if 0 <= top <= whole.shape[0] - height and 0 <= left <= whole.shape[1] - width:
            equal = (whole[top : top + height, left : left + width] == part).all(axis=2)
            counts[top, left] = int(np.count_nonzero(equal & kept))
    best = sorted(counts.values())[-2:]
    if not best or best[-1] < SHARE * np.count_nonzero(kept) or (len(best) == 2 and best[0] == best[1]):
        return None
    return max(counts, key=counts.__getitem__)


def _probe(part: np.ndarray, kept: np.ndarray) -> tuple[int, int, bytes] | None:
    """Return row, column and bytes of the run of kept pixels with the most different colors."""
    height, width = part.shape[:2]
    length = min(PROBE, width)
    best, most = None, 0
    for row in np.unique(np.linspace(0, height - 1, GRID).astype(int)):
        for column in np.unique(np.linspace(0, width - length, GRID).astype(int)):
            if kept[row, column : column + length].all():
                run = part[row, column : column + length]
                colors = len(np.unique(run, axis=0))
                if colors > most:
                    best, most = (int(row), int(column), run.tobytes()), colors
    return best


def _found(pixels: bytes, whole: np.ndarray) -> list[tuple[int, int]]:
    """Return rows and columns at which a run of pixels begins."""
    data, width = whole.tobytes(), whole.shape[1]
    places: list[tuple[int, int]] = []
    at = data.find(pixels)
    while at >= 0 and len(places) < MOST_PLACES:
        row, column = divmod(at // 3, width)
        if at % 3 == 0 and column + len(pixels) // 3 <= width:
            places.append((row, column))
        at = data.find(pixels, at + 1)
    return places
