"""The light of one picture made like that of another: gain, gamma, tint, and a smooth field over the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..core.threads import one_thread

# Pixels of the longer side that the model is fitted on.
SIDE = 80
# The field is a sum of cosines with at most so many half waves across the picture: half the side wide and wider. A
# narrower light is an edit.
WAVES = 4
# Values this near to black or white may be clipped: their channel is not fitted on them.
CLIPPED = 2.5 / 255
# Most rounds of reweighting, the mean change of the weights that ends them, and the residual in standard deviations
# beyond which a pixel has no weight.
ROUNDS, SETTLED, CUT = 7, 0.002, 4.0
# The least standard deviation that counts: about one step of 8 bits.
FINEST = 0.7 / 255
# Weight of the wish to change nothing, against that of the pixels: of curves, and of fields.
CALM, CALM_FIELD = 1e-4, 1e-4
# Pixels needed for a fit, and for one with a field.
FEWEST, FEWEST_FIELD = 50, 500
# Pixels of a band, so that what is worked on stays in the processor's cache.
BAND = 2**15


@dataclass(frozen=True)
class Light:
    """A change of light."""

    numbers: np.ndarray | None
    """[K, 3] float64, of every term for every channel; None changes nothing."""
    waves: int
    """Most half waves of the field; 0 for none."""
    follows: np.ndarray | None = None
    """[h, w] float32 on a small grid: the weight that each pixel had in the fit, 0..1. None if nothing was fitted."""

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Apply to [H, W, 3] float32, which is not changed. The result is clipped to 0..1."""
        return np.clip(self.unclipped(picture), 0, 1)

    def unclipped(self, picture: np.ndarray) -> np.ndarray:
        """Apply without clipping: beyond 0..1 lies what the change of light burns out."""
        if self.numbers is None:
            return picture
        height, width = picture.shape[:2]
        result = np.empty_like(picture)
        high = max(1, BAND // width)
        for top in range(0, height, high):
            rows = slice(top, min(top + high, height))
            result[rows] = self._band(self.numbers, picture[rows], rows, height)
        return result

    def _band(self, terms: np.ndarray, picture: np.ndarray, rows: slice, height: int) -> np.ndarray:
        import cv2

        width = picture.shape[1]
        down = _cosines(np.arange(rows.start, rows.stop), height, self.waves).astype(np.float32)
        across = _cosines(np.arange(width), width, self.waves).astype(np.float32)
        pairs = _pairs(self.waves)
        linear = np.column_stack([terms[1:4].T + np.eye(3), terms[0]])
        planes = zip(cv2.split(picture), cv2.split(cv2.transform(picture, linear)), strict=True)
        result = []
        for channel, (own, changed) in enumerate(planes):
            square, cube, root = terms[4:7, channel].astype(np.float32)
            changed = changed + own * own * (square + cube * own) + root * np.sqrt(np.maximum(own, 0))
            if self.waves:
                offset, gain = (_field(part, pairs, down, across) for part in np.split(terms[7:, channel], 2))
                changed += offset + gain * own
            result.append(changed)
        return cv2.merge(result)


def fit_light(source: np.ndarray, target: np.ndarray, weight: np.ndarray, start: np.ndarray | None = None) -> Light:
    """Find the change of light that makes one picture like another; pixels that show something else have no weight.

    Args:
        source, target: [H, W, 3] float32 in 0..1, on one grid.
        weight: [H, W] bool, the pixels that may count.
        start: [H, W] bool, the pixels known to show the same, from which the fit begins. None for all that may count.
    """
    import cv2

    factor = min(1.0, SIDE / max(weight.shape))
    size = max(1, round(weight.shape[1] * factor)), max(1, round(weight.shape[0] * factor))
    before, after = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (source, target))
    counts = _area(weight, size) > 0.99
    known = counts if start is None else counts & (_area(start, size) > 0.5)
    if known.sum() < FEWEST:
        known = counts
    if known.sum() < FEWEST:
        return Light(None, 0)
    # Without a field first, because a field could follow an edit.
    first = _fitted(before, after, counts, known.astype(np.float64), 0)
    if first is None or counts.sum() < FEWEST_FIELD:
        return Light(None, 0) if first is None else Light(first[0], 0, first[1])
    second = _fitted(before, after, counts, first[1], WAVES)
    return Light(first[0], 0, first[1]) if second is None else Light(second[0], WAVES, second[1])


def _area(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)


@one_thread()
def _fitted(
    before: np.ndarray, after: np.ndarray, counts: np.ndarray, weight: np.ndarray, waves: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the numbers [K, 3], and the weight of every pixel [h, w]; None if too few pixels follow them."""
    height, width = counts.shape
    rows, columns = counts.nonzero()
    colors, target = before[rows, columns].astype(np.float64), after[rows, columns].astype(np.float64)
    pairs = _pairs(waves)
    down, across = _cosines(np.arange(height), height, waves)[rows], _cosines(np.arange(width), width, waves)[columns]
    field = np.stack([down[:, i] * across[:, j] for i, j in pairs], axis=-1) if waves else np.zeros((len(rows), 0))
    # In torch, on one thread: numpy's threads would wait for each other longer than the products take.
    terms = []
    for channel in range(3):
        own = colors[:, channel, None]
        parts = [np.ones_like(own), colors, own**2, own**3, np.sqrt(own), field, field * own]
        terms.append(torch.from_numpy(np.hstack(parts)))
    count = terms[0].shape[1]
    calm = torch.tensor([0.0] + [CALM] * 6 + [CALM_FIELD] * (2 * field.shape[1])).double()
    trust = torch.from_numpy(weight[rows, columns].astype(np.float64))
    change = torch.from_numpy(target - colors)
    sound = [(each > CLIPPED) & (each < 1 - CLIPPED) for each in (colors, target)]
    valid = torch.from_numpy((sound[0] & sound[1]).astype(np.float64))
    trust *= valid.any(dim=-1)
    numbers, residual = torch.zeros(count, 3).double(), torch.empty_like(change)
    for _ in range(ROUNDS):
        if trust.sum() < FEWEST:
            return None
        for channel, each in enumerate(terms):
            weighted = (each * (trust * valid[:, channel])[:, None]).T
            normal = weighted @ each + torch.diag(calm * trust.sum() + 1e-9)
            numbers[:, channel] = torch.linalg.solve(normal, weighted @ change[:, channel])
            residual[:, channel] = valid[:, channel] * (change[:, channel] - each @ numbers[:, channel])
        away = residual.norm(dim=-1)
        # The median length of a residual in three dimensions is 1.54 standard deviations.
        spread = max(_weighted_median(away.numpy(), trust.numpy()) / 1.54, FINEST)
        earlier, trust = trust, (1 - (away / (CUT * 1.54 * spread)) ** 2).clamp(min=0) ** 2 * valid.any(dim=-1)
        if (trust - earlier).abs().mean() < SETTLED:
            break
    left = np.zeros(counts.shape, np.float32)
    left[rows, columns] = trust.numpy()
    return numbers.numpy(), left


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])


def _pairs(waves: int) -> list[tuple[int, int]]:
    """Half waves down and across of each term of the field, the constant left out."""
    return [(i, j) for i in range(waves + 1) for j in range(waves + 1 - i) if i + j]


def _cosines(places: np.ndarray, length: int, waves: int) -> np.ndarray:
    """Return [N, waves + 1]."""
    return np.cos(np.pi * np.outer((places + 0.5) / length, np.arange(waves + 1)))


def _field(numbers: np.ndarray, pairs: list[tuple[int, int]], down: np.ndarray, across: np.ndarray) -> np.ndarray:
    table = np.zeros((down.shape[1], across.shape[1]), np.float32)
    for number, (i, j) in zip(numbers, pairs, strict=True):
        table[i, j] = number
    return down @ table @ across.T
