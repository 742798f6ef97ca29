"""What is found between two aligned pictures that differ by a little noise: holes in an edit, and gaps between strokes.

Mutations seen to fail here: holes never filled; every small hole filled; large holes filled; an outline
looked at once.
"""

import cv2
import numpy as np
import pytest

from inpaint.edits.find import find

SIZE = (300, 400)


def noisy(level: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (level[..., None] + random.normal(0, 0.006, (*SIZE, 3))).clip(0, 1).astype(np.float32)


def found(level: np.ndarray, changed: np.ndarray) -> np.ndarray:
    everywhere = np.ones(SIZE, bool)
    return find(noisy(level, 0), noisy(changed, 1), everywhere, everywhere)


@pytest.fixture
def plain() -> np.ndarray:
    return np.full(SIZE, 0.3)


@pytest.mark.parametrize(
    ("side", "apart", "filled"),
    [(90, 0.023, True), (90, 0.0, False), (50, 0.023, False)],
    ids=["alike by chance", "the same", "not small beside the edit"],
)
def test_a_small_hole_that_is_only_nearly_the_same_belongs_to_the_edit(plain, side, apart, filled):
    """A bright square whose 9 middle pixels have about the original's grey."""
    changed = plain.copy()
    top, left = 145 - side // 2, 195 - side // 2
    changed[top : top + side, left : left + side] = 0.8
    changed[141:150, 191:200] = 0.3 + apart
    mask = found(plain, changed)
    assert mask[top + 3 : 135, left + 3 : left + side - 3].all()
    assert mask[145, 195] == filled
    assert not mask[: top - 3].any()


def test_gaps_between_blurred_strokes_stay(plain):
    """Bars of 6 pixels, 6 apart and blurred: seen from the side no gap is outline, from its ends all of it is."""
    changed = plain.copy()
    bars = [150 + 12 * number for number in range(8)]
    for left in bars:
        changed[120:170, left : left + 6] = 0.95
    first, second = (
        cv2.GaussianBlur(noisy(each, seed), (0, 0), blur) for each, seed, blur in ((plain, 0, 0.4), (changed, 1, 1.3))
    )
    everywhere = np.ones(SIZE, bool)
    mask = find(first, second, everywhere, everywhere)
    assert all(mask[125:165, left + 1 : left + 5].all() for left in bars)
    gaps = np.mean([mask[124:166, left + 8 : left + 10] for left in bars[:-1]])
    assert gaps < 0.6
