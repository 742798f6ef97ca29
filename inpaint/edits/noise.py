"""The noise between two pictures that should be equal: how far they differ, by local contrast and lightness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# Bins of local contrast and of lightness. Each holds about equally many pixels.
CONTRASTS, LIGHTS = 12, 3
# A lightness may have so many times the noise of all.
BRIGHTER = 2.0
# Pixels that are looked at, and the fewest of a bin that are worth a figure of their own.
MOST, FEWEST = 30_000, 60


class Usual:
    """The usual difference of pictures of one lightness, where nothing was edited.

    Where a picture has edges, a slight blur or shift makes it differ more; where it is dark, JPEG and noise show less
    or more. So the median of the differences is taken for each local contrast and lightness, and it does not fall with
    contrast.

    Args:
        light: [H, W] float32, the lightness of the picture.
        unchanged: [H, W] bool, the pixels that count.
    """

    def __init__(self, light: np.ndarray, unchanged: np.ndarray) -> None:
        step = max(1, int((light.size / MOST) ** 0.5))
        self.thin = slice(None, None, step), slice(None, None, step)
        self.counts = unchanged[self.thin]
        self.bands: list[np.ndarray] = []
        if self.counts.sum() < FEWEST:
            return
        bright = light[self.thin][self.counts]
        edges = np.quantile(bright, np.linspace(0, 1, LIGHTS + 1))
        self.bands = [(bright >= low) & (bright <= high) for low, high in pairwise(edges)]
        centres = [
            float(np.median(bright[band])) if band.any() else float(low)
            for band, low in zip(self.bands, edges, strict=False)
        ]
        self.down = np.interp(light.ravel(), centres, np.arange(LIGHTS)).reshape(light.shape).astype(np.float32)

    def difference(self, distance: np.ndarray, contrast: np.ndarray) -> np.ndarray:
        """Return the usual difference of every pixel, [H, W] float32.

        Args:
            distance: [H, W] float32, how far the pictures differ.
            contrast: [H, W] float32, the local contrast of the picture.
        """
        if not self.bands:
            return np.zeros_like(distance)
        values, rough = (each[self.thin][self.counts] for each in (distance, contrast))
        edges = np.quantile(rough, np.linspace(0, 1, CONTRASTS + 1))
        table = np.array([_medians(values[band], rough[band], edges) for band in self.bands])
        missing = np.isnan(table)
        overall = np.maximum.accumulate(np.nan_to_num(_medians(values, rough, edges)))
        table = np.maximum.accumulate(np.where(missing, overall, table), axis=1)
        # If all that is bright, or dark, was edited, its noise is that of the rest.
        table = np.minimum(table, BRIGHTER * overall)
        return self._looked_up(table.astype(np.float32), (edges[1:] + edges[:-1]) / 2, contrast)

    def _looked_up(self, table: np.ndarray, contrasts: np.ndarray, contrast: np.ndarray) -> np.ndarray:
        """Interpolate a table [lights, contrasts] at every pixel."""
        import cv2

        across = np.interp(contrast.ravel(), contrasts, np.arange(len(contrasts))).reshape(contrast.shape)
        found = cv2.remap(table, across.astype(np.float32), self.down, cv2.INTER_LINEAR)
        # Beyond the last bin, the noise grows on with contrast.
        return found * np.sqrt(np.maximum(1, contrast / max(float(contrasts[-1]), 1e-6)))


def _medians(values: np.ndarray, rough: np.ndarray, edges: np.ndarray) -> np.ndarray:
    found = np.full(len(edges) - 1, np.nan)
    place = np.clip(np.searchsorted(edges, rough, side="right") - 1, 0, len(edges) - 2)
    for index in range(len(found)):
        inside = values[place == index]
        if len(inside) >= FEWEST:
            found[index] = np.median(inside)
    return found
