"""Which holes of a picture are filled together, and which part of the picture the network sees for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.geometry import Box, Size
from ..crops.crop_plan import Context, Plan, place
from ..masks.operators.distance import distance_to
from .network import Grid

# A hole too large for a crop is cut into cells if its thickness is at most this share of a cell's side.
_THIN = 0.5
# A cell's side is at least the crop's side divided by this, however large the context is.
_MOST_CELLS = 8
# The smallest side of a crop, in pixels.
LEAST = 64


class Parts(NamedTuple):
    """The masked pixels of a picture, divided into parts. Each part is filled in one crop."""

    numbers: Tensor
    """[H, W] int32, the number of the part that each masked pixel belongs to, from 1; 0 outside the mask."""
    boxes: list[Box]
    """The smallest box around each part, in the order of their numbers."""
    holes: int
    """The number of holes, before near ones were grouped and long ones cut."""


class Windows(NamedTuple):
    """How crops of a picture are planned for a network."""

    picture: Size
    """The size of the picture."""
    grid: Grid
    """The crop sizes that the network takes."""
    context: Context
    """How much of the picture is shown around a hole."""
    most: int
    """The longest side of a crop, in pixels of the crop. A network of fixed size ignores it."""

    @property
    def native(self) -> int:
        """Side of the square that a crop shows at least, in pixels."""
        return self.grid.native if self.grid.fixed else min(self.grid.native, self.most)

    @property
    def longest(self) -> int:
        """Longest side of a crop that is not reduced, in pixels."""
        return self.grid.native if self.grid.fixed else self.most

    def holds(self, box: Box, side: int) -> bool:
        """True if a box with its context fits into a square of this side, at the picture's own scale."""
        shown = self.context.around(box, self.picture)
        return max(shown.width, shown.height) <= side

    def plan(self, box: Box) -> Plan:
        """Plan the crop around a hole, at the picture's own scale if it fits the network.

        The crop shows at least the native square, as far as the picture is large enough. Beyond the picture's border it
        shows the mirror image, holes included.
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
    """Divide the masked pixels of a picture into the parts that are filled one after the other.

    Near holes become one part if one native crop shows them all. A hole that is too large for a crop at the picture's
    own scale, but thin, such as a scratch, is cut into square cells first.

    Args:
        hole: [H, W] bool, the masked pixels.
        windows: how crops are planned.

    Returns:
        the parts from top to bottom. Each masked pixel is in exactly one.
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
    groups = _near(boxes, lambda box: windows.holds(box, windows.native))
    order = sorted(groups, key=lambda number: (groups[number][0].y, groups[number][0].x))
    part_of = np.zeros(max(boxes, default=0) + 1, np.int32)
    for place_in_order, number in enumerate(order, 1):
        part_of[groups[number][1]] = place_in_order
    return Parts(torch.from_numpy(part_of[numbers]).to(hole.device), [groups[n][0] for n in order], holes - 1)


def _thickness(hole: np.ndarray) -> float:
    """Diameter in pixels of the largest disc inside a hole, [h, w] bool."""
    return 2 * float(distance_to(~np.pad(hole, 1)).max())


def _cut(numbers: np.ndarray, number: int, box: Box, cell: int, first: int) -> dict[int, Box]:
    """Cut a hole into cells and renumber their pixels in place, from `first` on.

    Returns:
        the smallest box around each cell's pixels, by its new number.
    """
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
    """Group boxes from top to bottom: each joins the first group that still fits with it.

    Returns:
        by the number of a group's first box: the box around the group, and the numbers of its members.
    """
    groups: dict[int, tuple[Box, list[int]]] = {}
    for number, box in sorted(boxes.items(), key=lambda item: (item[1].y, item[1].x)):
        for first, (around, members) in groups.items():
            joined = around.join(box)
            if fit(joined):
                groups[first] = (joined, [*members, number])
                break
        else:
            groups[number] = (box, [number])
    return groups
