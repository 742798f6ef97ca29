"""The noise between two pictures that should be equal: how far they differ, by local contrast and lightness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# Bins of local contrast and of lightness. Each holds about equally many pixels.
CONTRASTS, LIGHTS = 12, 3
# A lightness may have so many times the noise of all.
BRIGHTER = 2.0
# Pixels that are looked at, and the fewest of a bin that are worth a figure of their own.
MOST, FEWEST = 60_000, 60


def noise_of(distance: np.ndarray, contrast: np.ndarray, light: np.ndarray, unchanged: np.ndarray) -> np.ndarray:
    """Return the usual difference of every pixel.

    Where a picture has edges, a slight blur or shift makes it differ more; where it is dark, JPEG and noise show less
    or more. So the median of the differences is taken for each local contrast and lightness, and it does not fall with
    contrast.

    Args:
        distance: [H, W] float32, how far the pictures differ.
        contrast: [H, W] float32, the local contrast of the picture.
        light: [H, W] float32, its lightness.
        unchanged: [H, W] bool, the pixels that count.

    Returns:
        [H, W] float32.
    """
    step = max(1, int((distance.size / MOST) ** 0.5))
    thin = slice(None, None, step)
    counts = unchanged[thin, thin]
    if counts.sum() < FEWEST:
        return np.zeros_like(distance)
    values, rough, bright = (each[thin, thin][counts] for each in (distance, contrast, light))
    by_light = np.quantile(bright, np.linspace(0, 1, LIGHTS + 1))
    centres_light, rows = [], []
    edges = np.quantile(rough, np.linspace(0, 1, CONTRASTS + 1))
    for low, high in pairwise(by_light):
        band = (bright >= low) & (bright <= high)
        centres_light.append(float(np.median(bright[band])) if band.any() else float(low))
        rows.append(_medians(values[band], rough[band], edges))
    table = np.array(rows)
    missing = np.isnan(table)
    overall = np.maximum.accumulate(np.nan_to_num(_medians(values, rough, edges)))
    table = np.maximum.accumulate(np.where(missing, overall, table), axis=1)
    # If all that is bright, or dark, was edited, its noise is that of the rest.
    table = np.minimum(table, BRIGHTER * overall)
    middles = (edges[1:] + edges[:-1]) / 2
    return _looked_up(table.astype(np.float32), np.array(centres_light), middles, light, contrast)


def _medians(values: np.ndarray, rough: np.ndarray, edges: np.ndarray) -> np.ndarray:
    found = np.full(len(edges) - 1, np.nan)
    place = np.clip(np.searchsorted(edges, rough, side="right") - 1, 0, len(edges) - 2)
    for index in range(len(found)):
        inside = values[place == index]
        if len(inside) >= FEWEST:
            found[index] = np.median(inside)
    return found


def _looked_up(
    table: np.ndarray, lights: np.ndarray, contrasts: np.ndarray, light: np.ndarray, contrast: np.ndarray
) -> np.ndarray:
    """Interpolate a table [lights, contrasts] at every pixel."""
    import cv2

    across = np.interp(contrast.ravel(), contrasts, np.arange(len(contrasts))).reshape(light.shape)
    # Beyond the last bin, the noise grows on with contrast.
    down = np.interp(light.ravel(), lights, np.arange(len(lights))).reshape(light.shape)
    found = cv2.remap(table, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)
    return found * np.maximum(1, contrast / max(float(contrasts[-1]), 1e-6)) ** 0.5
