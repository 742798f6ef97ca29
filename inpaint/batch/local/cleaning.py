"""The mask of a task: cleaned and widened as the node Inpaint does it."""

from __future__ import annotations

from torch import Tensor

from ...core.checks import match
from ...masks import CleanUp, clean
from ...tasks.chain import PINHOLE
from ...tasks.table import TASKS


def cleaned(image: Tensor, mask: Tensor, task: str, grow: float) -> tuple[Tensor, list[str]]:
    """Return a mask as the chain of Inpaint cleans it, and what changed, a sentence or none.

    Args:
        image: [1, H, W, 3].
        mask: [1, H, W].
        task: one of `TASKS`.
        grow: pixels by which it is widened; -1 for the task's.
    """
    row = TASKS[task]
    steps = CleanUp(
        grow=row.grow if grow < 0 else grow,
        fill_holes=row.fills_holes,
        max_hole=PINHOLE,
        min_area=CleanUp.min_area if row.fills_holes else 0,
    )
    _, mask = match(image, mask)
    mask, changes = clean(mask, steps)
    return mask, [f"The mask: {'; '.join(changes)}."] if changes else []
