"""Resampling weights along one axis: Lanczos, and its inverse."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .padding import fold

# Half-width of the Lanczos kernel.
LOBES = 3
# `undone` solves for BLOCK pixels at a time, with MARGIN more on each side. The influence of pixels farther away is
# below rounding.
BLOCK, MARGIN = 16, 8
# Ridge regularization of `undone`. It limits the noise that would be amplified with detail that the enlargement nearly
# erased.
RIDGE = 0.01


class Span(NamedTuple):
    """A range of rows or columns. It may begin before the first and end after the last."""

    start: float
    """Where it begins, in pixels; fractions count."""
    length: float
    """How long it is, in pixels; fractions count."""


class Taps(NamedTuple):
    """The input pixels and weights of each output pixel."""

    places: np.ndarray
    """[outputs, K] indices of input pixels."""
    weights: np.ndarray
    """[outputs, K] weights of these pixels; each row sums to 1."""


def lanczos(count: int, span: Span, outputs: int, border: str) -> Taps:
    """Compute Lanczos taps that resample a span of a row to `outputs` pixels.

    To reduce, the kernel is widened, as in Pillow.

    Args:
        count: pixels in the row.
        span: the part to resample, in pixels of the row.
        outputs: number of pixels to make.
        border: what lies beyond the row, as in `padding.cut_image`.

    Source: Duchon 1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.
    """
    step = span.length / outputs
    scale = max(step, 1.0)
    centres = span.start + (np.arange(outputs) + 0.5) * step - 0.5
    first = np.ceil(centres - LOBES * scale).astype(np.int64)
    places = first[:, None] + np.arange(math.ceil(2 * LOBES * scale) + 1)
    offsets = (places - centres[:, None]) / scale
    weights = np.where(np.abs(offsets) < LOBES, np.sinc(offsets) * np.sinc(offsets / LOBES), 0)
    return Taps(fold(places, count, border), weights / weights.sum(axis=1, keepdims=True))


def undone(count: int, span: Span, outputs: int, border: str) -> Taps:
    """Compute taps that undo an enlargement by `lanczos`.

    The result is the row whose enlargement is nearest to the given one (ridge-regularized least squares). Reducing by
    Lanczos would give a softer row.

    Args:
        count: pixels in the enlarged row.
        span: the part to reduce, in pixels of the enlarged row. It covers whole pixels of the original row.
        outputs: number of original pixels to recover.
        border: the border that the enlargement used.
    """
    step = span.length / outputs
    original, first = round(count / step), round(span.start / step)
    enlargement = lanczos(original, Span(0, original), count, border)
    # Solve block by block, each with a margin of neighbours.
    length = min(BLOCK + 2 * MARGIN, original)
    starts = np.clip(np.arange(first, first + outputs, BLOCK) - MARGIN, 0, original - length)
    rows = np.floor(starts * step).astype(np.int64)[:, None] + np.arange(math.ceil(length * step) + 1)
    known = np.minimum(rows, count - 1)
    places = enlargement.places[known] - starts[:, None, None]
    within = (rows < count) & (places.min(axis=2) >= 0) & (places.max(axis=2) < length)
    number, row, tap = np.nonzero(np.broadcast_to(within[..., None], places.shape))
    enlarge = np.zeros((*rows.shape, length))
    np.add.at(enlarge, (number, row, places[number, row, tap]), enlargement.weights[known][number, row, tap])
    reduce = enlarge.swapaxes(1, 2)
    solved = np.linalg.solve(reduce @ enlarge + RIDGE * step * np.eye(length), reduce)

    block = np.arange(outputs) // BLOCK
    weights = solved[block, first + np.arange(outputs) - starts[block]]
    return Taps(known[block], weights / weights.sum(axis=1, keepdims=True))
