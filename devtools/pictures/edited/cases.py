"""One edit and one disturbance of a photograph, with their truth."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .disturbances import DISTURBANCES, Disturbed
from .edits import EDITS, Edit


@dataclass(frozen=True)
class Case:
    """An original, what came back from an editor, and the truth of both."""

    photo: str
    """Name of the photograph."""
    edit: str
    """Name in `EDITS`."""
    disturbance: str
    """Name in `DISTURBANCES`."""
    made: Edit
    """Before and after the edit, without the disturbance."""
    disturbed: Disturbed
    """The edited picture as it came back."""


def cases(
    photos: dict[str, np.ndarray],
    edits: Sequence[str] = tuple(EDITS),
    disturbances: Sequence[str] = tuple(DISTURBANCES),
) -> Iterator[Case]:
    """Yield every edit of every photograph with every disturbance.

    Args:
        photos: [H, W, 3] float64 in 0..1 by name. What is pasted into one is taken from the one before it.
    """
    names = list(photos)
    for index, name in enumerate(names):
        photo, other = photos[name], photos[names[index - 1]]
        for edit in edits:
            seed = zlib.crc32(f"{name} {edit}".encode())
            made = EDITS[edit](photo, other, np.random.default_rng(seed))
            # As it is stored: in 8 bits.
            original, edited = ((each.clip(0, 1) * 255).round() / 255 for each in (made.original, made.edited))
            made = Edit(original, np.where(made.edited == made.original, original, edited), made.truth)
            for disturbance in disturbances:
                yield Case(name, edit, disturbance, made, DISTURBANCES[disturbance](made.edited, seed % 1000))


def reduced(picture: np.ndarray, longest: int) -> np.ndarray:
    """Reduce a picture of 8 bits to at most this longer side, as float64 in 0..1."""
    scale = min(1.0, longest / max(picture.shape[:2]))
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return np.clip(cv2.resize(picture / 255.0, size, interpolation=cv2.INTER_AREA), 0, 1)
