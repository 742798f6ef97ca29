"""Finds what was edited: where two aligned pictures differ by more than the noise between them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .arrays import length, total
from .light import Light, fit_light
from .noise import Usual
from .reduce import reduced
from .softness import equally_soft

# Sides in pixels of the windows whose medians are compared; 1 compares pixels. The smaller find edges and thin strokes,
# the larger find shadows, in whose medians noise cancels out.
WINDOWS = (1, 5, 11, 25)
# What differs by so many times the usual difference may be edited, and is if it holds what differs by the second.
LOW, HIGH = 4.0, 8.0
# The same as Delta E: less is not worth a pixel. By window.
LEAST, LEAST_HIGH = (4.0, 2.2, 1.8, 1.5), (12.0, 5.0, 3.5, 2.8)
# Pixels of a found area, at least.
SMALLEST = 24
# Side in pixels of gaps within an edit that are closed.
GAP = 3
# At its outline, an edit that differs by less than this share of what is beside it is only its blur: the first of a
# sharp picture, up to the second with a blur of one pixel or more.
BESIDE = 0.12, 0.25
# In gaps narrower than the blur's reach, that is seen only from an end: so often it is looked for.
TURNS = 2
# How far beside an edit that is looked for, in pixels: per Delta E of the noise, for JPEG rings, and at most.
RINGING, FARTHEST = 4.0, 8
# A hole in an edit belongs to it if it has at most this share of the edit's pixels, and they differ by this many times
# the usual difference: where old and new are alike by chance. What both pictures show alike stays, as within a ring.
HOLE, UNLIKE = 0.02, 2.0
# The least noise that counts, as Delta E.
FAINTEST = 0.1
# What a median finds must be there in the next smaller window too, with this share.
FINER = 0.4
# What burns out: from this value on, in these steps, and by how much it may have been dimmed after that. There the
# pictures must differ by so many times more.
BURNT, BURNING, DIMMED, CARE = 0.98, (0.94, 0.97, 1.0, 1.03, np.inf), 0.15, 1.5
# The middle half of what burns out must be dimmed alike, to within this much: else it was edited.
QUARTERS, ALIKE = (0.25, 0.5, 0.75), 0.05
# Weight in the fit of light from which a pixel followed it, and the share of a picture that is enough to measure on.
FOLLOWS, LEFT = 0.2, 0.05
# Pixels of the pictures that are searched roughly first.
ROUGH = 0.2e6
# Delta E per step of the bytes in which medians are taken. From this side on, at half the size.
STEP, WIDE = 0.25, 11


def find(
    original: np.ndarray, edited: np.ndarray, inside: np.ndarray, same: np.ndarray, more: float = 0.0
) -> np.ndarray:
    """Find where the edited picture differs from what the original would look like in its light and softness.

    Args:
        original, edited: [H, W, 3] float32 sRGB in 0..1, aligned.
        inside: [H, W] bool: where the edited picture has content.
        same: [H, W] bool: where both show the same structure.
        more: -1..1; above 0 finds fainter edits, below 0 only clearer ones.

    Returns:
        [H, W] bool.
    """
    import cv2

    # Roughly on reduced pictures first: what is found there is left out of what the light and noise are measured on.
    small, small_edited = reduced(original, ROUGH), reduced(edited, ROUGH)
    small_inside, small_same = (reduced(each.astype(np.float32), ROUGH) > 0.99 for each in (inside, same))
    light = fit_light(small, small_edited, small_inside, small_same)
    unchanged = small_inside & _follows(light, small_inside.shape)
    rough = _found(light, small, small_edited, small_inside, small_same, unchanged, 2.0**-more)
    around = _grown(rough, 3).astype(np.float32)
    rest = inside & (cv2.resize(around, inside.shape[::-1], interpolation=cv2.INTER_LINEAR) == 0)
    if rest.sum() > LEFT * inside.sum():
        light = fit_light(original, edited, rest, rest)
    else:
        rest = inside & _follows(light, inside.shape)
    return _found(light, original, edited, inside, same, rest, 2.0**-more)


def _found(
    light: Light,
    original: np.ndarray,
    edited: np.ndarray,
    inside: np.ndarray,
    same: np.ndarray,
    unchanged: np.ndarray,
    factor: float,
) -> np.ndarray:
    import cv2

    expected = light.unclipped(original)
    burnt = np.maximum.reduce(cv2.split(expected)) > BURNT
    expected, seen, blur = equally_soft(_burnt_out(expected, edited, inside), edited, same & unchanged)
    factors = factor * np.where(burnt, CARE, 1).astype(np.float32)
    return _differs(expected, seen, inside, unchanged, factors, blur)


def _burnt_out(expected: np.ndarray, edited: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Clip what burns out, to what most of it became: an editor may have dimmed it after clipping."""
    result = np.clip(expected, 0, 1)
    for channel in range(3):
        places = (expected[..., channel] >= BURNING[0]).nonzero()
        values, known = expected[..., channel][places], inside[places]
        clipped = result[..., channel][places]
        changes = edited[..., channel][places] - clipped
        for low, high in pairwise(BURNING):
            step = (values >= low) & (values < high)
            if (step & known).sum() >= SMALLEST:
                low_change, change, high_change = np.quantile(changes[step & known], QUARTERS)
                if high_change - low_change < ALIKE:
                    clipped[step] += np.clip(change, -DIMMED, 0)
        result[..., channel][places] = clipped
    return result


def _follows(light: Light, shape: tuple[int, ...]) -> np.ndarray:
    """Return the pixels that followed the change of light, [H, W] bool."""
    import cv2

    if light.follows is None:
        return np.ones(shape, bool)
    return cv2.resize(light.follows, shape[::-1], interpolation=cv2.INTER_LINEAR) > FOLLOWS


def _differs(
    expected: np.ndarray, seen: np.ndarray, inside: np.ndarray, unchanged: np.ndarray, factors: np.ndarray, blur: float
) -> np.ndarray:
    import cv2

    (light, green, blue), others = (cv2.split(cv2.cvtColor(each, cv2.COLOR_RGB2LAB)) for each in (expected, seen))
    # Differences of hue and chroma show less, the more chroma there is (CIE94), and of lightness less in dark and in
    # bright colors (CIEDE2000).
    middle = ((light + others[0]) / 2 - 50) ** 2
    chroma = 1 + 0.045 * np.sqrt(np.minimum(green**2 + blue**2, others[1] ** 2 + others[2] ** 2))
    sensed = (others[0] - light) / (1 + 0.015 * middle / np.sqrt(20 + middle))
    difference = cv2.merge([sensed, (others[1] - green) / chroma, (others[2] - blue) / chroma])
    contrast = _contrast(cv2.merge([light, green / chroma, blue / chroma]))
    usual = Usual(light, unchanged)
    pixels = finer = length(difference)
    reach = 1 + 2 * abs(blur) + RINGING * float(np.median(pixels[unchanged])) if unchanged.any() else 1
    low, high = np.zeros(inside.shape, bool), np.zeros(inside.shape, bool)
    times = pixels
    for side, least, least_high in zip(WINDOWS, LEAST, LEAST_HIGH, strict=True):
        distance = pixels if side == 1 else length(_medians(difference, side))
        noise = usual.difference(distance, cv2.blur(contrast, (side + 2, side + 2)))
        if side == 1:
            times = pixels / np.maximum(noise, FAINTEST)
        # A median reaches across a corner; what is smaller than the window does not.
        here = finer > FINER * distance
        low |= here & (distance > factors * np.maximum(LOW * noise, least))
        high |= here & (distance > factors * np.maximum(HIGH * noise, least_high))
        finer = np.minimum(distance, finer / FINER)
    low = _with_seeds(_closed(low & inside, GAP), high & inside)
    edit = _trimmed(low, pixels, min(round(reach), FARTHEST), float(np.interp(abs(blur), (0, 1), BESIDE)))
    return _without_holes(edit, times, inside)


def _contrast(lab: np.ndarray) -> np.ndarray:
    import cv2

    around = np.ones((5, 5), np.uint8)
    return total(cv2.dilate(lab, around) - cv2.erode(lab, around))


def _medians(difference: np.ndarray, side: int) -> np.ndarray:
    import cv2

    height, width = difference.shape[:2]
    if side >= WIDE:
        half = max(1, width // 2), max(1, height // 2)
        found = _medians(cv2.resize(difference, half, interpolation=cv2.INTER_AREA), side // 4 * 2 + 1)
        return cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return STEP * (cv2.medianBlur(_coded(difference), side).astype(np.float32) - 128)


def _coded(difference: np.ndarray) -> np.ndarray:
    """Return a difference in steps as bytes around 128, rounded and saturated."""
    import cv2

    return cv2.addWeighted(difference, 1 / STEP, difference, 0, 128, dtype=cv2.CV_8U)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    import cv2

    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), around) > 0


def _closed(mask: np.ndarray, side: int) -> np.ndarray:
    import cv2

    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, around) > 0


def _with_seeds(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Keep the connected areas of `low` that are large enough and hold a pixel of `high`."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(low.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[high & low])] = True
    kept &= stats[:, cv2.CC_STAT_AREA] >= SMALLEST
    kept[0] = False
    return kept[labels]


def _trimmed(mask: np.ndarray, distance: np.ndarray, reach: int, share: float) -> np.ndarray:
    """Take off the outline what is only the blur of an edit: far less different than what is `reach` pixels inside."""
    import cv2

    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    faint = distance < share * cv2.dilate(distance, around)
    for _ in range(TURNS):
        deep = cv2.erode(mask.astype(np.uint8), around, borderValue=1) > 0
        mask = mask & (deep | ~faint)
    return mask


def _without_holes(mask: np.ndarray, times: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Fill the small holes of edits whose pixels differ too, if by too little to be found: see HOLE.

    Args:
        times: [H, W] float32, by how many times the usual difference every pixel differs.
    """
    import cv2

    _, edits, sizes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    count, gaps, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    filled = mask.copy()
    height, width = mask.shape
    for number in range(1, count):
        left, top, wide, high, size = stats[number]
        if min(left, top) == 0 or left + wide == width or top + high == height:
            continue
        place = slice(top - 1, top + high + 1), slice(left - 1, left + wide + 1)
        hole = gaps[place] == number
        beside = edits[place][(cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~hole]
        around = sizes[np.unique(beside[beside > 0]), cv2.CC_STAT_AREA].max()
        if size <= HOLE * around and np.median(times[place][hole]) >= UNLIKE:
            filled[place] |= hole
    return filled & inside
