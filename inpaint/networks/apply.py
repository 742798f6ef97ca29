"""The holes of pictures filled by a network, one crop after the other, so that each sees what was filled before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compositing import composite_mask
from ..core.alloc import one_of_equal, repeated
from ..core.checks import check_amount, check_fits
from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..core.progress import Progress
from ..crops.crop import pick, scaled
from ..crops.plan import Context, Plan
from ..crops.stitch import paste_crop
from ..masks import grow as grow_mask
from .grouping import LEAST, Windows, parts_of
from .network import Grid

# A picture [1, 3, h, w] in 0..1 and its hole [1, 1, h, w] of 0 and 1, both float32 and on the picture's device -> the
# picture filled, or None where memory ran out.
Run = Callable[[Tensor, Tensor], "Tensor | None"]


@dataclass(frozen=True)
class Filled:
    """Pictures with their holes filled.

    image: [N, H, W, C], dtype, device and alpha of the originals.
    mask: [N, H, W], how much of the fill was taken where; where it is 0 the picture is what it was, bit for bit.
    unusable: masked pixels that stayed as they were since the network gave none that are numbers.
    plans: of every crop that was filled. holes: how many there were. asked, most: the longest side of a crop, as asked
    for, and in the end, which is less where memory ran out.
    """

    image: Tensor
    mask: Tensor
    unusable: int
    plans: tuple[Plan, ...]
    holes: int
    asked: int
    most: int

    def messages(self) -> list[str]:
        """What was done, in sentences."""
        if not self.plans:
            return ["The mask is empty: nothing was filled."]
        messages = [f"{_count(self.holes, 'hole')} filled in {_count(len(self.plans), 'crop')}."]
        scales = [plan.target.width / plan.box.width for plan in self.plans]
        reduced = [scale for scale in scales if scale < 1]
        if reduced:
            messages.append(
                f"{_count(len(reduced), 'crop')} reduced, the most to {min(reduced):.0%}, as too large for the network."
            )
        if self.most < self.asked:
            messages.append(f"Memory ran out: crops were made smaller, {self.most} pixels at most.")
        return messages


def fill_with(
    run: Run,
    grid: Grid,
    image: Tensor,
    mask: Tensor,
    grow: float = 4.0,
    feather: float = 4.0,
    context: float = 2.0,
    most: int = 1024,
    progress: Progress = lambda done, total: None,
) -> Filled:
    """Fill what is masked (above 0), each hole seen in a crop at the picture's own scale where that fits the network.

    A crop shows its hole, the context around it, and the native square at least. Whatever is still to be filled in it
    is hole to the network; of what that makes, only the hole's own pixels are taken, and the crops after it see them.
    The network fills as far as the soft edge reaches, so that there is a fill to mix in.

    A crop that is too large is reduced: by means of the known pixels alone, so that nothing of what is erased gets into
    what the network sees around it.

    Args:
        run: the network.
        grid: the sizes that it takes.
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float in 0..1.
        grow: how far the mask is widened, in pixels.
        feather: width of the soft edge around that, in pixels; 0 mixes by the mask's own values.
        context: how much is shown: 2 is twice as wide and high as the hole.
        most: the longest side of a crop, where the network takes several sizes; larger ones are reduced to it.
        progress: called before each crop, and at the end, with pictures done and pictures in all; what it raises ends
            the work.

    Raises:
        InpaintError: if image and mask do not fit, or memory runs out with the smallest crop.
    """
    check_fits(image, mask)
    check_amount("grow", grow, "Use 0 for the mask as it is.")
    if most < LEAST:
        raise InpaintError(f"max_size: expected {LEAST} pixels or more, got {most}. 1024 suits most pictures.")
    weights = composite_mask(grow_mask(one_of_equal(mask), grow), feather)
    count, picture = len(image), Size(image.shape[2], image.shape[1])
    result = repeated(image, count)
    unusable, holes, plans = 0, 0, []
    windows = Windows(picture, grid, Context(context), most)
    for index, (place, original) in enumerate(zip(result.split(1), image.split(1), strict=True)):
        weight = pick(weights, index).to(image.device)
        waiting = weight > 0
        parts = parts_of(waiting[0], windows)
        holes += parts.holes
        for number, box in enumerate(parts.boxes, 1):
            progress(index + (number - 1) / len(parts.boxes), count)
            plan, made, windows = _filled(run, place, waiting, windows, box)
            rows, columns = plan.inside.slices
            own = parts.numbers[None, rows, columns] == number
            there = torch.where(own, weight[:, rows, columns], 0)
            into, before = place[:, rows, columns], original[:, rows, columns]
            unusable += paste_crop(into, before, made, there, _within(plan), False, None)
            waiting[:, rows, columns] &= ~own
            plans.append(plan)
    progress(count, count)
    return Filled(result, weights.expand(count, -1, -1), unusable, tuple(plans), holes, most, windows.most)


def _filled(run: Run, place: Tensor, waiting: Tensor, windows: Windows, box: Box) -> tuple[Plan, Tensor, Windows]:
    """The crop [1, h, w, 3] around a part as the network fills it, its plan, and the windows that there was room for.

    Args:
        place: [1, H, W, C], the picture so far. waiting: [1, H, W] bool, what of it is still to be filled.
    """
    while True:
        plan = windows.plan(box)
        rows, columns = plan.inside.slices
        # What is no number spoils no neighbour in scaling.
        seen = place[:, rows, columns, :3].float().masked_fill(waiting[:, rows, columns, None], torch.nan)
        crop = scaled(seen, _within(plan), "reflect", False).movedim(-1, 1)
        hole = ~crop.isfinite().all(dim=1, keepdim=True)
        made = run(crop.masked_fill(hole, 0), hole.to(crop.dtype))
        if made is not None:
            # Some give back what is known, others something like it.
            made = torch.where(hole, made.to(crop), crop)
            return plan, made.movedim(1, -1), windows
        side = max(plan.target.width, plan.target.height)
        if windows.grid.fixed or side <= LEAST:
            raise InpaintError(
                f"memory ran out while a crop of {plan.target} pixels was filled, with nothing else on the card. Close "
                "other programs, or choose a smaller network."
            )
        windows = windows._replace(most=max(side // 2, LEAST))


def _within(plan: Plan) -> Plan:
    """The plan for the part of the picture that its box lies on, by itself."""
    inside = plan.inside
    return Plan(plan.box.moved(-inside.x, -inside.y), plan.target, inside.size)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
