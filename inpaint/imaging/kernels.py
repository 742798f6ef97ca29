"""What each pixel of a resampled row is made of."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .padding import fold

LOBES = 3
# Pixels that are solved for at once, and how many more on either side, whose share in them is lost in rounding.
BLOCK, MARGIN = 16, 8
# Against detail that the enlargement had all but lost, and that would come back with what noise there is of its size.
RIDGE = 0.01


class Span(NamedTuple):
    """A stretch of rows or columns, in pixels and fractions of them; it may begin before the first and end behind the
    last."""

    start: float
    length: float


class Taps(NamedTuple):
    """For each pixel made: the pixels it is made of [made, K], and their weights [made, K], which add up to 1."""

    places: np.ndarray
    weights: np.ndarray


def lanczos(count: int, span: Span, made: int, border: str) -> Taps:
    """A span of a row of `count` pixels as `made` pixels; to reduce, the kernel is widened, as in Pillow.

    Source: Duchon 1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.
    """
    step = span.length / made
    widened = max(step, 1.0)
    centres = span.start + (np.arange(made) + 0.5) * step - 0.5
    first = np.ceil(centres - LOBES * widened).astype(np.int64)
    places = first[:, None] + np.arange(math.ceil(2 * LOBES * widened) + 1)
    away = (places - centres[:, None]) / widened
    weights = np.where(np.abs(away) < LOBES, np.sinc(away) * np.sinc(away / LOBES), 0)
    return Taps(fold(places, count, border), weights / weights.sum(axis=1, keepdims=True))


def undone(count: int, span: Span, made: int, border: str) -> Taps:
    """A span of a row of `count` pixels, which `lanczos` has enlarged, as the `made` pixels that it was enlarged from.

    Those are given whose enlargement comes nearest to the row (least squares). Lanczos alone would reduce to a softer
    row.

    Args:
        span: of whole pixels of what was enlarged.
        border: the one it was enlarged with.
    """
    step = span.length / made
    whole, first = round(count / step), round(span.start / step)
    there = lanczos(whole, Span(0, whole), count, border)
    # Some pixels at a time, with their neighbours; those further away have no part in them.
    length = min(BLOCK + 2 * MARGIN, whole)
    starts = np.clip(np.arange(first, first + made, BLOCK) - MARGIN, 0, whole - length)
    rows = np.floor(starts * step).astype(np.int64)[:, None] + np.arange(math.ceil(length * step) + 1)
    known = np.minimum(rows, count - 1)
    places = there.places[known] - starts[:, None, None]
    within = (rows < count) & (places.min(axis=2) >= 0) & (places.max(axis=2) < length)
    number, row, tap = np.nonzero(np.broadcast_to(within[..., None], places.shape))
    enlarge = np.zeros((*rows.shape, length))
    np.add.at(enlarge, (number, row, places[number, row, tap]), there.weights[known][number, row, tap])
    reduce = enlarge.swapaxes(1, 2)
    solved = np.linalg.solve(reduce @ enlarge + RIDGE * step * np.eye(length), reduce)

    block = np.arange(made) // BLOCK
    weights = solved[block, first + np.arange(made) - starts[block]]
    return Taps(known[block], weights / weights.sum(axis=1, keepdims=True))
