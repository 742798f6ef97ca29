"""Which holes of a picture are filled together, and what of the picture a network is shown for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.geometry import Box, Size
from ..crops.plan import Context, Plan, place
from .network import Grid

# What is thinner than this share of a cell is filled cell by cell.
_THIN = 0.5
# A cell is no smaller a part of a crop, along each side, however much context is asked for.
_MOST_CELLS = 8
# No crop is smaller, in pixels.
LEAST = 64


class Parts(NamedTuple):
    """numbers: [H, W] int32, the part that each pixel of the hole belongs to, from 1; 0 elsewhere. boxes: the smallest
    around each part. holes: how many there were before near ones were taken together and long ones cut."""

    numbers: Tensor
    boxes: list[Box]
    holes: int


class Windows(NamedTuple):
    """What a network is shown of a picture, and how large.

    context: how much around a hole. most: the longest side of a crop, in pixels of the crop, where the network takes
    several sizes.
    """

    picture: Size
    grid: Grid
    context: Context
    most: int

    @property
    def native(self) -> int:
        return self.grid.native if self.grid.fixed else min(self.grid.native, self.most)

    @property
    def longest(self) -> int:
        """Of a crop that is not reduced."""
        return self.grid.native if self.grid.fixed else self.most

    def holds(self, box: Box, side: int) -> bool:
        """Whether a box and its context go into a square of this side at the picture's own scale."""
        shown = self.context.around(box, self.picture)
        return max(shown.width, shown.height) <= side

    def plan(self, box: Box) -> Plan:
        """Where to crop around a hole, at the picture's own scale where that fits the network.

        The native square is shown where there is so much picture. What overhangs the picture is its mirror image, with
        the holes in it.
        """
        native, multiple = self.native, self.grid.multiple
        square = place(box, Size(native, native), self.picture, box).within(self.picture)
        shown = self.context.around(box, self.picture, also=square)
        if self.grid.fixed:
            side = max(native, shown.width, shown.height)
            size, target = Size(side, side), Size(native, native)
        else:
            size = target = Size(max(shown.width, LEAST), max(shown.height, LEAST)).to_multiple(multiple)
            most = self.most // multiple * multiple
            reduction = most / max(shown.width, shown.height)
            if max(size.width, size.height) > most:
                sides = (round(side * reduction / multiple) * multiple for side in (shown.width, shown.height))
                target = Size(*(max(side, LEAST) for side in sides))
                size = shown.size.with_aspect(target)
        return Plan(place(shown, size, self.picture, box), target, self.picture)


def parts_of(hole: Tensor, windows: Windows) -> Parts:
    """The holes of a picture as they are filled: near ones together, as long as one native crop shows them all; one
    that is too large for a crop at the picture's scale, but thin, as a scratch is, cell by cell.

    Args:
        hole: [H, W] bool.
        windows: what the network is shown.

    Returns:
        the parts from top to bottom. Each pixel of the hole is in one.
    """
    import cv2

    area = hole.cpu().numpy().view(np.uint8)
    holes, numbers, stats, _ = cv2.connectedComponentsWithStats(area, connectivity=8)
    numbers = np.array(numbers, np.int32)
    boxes = {number: Box(*stat[:4]) for number, stat in enumerate(stats.tolist()) if number}
    cell = int(windows.longest / min(windows.context.factor, _MOST_CELLS))
    for number, box in list(boxes.items()):
        if not windows.holds(box, windows.longest) and _thickness(numbers[box.slices] == number) <= _THIN * cell:
            del boxes[number]
            boxes |= _cut(numbers, number, box, cell, first=max(len(stats), *boxes, number) + 1)
    together = _near(boxes, lambda box: windows.holds(box, windows.native))
    order = sorted(together, key=lambda number: (together[number][0].y, together[number][0].x))
    part_of = np.zeros(max(boxes, default=0) + 1, np.int32)
    for place_in_order, number in enumerate(order, 1):
        part_of[together[number][1]] = place_in_order
    return Parts(torch.from_numpy(part_of[numbers]).to(hole.device), [together[n][0] for n in order], holes - 1)


def _thickness(hole: np.ndarray) -> float:
    """Of the widest disc that fits in a hole [h, w]."""
    import cv2

    within = cv2.distanceTransform(np.pad(hole.view(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return 2 * float(within.max())


def _cut(numbers: np.ndarray, number: int, box: Box, cell: int, first: int) -> dict[int, Box]:
    """Number a hole anew, from `first` on, cell by cell, in place; the smallest boxes by number."""
    boxes: dict[int, Box] = {}
    for y in range(box.y, box.bottom, cell):
        for x in range(box.x, box.right, cell):
            rows, columns = slice(y, min(y + cell, box.bottom)), slice(x, min(x + cell, box.right))
            here = numbers[rows, columns] == number
            down, across = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
            if len(down):
                numbers[rows, columns][here] = first + len(boxes)
                left, top = x + int(across[0]), y + int(down[0])
                boxes[first + len(boxes)] = Box.between(left, top, x + int(across[-1]) + 1, y + int(down[-1]) + 1)
    return boxes


def _near(boxes: dict[int, Box], fit: Callable[[Box], bool]) -> dict[int, tuple[Box, list[int]]]:
    """Boxes taken together, each with the first that it still fits with; by the number of the first: the box around
    all, and their numbers."""
    together: dict[int, tuple[Box, list[int]]] = {}
    for number, box in sorted(boxes.items(), key=lambda item: (item[1].y, item[1].x)):
        for first, (around, members) in together.items():
            joined = around.join(box)
            if fit(joined):
                together[first] = (joined, [*members, number])
                break
        else:
            together[number] = (box, [number])
    return together
