"""Finds what was edited: where two aligned pictures differ by more than the noise between them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .light import Light, fit_light
from .noise import noise_of
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
BESIDE = 0.12, 0.35
# How far beside an edit that is looked for, in pixels: per Delta E of the noise, for JPEG rings, and at most.
RINGING, FARTHEST = 4.0, 8
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
# Delta E per step of the bytes in which medians are taken.
STEP = 0.25


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
    expected = light.unclipped(original)
    burnt = (expected > BURNT).any(axis=-1)
    expected, seen, blur = equally_soft(_burnt_out(expected, edited, inside), edited, same & unchanged)
    factors = factor * np.where(burnt, CARE, 1).astype(np.float32)
    return _differs(expected, seen, inside, unchanged, factors, blur)


def _burnt_out(expected: np.ndarray, edited: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Clip what burns out, to what most of it became: an editor may have dimmed it after clipping."""
    result = np.clip(expected, 0, 1)
    for channel in range(3):
        values, seen = expected[..., channel], edited[..., channel]
        for low, high in pairwise(BURNING):
            place = (values >= low) & (values < high)
            known = place & inside
            if known.sum() >= SMALLEST:
                low_change, change, high_change = np.quantile(seen[known] - result[..., channel][known], QUARTERS)
                if high_change - low_change < ALIKE:
                    result[..., channel][place] += np.clip(change, -DIMMED, 0)
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

    lab, lab_seen = (cv2.cvtColor(each, cv2.COLOR_RGB2LAB) for each in (expected, seen))
    difference = lab_seen - lab
    # Differences of hue and chroma show less, the more chroma there is (CIE94), and of lightness less in dark and in
    # bright colors (CIEDE2000).
    middle = ((lab[..., 0] + lab_seen[..., 0]) / 2 - 50) ** 2
    difference[..., 0] = difference[..., 0] / (1 + 0.015 * middle / np.sqrt(20 + middle))
    chroma = 1 + 0.045 * np.minimum(*(np.hypot(each[..., 1], each[..., 2]) for each in (lab, lab_seen)))
    difference[..., 1:] = difference[..., 1:] / chroma[..., None]
    lab[..., 1:] = lab[..., 1:] / chroma[..., None]
    around = np.ones((5, 5), np.uint8)
    contrast = (cv2.dilate(lab, around) - cv2.erode(lab, around)).sum(axis=-1)
    pixels = finer = np.linalg.norm(difference, axis=-1)
    reach = 1 + 2 * abs(blur) + RINGING * float(np.median(pixels[unchanged])) if unchanged.any() else 1
    low, high = np.zeros(inside.shape, bool), np.zeros(inside.shape, bool)
    for side, least, least_high in zip(WINDOWS, LEAST, LEAST_HIGH, strict=True):
        distance = pixels if side == 1 else np.linalg.norm(_medians(difference, side), axis=-1)
        noise = noise_of(distance, cv2.blur(contrast, (side + 2, side + 2)), lab[..., 0], unchanged)
        # A median reaches across a corner; what is smaller than the window does not.
        here = finer > FINER * distance
        low |= here & (distance > factors * np.maximum(LOW * noise, least))
        high |= here & (distance > factors * np.maximum(HIGH * noise, least_high))
        finer = np.minimum(distance, finer / FINER)
    low = _with_seeds(_closed(low & inside, GAP), high & inside)
    return _trimmed(low, pixels, min(round(reach), FARTHEST), float(np.interp(abs(blur), (0, 1), BESIDE)))


def _medians(difference: np.ndarray, side: int) -> np.ndarray:
    import cv2

    coded = np.clip(np.rint(difference / STEP) + 128, 0, 255).astype(np.uint8)
    return (cv2.medianBlur(coded, side).astype(np.float32) - 128) * STEP


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
    border = mask & (cv2.erode(mask.astype(np.uint8), around, borderValue=1) == 0)
    return mask & ~(border & (distance < share * cv2.dilate(distance, around)))
