"""Finds the map between a picture and its edited version, from what both still show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .agreement import Agreement, agreement
from .features import guesses
from .fit import Fit, fitted
from .mapping import Mapping, far_apart
from .reduce import reduced, smooth
from .repeats import period
from .warp import warped

# Pixels of the reduced pictures: features are found on the first, points are tracked on the second.
ROUGH, FINE = 0.35e6, 0.6e6
# Points that are tracked, their least distance in pixels, and the side of the window of each.
POINTS, APART, WINDOW = 1000, 7, 21
# A point counts if tracked there and back it returns to within this distance in pixels.
RETURNS = 0.3
# Tracking is repeated until the map moves by less than this many pixels.
ENOUGH, ROUNDS = 0.02, 4
# A displacement below this many pixels is not worth the sharpness that sampling costs.
SMALLEST = 0.07
# The map is believed if so much of the structure agrees, so many points follow it, and its expected error is at most
# this many pixels or this share of what it moves.
SHARE, FEWEST, ERROR, RELATIVE = 0.2, 40, 0.3, 0.15
# A larger move in pixels is not believed of a picture that repeats itself at such distances.
LARGE = 3.0
# From this share on, nothing better is looked for.
PLAIN = 0.9
# A larger move must explain so much more of the structure than a smaller one.
BETTER = 0.05


@dataclass(frozen=True)
class Alignment:
    """The map between two pictures, and how reliable it is."""

    mapping: Mapping
    """From places in the original to places in the edited picture."""
    sure: bool
    """Whether the map is believed. If not, it is that of a plain resize."""
    share: float
    """Share of the original's structure that the edited picture shows at the mapped place, 0..1."""
    error: float
    """Expected error of the map in pixels of the edited picture."""
    points: int
    """Number of tracked points that follow the map."""
    kind: str
    """Kind of map: "resize", one of `fit.KINDS`, or "bend"."""
    displacement: float
    """Largest displacement in pixels of the edited picture, from where a plain resize would put a pixel."""

    def account(self, edited: tuple[int, ...]) -> str:
        """Return sentences for the user on how the pictures lay on each other.

        Args:
            edited: (height, width) of the edited picture.
        """
        mapping = self.mapping
        same = (mapping.height, mapping.width) == edited
        if not self.sure:
            left = "Left as it came" if same else "Taken as resized, not moved"
            return f"Not sure how the pictures lie on each other: too little is the same in both. {left}."
        quality = f"{self.share:.0%} of the original's detail is there, expected error {self.error:.2f} px"
        if self.kind == "resize":
            return f"{'In place' if same else 'Resized, and in place'} ({quality})."
        plain = Mapping.resize((mapping.height, mapping.width), edited)
        relative = np.linalg.inv(plain.matrix) @ mapping.matrix
        across, down = mapping.without_bend()(mapping.centre[None])[0] - plain(mapping.centre[None])[0]
        turn = math.degrees(math.atan2(relative[1, 0] - relative[0, 1], relative[0, 0] + relative[1, 1]))
        zoom_x, zoom_y = np.hypot(relative[0, 0], relative[1, 0]), np.hypot(relative[0, 1], relative[1, 1])
        parts = [f"{across:+.1f} px right, {down:+.1f} px down"]
        parts.append(f"{zoom_x:.4f} times as wide and {zoom_y:.4f} times as high")
        if abs(turn) > 0.005:
            parts.append(f"turned by {turn:+.2f} degrees")
        if mapping.bend is not None:
            parts.append("slightly bent")
        return f"Undone: {', '.join(parts)} ({quality})."


def aligned(original: np.ndarray, edited: np.ndarray, known: np.ndarray | None = None) -> Alignment:
    """Find the map from a picture to its edited version.

    A plain resize is tried first, then what features suggest. Each guess is refined by tracking points of the original
    in the edited picture, whatever its light. Points that were edited do not follow the map of the rest, and drop out.

    Args:
        original, edited: [H, W] and [h, w] float32 grey in 0..1.
        known: [H, W] bool, where the original is looked at; None for everywhere.

    Returns:
        the map; a plain resize if no other is believed.

    Source: Lucas and Kanade 1981 in the pyramids of Bouguet 2000 (OpenCV's calcOpticalFlowPyrLK).
    """
    small, small_edited = reduced(original, FINE), reduced(edited, FINE)
    counts = np.ones(small.shape, bool) if known is None else reduced(known.astype(np.float32), FINE) > 0.99
    target = _Target.of(small, counts)
    resize = Mapping.resize(small.shape, small_edited.shape)
    best = _refined(target, small_edited, resize, resize)
    if best.share < PLAIN or not best.sure:
        for guess in _guesses(small, small_edited, counts):
            best = _better(best, _refined(target, small_edited, resize, guess))
    if best.sure and best.moved > LARGE:
        sample = reduced(small, ROUGH)
        repeats = period(_even_light(sample)) * (small.shape[1] / sample.shape[1])
        if best.moved > repeats / 4:
            best = replace(best, repeats=True)
    return _full(best, original.shape, edited.shape, small_edited.shape)


@dataclass(frozen=True)
class _Target:
    """The original, and what is tracked of it."""

    grey: np.ndarray
    """[H, W] float32."""
    even: np.ndarray
    """[H, W] uint8: its light evened out."""
    counts: np.ndarray
    """[H, W] bool, where it is looked at."""
    points: np.ndarray
    """[N, 1, 2] float32: places that can be tracked."""

    @classmethod
    def of(cls, grey: np.ndarray, counts: np.ndarray) -> _Target:
        import cv2

        even = _even_light(grey)
        points = cv2.goodFeaturesToTrack(even, POINTS, 0.003, APART, mask=_deep(counts))
        return cls(grey, even, counts, np.empty((0, 1, 2), np.float32) if points is None else points)

    def within(self, inside: np.ndarray) -> np.ndarray:
        """Return the points whose windows lie inside, [n, 1, 2]."""
        x, y = self.points[:, 0].astype(int).T
        return self.points[_deep(inside)[y, x] > 0]


@dataclass(frozen=True)
class _Tried:
    """A refined guess."""

    mapping: Mapping
    fit: Fit | None
    agreement: Agreement
    moved: float
    """Largest displacement from a plain resize, in pixels."""
    repeats: bool = False
    """Whether the picture repeats itself and moved by more than a quarter of a period: another move may be true."""

    @property
    def share(self) -> float:
        return self.agreement.share

    @property
    def points(self) -> int:
        return 0 if self.fit is None else int(self.fit.used.sum())

    @property
    def sure(self) -> bool:
        if self.fit is None or self.repeats or self.share < SHARE or self.points < FEWEST:
            return False
        return self.fit.error <= max(ERROR, RELATIVE * self.moved)


def _better(best: _Tried, other: _Tried) -> _Tried:
    """Choose between two maps: the smaller move, unless the larger explains more."""
    if other.sure != best.sure:
        return other if other.sure else best
    smaller, larger = sorted((best, other), key=lambda each: each.moved)
    return larger if larger.share > smaller.share + BETTER else smaller


def _guesses(small: np.ndarray, small_edited: np.ndarray, counts: np.ndarray) -> Iterator[Mapping]:
    first, second = reduced(small, ROUGH), reduced(small_edited, ROUGH)
    known = reduced(counts.astype(np.float32), ROUGH) > 0.99
    for matrix in guesses(_bytes(first), _bytes(second), known):
        found = Mapping(matrix, first.shape[1], first.shape[0])
        yield found.rescaled(small.shape, second.shape, small_edited.shape)


def _refined(target: _Target, edited: np.ndarray, resize: Mapping, guess: Mapping) -> _Tried:
    mapping, fit = guess, None
    for turn in range(ROUNDS):
        sampled, inside = warped(edited, mapping)
        points = target.within(inside)
        if not len(points):
            break
        here, moved = _tracked(target.even, _even_light(sampled), points, levels=4 if turn == 0 else 1)
        there = mapping(moved)
        new = fitted(resize, here, there) if len(here) else None
        if new is None:
            break
        step = far_apart(new.mapping, mapping)
        mapping, fit = new.mapping, new
        if step < ENOUGH:
            break
    sampled, inside = warped(edited, mapping)
    return _Tried(mapping, fit, agreement(target.grey, sampled, inside & target.counts), far_apart(mapping, resize))


def _deep(inside: np.ndarray) -> np.ndarray:
    """Return where a whole window lies inside, [H, W] uint8."""
    import cv2

    return cv2.erode(inside.astype(np.uint8), np.ones((WINDOW, WINDOW), np.uint8), borderValue=0)


def _tracked(target: np.ndarray, source: np.ndarray, points: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places [N, 2] of the target, and where they are in the source."""
    import cv2

    options: dict[str, Any] = {
        "nextPts": None,
        "winSize": (WINDOW, WINDOW),
        "maxLevel": levels,
        "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003),
    }
    moved, found, _ = cv2.calcOpticalFlowPyrLK(target, source, points, **options)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(source, target, moved, **options)
    away = np.linalg.norm((back - points)[:, 0], axis=-1)
    good = (found[:, 0] > 0) & (returned[:, 0] > 0) & (away < RETURNS)
    return points[good, 0].astype(np.float64), moved[good, 0].astype(np.float64)


def _bytes(grey: np.ndarray) -> np.ndarray:
    return (grey * 255).round().astype(np.uint8)


def _even_light(grey: np.ndarray) -> np.ndarray:
    """Remove the light of a picture and keep its structure, as uint8 for the tracker."""
    detail = grey - smooth(grey, 8)
    contrast = np.sqrt(np.maximum(smooth(detail * detail, 16), 0)) + 0.01
    return np.clip(128 + 48 * detail / contrast, 0, 255).astype(np.uint8)


def _full(best: _Tried, original: tuple[int, ...], edited: tuple[int, ...], reduced: tuple[int, ...]) -> Alignment:
    """Return the map between the pictures of full size."""
    factor = edited[1] / reduced[1]
    moved = best.moved * factor
    error, kind = (best.fit.error * factor, best.fit.kind) if best.fit else (float("inf"), "resize")
    plain = Mapping.resize(original, edited)
    if not best.sure or moved < max(SMALLEST, 2 * error):
        return Alignment(plain, best.sure, best.share, error, best.points, "resize", moved if best.sure else 0.0)
    mapping = best.mapping.rescaled(original, reduced, edited)
    return Alignment(mapping, True, best.share, error, best.points, kind, moved)
