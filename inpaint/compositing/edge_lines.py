"""Short lines across a mask's edge, and what a picture shows along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Neighbouring lines are read as one group of about this many. Groups come in pairs that share an outline.
GROUP = 13
# Most groups that are read. Of longer edges, runs of neighbouring groups are read, spread evenly over the edge.
MOST, RUN = 512, 8
# The direction of the edge is taken between points this far before and after, in pixels.
CHORD = 3
# Rec. 709. Of gamma-coded values the weighted sum, times 100, comes near to L* and needs no power function.
LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Bands:
    """Means over each group of lines, in bands beside each other that run along the edge. NaN: no usable pixel."""

    color: np.ndarray
    """[G, K, 3] mean red, green and blue."""
    detail: np.ndarray
    """[G / 2, K, S] mean square of the detail for each spacing, in units of L*, over each pair of groups."""


@dataclass(frozen=True)
class EdgeLines:
    """Lines across the edge where a mask crosses half of its largest value: one at each pixel of the outline."""

    places: np.ndarray
    """[N, 2] row and column of the outermost pixels inside."""
    inward: np.ndarray
    """[N, 2] unit vector across the edge, pointing inside."""
    group: np.ndarray
    """[N] int, the group of neighbours that a line belongs to."""
    groups: int
    """Number of groups, even. A short outline leaves some of them empty."""
    length: float
    """Length of all outlines in pixels, without what runs along the picture's border."""

    @classmethod
    def around(cls, inside: np.ndarray, row: int, column: int, size: tuple[int, int]) -> EdgeLines | None:
        """Follow the outlines of an area.

        Args:
            inside: [h, w] bool.
            row, column: place of the area's first pixel in the picture.
            size: height and width of the picture.

        Returns:
            None if nothing is inside.
        """
        import cv2

        outlines, _ = cv2.findContours(inside.view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        if not outlines:
            return None
        counts = np.array([len(outline) for outline in outlines])
        points = np.concatenate(outlines)[:, 0].astype(np.int64)
        first, count = np.repeat(np.cumsum(counts) - counts, counts), np.repeat(counts, counts)
        index = np.arange(len(points)) - first

        def neighbour(steps: np.ndarray | int) -> np.ndarray:
            return points[first + (index + steps) % count]

        chord = np.minimum(CHORD, count // 4)
        along = (neighbour(chord) - neighbour(-chord)).astype(np.float64)
        # OpenCV follows an outline with the inside on one hand. A single pixel has no direction.
        inward = np.stack([-along[:, 0], along[:, 1]], axis=1)
        norm = np.hypot(*inward.T)[:, None]
        inward = np.where(norm > 0, inward / np.maximum(norm, 1), (0.0, 1.0))

        parts = 2 * -(-counts // (2 * GROUP))
        group = np.repeat(np.cumsum(parts) - parts, counts) + index * np.repeat(parts, counts) // count
        places, groups = points[:, ::-1] + (row, column), int(parts.sum())
        within = ((places > 0) & (places < np.array(size) - 1)).all(axis=1)
        length = float(np.hypot(*(neighbour(1) - points)[within].T).sum())
        every = -(-groups // MOST)
        if every > 1:
            run = group // RUN
            kept = run % every == 0
            places, inward = places[kept], inward[kept]
            group = run[kept] // every * RUN + group[kept] % RUN
            groups = int(group.max()) // 2 * 2 + 2
        return cls(places, inward, group, groups, length)

    @property
    def middles(self) -> np.ndarray:
        """[G, 2] mean place of each group; NaN where it is empty."""
        return _means(self.places[:, None], np.ones((len(self.places), 1)), self.group, self.groups)[:, 0]

    @property
    def sizes(self) -> np.ndarray:
        """[G] lines of each group."""
        return np.bincount(self.group, minlength=self.groups)

    def read(
        self,
        image: Tensor,
        mask: Tensor,
        half: float,
        centres: np.ndarray,
        width: int,
        spacings: Sequence[int] = (),
    ) -> Bands:
        """Read a picture in bands along the edge.

        A pixel is used if it is finite and on its own side of the edge: a line that leaves a narrow mask at its far
        side is of no use there.

        Args:
            image: [H, W, C] float, C >= 3.
            mask: [H, W].
            half: the value that parts inside from outside.
            centres: [K] distances from the edge in pixels, below 0 outside.
            width: of a band, in pixels.
            spacings: detail is the second difference of the brightness along a line, between pixels this far apart.
        """
        reach = max(spacings, default=0)
        distances = centres[:, None] + np.arange(-reach, width + reach) + (0.5 - width / 2)
        colors, usable = self._sample(image, mask, half, distances.ravel())
        colors, usable = colors.reshape(-1, *distances.shape, 3), usable.reshape(-1, *distances.shape)
        inner = slice(reach, reach + width)
        # Unusable colors are 0.
        color = _means(colors[:, :, inner].sum(axis=2), usable[:, :, inner].sum(axis=2), self.group, self.groups)
        luma = 100 * (colors @ np.array(LUMA, dtype=np.float32))
        detail = np.empty((self.groups // 2, len(centres), len(spacings)))
        for index, spacing in enumerate(spacings):
            parts = [slice(reach + by, reach + by + width) for by in (-spacing, 0, spacing)]
            before, here, after = (luma[..., part] for part in parts)
            good = np.logical_and.reduce([usable[..., part] for part in parts])
            squares = ((here - (before + after) / 2) ** 2 * good).sum(axis=2)[..., None]
            detail[..., index] = _means(squares, good.sum(axis=2), self.group // 2, self.groups // 2)[..., 0]
        return Bands(color, detail)

    def _sample(self, image: Tensor, mask: Tensor, half: float, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest pixels at `distances` [T]: colors [N, T, 3] in 0..1, 0 if unusable, and usable [N, T]."""
        height, width = mask.shape
        # A place is the centre of a pixel, and half a pixel inside the edge.
        exact = self.places[:, None] + self.inward[:, None] * (distances - 0.5)[None, :, None]
        rows, columns = np.rint(exact).astype(np.int64).transpose(2, 0, 1)
        usable = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        flat = torch.from_numpy(rows.clip(0, height - 1) * width + columns.clip(0, width - 1)).to(image.device).ravel()
        colors = image.flatten(0, 1).index_select(0, flat)[:, :3].float()
        inside = mask.flatten().index_select(0, flat) > half
        good = colors.isfinite().all(dim=1)
        usable &= inside.cpu().numpy().reshape(usable.shape) == (distances > 0)
        usable &= good.cpu().numpy().reshape(usable.shape)
        read = colors.clamp(0, 1).cpu().numpy().reshape(*usable.shape, 3)
        return np.where(usable[..., None], read, 0), usable


def _means(sums: np.ndarray, counts: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Average over groups of lines: sums [N, K, C] of counts [N, K] values. Returns [G, K, C], NaN where none."""
    # Lines are in the order of their groups.
    present, first = np.unique(group, return_index=True)
    means = np.full((groups, *sums.shape[1:]), np.nan)
    total = np.add.reduceat(sums, first, axis=0, dtype=np.float64)
    number = np.add.reduceat(counts, first, axis=0, dtype=np.float64)[..., None]
    means[present] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return means
