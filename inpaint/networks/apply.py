"""Fill the holes of pictures with a network, one crop after the other. Each crop shows what was filled before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compositing import composite_mask
from ..core.alloc import repeated, unexpand
from ..core.checks import check_amount, check_fits
from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..core.progress import Progress
from ..crops.crop import pick, scaled
from ..crops.crop_plan import Context, Plan
from ..crops.stitch import paste_crop
from ..masks import grow as grow_mask
from .grouping import LEAST, Windows, parts_of
from .network import Grid

# Takes a picture [1, 3, h, w] in 0..1 and its hole [1, 1, h, w] of 0 and 1, both float32 on the picture's device.
# Returns the filled picture, or None if memory ran out.
Run = Callable[[Tensor, Tensor], "Tensor | None"]


@dataclass(frozen=True)
class Filled:
    """Pictures with their holes filled."""

    image: Tensor
    """[N, H, W, C], dtype, device and alpha of the originals."""
    mask: Tensor
    """[N, H, W], the weight of the fill in each pixel; where it is 0 the picture is bit-identical to the original."""
    unusable: int
    """The number of masked pixels that were left unchanged, because the network returned NaN or infinity there."""
    plans: tuple[Plan, ...]
    """The plans of all filled crops."""
    holes: int
    """The number of holes, before near ones were grouped and long ones cut."""
    asked: int
    """The longest side of a crop that was asked for, in pixels."""
    most: int
    """The longest side of a crop that was used at the end, in pixels; less than `asked` if memory ran out."""

    def messages(self) -> list[str]:
        """The report, one sentence an item."""
        if not self.plans:
            return ["The mask is empty: nothing was filled."]
        messages = [f"{_count(self.holes, 'hole')} filled in {_count(len(self.plans), 'crop')}."]
        scales = [plan.target.width / plan.box.width for plan in self.plans]
        reduced = [scale for scale in scales if scale < 1]
        if reduced:
            messages.append(
                f"{_count(len(reduced), 'crop')} reduced to fit the network (lowest scale: {min(reduced):.0%})."
            )
        if self.most < self.asked:
            messages.append(f"Memory ran out: crops were reduced to {self.most} pixels at most.")
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
    """Fill the masked pixels (above 0) of pictures, one hole or group of near holes after the other.

    Each is filled in a crop, at the picture's own scale if it fits the network. The crop shows the hole, the context
    around it, and at least the network's native square. The network sees all unfilled pixels of the crop as hole. Only
    this hole's own pixels are pasted, and later crops see them. The soft edge is filled too, so that there is a fill to
    blend.

    A crop that is too large for the network is reduced. Only known pixels are averaged, so that no erased content leaks
    into what the network sees.

    Args:
        run: runs the network on one crop, see `Run`.
        grid: the crop sizes that the network takes.
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float in 0..1; above 0 is filled.
        grow: distance by which the mask is widened first, in pixels.
        feather: width of the soft edge around the grown mask, in pixels; 0 blends by the mask's own values.
        context: size of a crop relative to its hole: 2 shows twice the hole's width and height.
        most: longest side of a crop, in pixels; a larger crop is reduced to it. A network of fixed size ignores it.
        progress: called before each crop and at the end, with pictures done (a fraction) and pictures in total; an
            exception that it raises stops the fill.

    Raises:
        InpaintError: if image and mask do not fit each other, a setting is out of range, or memory runs out even with
            the smallest crop.
    """
    check_fits(image, mask)
    check_amount("grow", grow, "Use 0 for the mask as it is.")
    if most < LEAST:
        raise InpaintError(f"max_size: expected {LEAST} pixels or more, got {most}. 1024 suits most pictures.")
    weights = composite_mask(grow_mask(unexpand(mask), grow), feather)
    count, picture = len(image), Size(image.shape[2], image.shape[1])
    result = repeated(image, count)
    unusable, holes, plans = 0, 0, []
    windows = Windows(picture, grid, Context(context), most)
    for index, (frame, original) in enumerate(zip(result.split(1), image.split(1), strict=True)):
        weight = pick(weights, index).to(image.device)
        unfilled = weight > 0
        parts = parts_of(unfilled[0], windows)
        holes += parts.holes
        for number, box in enumerate(parts.boxes, 1):
            progress(index + (number - 1) / len(parts.boxes), count)
            plan, crop, windows = _filled(run, frame, unfilled, windows, box)
            rows, columns = plan.inside.slices
            own = parts.numbers[None, rows, columns] == number
            own_weight = torch.where(own, weight[:, rows, columns], 0)
            target, source = frame[:, rows, columns], original[:, rows, columns]
            unusable += paste_crop(target, source, crop, own_weight, _within(plan), False, None)
            unfilled[:, rows, columns] &= ~own
            plans.append(plan)
    progress(count, count)
    return Filled(result, weights.expand(count, -1, -1), unusable, tuple(plans), holes, most, windows.most)


def _filled(run: Run, frame: Tensor, unfilled: Tensor, windows: Windows, box: Box) -> tuple[Plan, Tensor, Windows]:
    """Run the network on the crop around one part, and halve the crop's size as long as memory runs out.

    Args:
        run: as in `fill_with`.
        frame: [1, H, W, C], the picture as filled so far.
        unfilled: [1, H, W] bool, the pixels that are still to be filled.
        windows: plans the crop.
        box: the smallest box around the part.

    Returns:
        the plan of the crop, the filled crop [1, h, w, 3], and the windows for the next crop: with a smaller `most` if
        memory ran out.
    """
    while True:
        plan = windows.plan(box)
        rows, columns = plan.inside.slices
        # Unfilled pixels become NaN, which scaling ignores, so they do not leak into their neighbours.
        known = frame[:, rows, columns, :3].float().masked_fill(unfilled[:, rows, columns, None], torch.nan)
        crop = scaled(known, _within(plan), "reflect", False).movedim(-1, 1)
        hole = ~crop.isfinite().all(dim=1, keepdim=True)
        output = run(crop.masked_fill(hole, 0), hole.to(crop.dtype))
        if output is not None:
            # Some networks change known pixels slightly.
            filled = torch.where(hole, output.to(crop), crop)
            return plan, filled.movedim(1, -1), windows
        side = max(plan.target.width, plan.target.height)
        if windows.grid.fixed or side <= LEAST:
            raise InpaintError(
                f"memory ran out while filling a crop of {plan.target} pixels, with no other model loaded. Close "
                "other programs, or choose a smaller network."
            )
        windows = windows._replace(most=max(side // 2, LEAST))


def _within(plan: Plan) -> Plan:
    """The same plan, for the part of the picture inside its box instead of the whole picture."""
    inside = plan.inside
    return Plan(plan.box.moved(-inside.x, -inside.y), plan.target, inside.size)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
