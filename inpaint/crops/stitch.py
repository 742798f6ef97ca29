"""Putting repainted crops back, so that what is outside their masks stays what it was, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..compositing import composite_mask
from ..core.alloc import repeated
from ..core.checks import as_bhw, check_amount, check_image, clear_near_zero, match_mask
from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..core.threads import one_thread
from ..imaging.kernels import Span
from ..imaging.padding import cut_mask
from ..imaging.resample import resample
from ..masks.boxes import mask_boxes
from .crop import Stitch, common_count, pick, size_of
from .plan import Plan

# original [1, h, w, 3], repainted [1, h, w, 3], weight [1, h, w] in 0..1 -> blended [1, h, w, 3]. All show the box in
# pixels of the picture; what comes is float32 or wider, may hold what is no number, and is not to be changed. Of what
# is returned only that counts which lies where the weight is above 0 and the repainted pixel is a number.
Blend = Callable[[Tensor, Tensor, Tensor], Tensor]


class Finishing(Protocol):
    """A `Blend` that is told of the hole as well, [1, h, w], above 0: what was to be repainted, pasted or not."""

    def __call__(self, original: Tensor, repainted: Tensor, weight: Tensor, *, hole: Tensor) -> Tensor: ...


# A difference in aspect from which on it is told; what is rounded to whole pixels differs by less.
TOLD_STRETCH = 0.005


class Stitched(NamedTuple):
    """Pictures with their crops put back.

    image: [N, H, W, C], dtype, device and alpha of the originals.
    weights: [M, h, w], how much was pasted, inside the boxes of the stitch's plans; M is 1 or N.
    unusable: masked pixels that stayed as they were since the crop held NaN or infinity there.
    """

    image: Tensor
    weights: Tensor
    unusable: int


def stitch(
    record: Stitch, crops: Tensor, feather: float = 8.0, blend: Finishing | None = None, mask: Tensor | None = None
) -> Stitched:
    """Put repainted crops back into the pictures that they are from.

    Args:
        record: from `crop`.
        crops: [K, h, w, C] float, at any size of the crops' aspect: an upscaled crop keeps what its detail is worth in
            the picture's pixels. Its alpha plays no part.
        feather: width of the soft edge around the mask, in pixels of the original. It is narrower where the crop ends
            within it, so that no crop's border shows.
        blend: how original and crop become one, see `Finishing`; None mixes them by the weight.
        mask: [M, h, w] float in 0..1: what was really repainted, or what to take of it, instead of the mask that was
            cropped. Over the whole picture where it has the picture's size, or its aspect and not the crop's; else over
            the crop. At any size.

    Returns:
        as many pictures as there are of what there is most.

    Raises:
        InpaintError: if sizes or numbers do not fit.
    """
    check_image(crops, "crop")
    check_aspect(crops, record.plans[0].target)
    masks = record.mask if mask is None else _over_boxes(mask, record.plans, size_of(crops))
    weights = weights_of(masks, record.plans, feather)
    count = common_count("stitch", images=record.image, crops=crops, masks=weights, boxes=record.plans)

    image = repeated(record.image, count)
    unusable = 0
    for index, place in enumerate(image.split(1)):
        original, plan = pick(record.image, index), pick(record.plans, index)
        crop, weight = pick(crops, index), pick(weights, index)
        own = blend_of(blend, pick(record.mask, index))
        unusable += paste_crop(place, original, crop, weight, plan, record.linear, own)
    return Stitched(image, weights, unusable)


def blend_of(blend: Finishing | None, hole: Tensor) -> Blend | None:
    """The blend of one crop, told of its hole."""
    return None if blend is None else partial(blend, hole=hole)


@one_thread()
def weights_of(masks: Tensor, plans: Sequence[Plan], feather: float) -> Tensor:
    """How much of each crop to take, by the masks [M, h, w] inside the plans' boxes; see `blend.composite_mask`.

    A soft edge that a crop's border cuts off would show there as a line. So it is as wide as the room between mask and
    border, the least of all frames', down to none; where the picture ends with the crop there is always room. A feather
    of 0 is another thing: the mask's own values.

    Raises:
        InpaintError: if `feather` is negative or not finite.
    """
    check_amount("feather", feather, "Use 0 for the mask's own values.")
    if feather == 0:
        return masks
    boxes = mask_boxes(masks)
    count = common_count("stitch", masks=boxes, boxes=plans)
    room = min([feather, *(_room(pick(boxes, index), pick(plans, index)) for index in range(count))])
    return composite_mask(masks, room) if room > 0 else (masks > 0).to(masks.dtype)


def on_picture(weights: Tensor, plans: Sequence[Plan]) -> Tensor:
    """Weights [M, h, w] inside the boxes of plans as masks of the whole picture, 0 elsewhere.

    Returns:
        [N, H, W], N the larger number.
    """
    picture = plans[0].picture
    count = common_count("stitch", masks=weights, boxes=plans)
    whole = weights.new_zeros(count, picture.height, picture.width)
    for index, mask in enumerate(whole):
        rows, columns = pick(plans, index).inside.slices
        mask[rows, columns] = pick(weights, index)[0]
    return whole


def check_aspect(crops: Tensor, target: Size) -> None:
    """Accept crops [K, h, w, C] of any size, but of the aspect that they were handed out with.

    Raises:
        InpaintError: if it is another.
    """
    size = size_of(crops)
    if not size.is_like(target):
        raise InpaintError(
            f"crop: expected {target}, as it was cropped, or that enlarged or reduced, got {size}. "
            "What changed its aspect may have cut it: give it back as it was, or resize it to that."
        )


def stretch_report(crops: Tensor, target: Size) -> list[str]:
    """A line where crops [K, h, w, C] came back in an aspect that is not quite the one they were handed out with."""
    size = size_of(crops)
    stretch = size.stretch(target)
    if stretch < TOLD_STRETCH:
        return []
    return [
        f"The crop came back as {size}, not as {target} or that enlarged: it was stretched by {stretch:.1%}. "
        "If something cut it on its way, it does not fit."
    ]


@torch.no_grad()
def paste_crop(
    place: Tensor, original: Tensor, crop: Tensor, weight: Tensor, plan: Plan, linear: bool, blend: Blend | None
) -> int:
    """Put one crop back.

    Args:
        place: [1, H, W, C], the picture to write into where the weight is above 0; it already holds the original.
        original: [1, H, W, C], which is read.
        crop: [1, h, w, C].
        weight: [1, h, w] inside the plan's box.
        plan, linear: as in `stitch`.
        blend: see `Blend`; None mixes them by the weight.

    Returns:
        the number of masked pixels that the crop had nothing finite for.
    """
    inside, around = plan.inside, mask_boxes(weight)[0]
    if around is None:
        return 0
    if blend is None:
        # A mix looks at no pixel but its own.
        rows, columns = around.slices
        weight, inside = weight[:, rows, columns], around.moved(inside.x, inside.y)
    rows, columns = inside.slices
    place, original = place[:, rows, columns, :3], original[:, rows, columns, :3]
    with one_thread():
        repainted = _over(crop.to(place.device), plan, inside, linear)
        base = original.to(repainted.dtype)
        # Three of each, one for each color: operators are several times slower on one that serves three.
        taken = (weight > 0)[..., None].expand(base.shape).contiguous()
        unusable = 0
        if not repainted.sum().isfinite():
            usable = repainted.isfinite().all(dim=-1, keepdim=True)
            unusable = int((taken[..., :1] & ~usable).sum())
            taken &= usable
        if blend is None:
            if not base.sum().isfinite():
                # It may well be what the mask is there for.
                base = torch.where(base.isfinite().all(dim=-1, keepdim=True), base, repainted)
            weights = weight.to(base)[..., None].expand(base.shape).contiguous()
            blended = torch.lerp(base, repainted, weights, out=weights)
    if blend is not None:
        blended = blend(base, repainted, weight)
    with one_thread():
        # Selected, not multiplied: x + 0 * y is not always the bits of x.
        torch.where(taken, blended.to(place.dtype), place, out=place)
    return unusable


def _over(crop: Tensor, plan: Plan, part: Box, linear: bool) -> Tensor:
    """A crop [1, h, w, C] in pixels of the picture, over a part of the plan's box: [1, part.height, part.width, 3]."""
    colors, box = crop[..., :3], plan.box
    across, down = crop.shape[2] / box.width, crop.shape[1] / box.height
    x, y = part.x - box.x, part.y - box.y
    if across == down == 1:
        inside = part.moved(-box.x, -box.y).slices
        return colors[:, inside[0], inside[1]].to(torch.promote_types(crop.dtype, torch.float32))
    # What was enlarged to become a crop comes back as it was.
    rows, columns = Span(y * down, part.height * down), Span(x * across, part.width * across)
    return resample(colors, rows, columns, part.size, "reflect", linear, undo=True)


def _over_boxes(mask: Tensor, plans: Sequence[Plan], returned: Size) -> Tensor:
    """Masks over crops, or over pictures, as ones over the parts of the plans' boxes that lie on the picture."""
    mask = as_bhw(mask)
    size, box, picture, target = size_of(mask), plans[0].box, plans[0].picture, plans[0].target
    of_picture = size == picture or (size.is_like(picture) and not size.is_like(target))
    if of_picture and size not in (returned, target):
        width, height, parts = picture.width, picture.height, [plan.inside for plan in plans]
    else:
        width, height, parts = box.width, box.height, [plan.inside.moved(-plan.box.x, -plan.box.y) for plan in plans]
    mask = clear_near_zero(match_mask(mask, height, width, len(mask)))
    if len(set(parts)) == 1:
        return cut_mask(mask, parts[0])
    count = common_count("stitch", masks=mask, boxes=parts)
    return torch.cat([cut_mask(pick(mask, index), pick(parts, index)) for index in range(count)])


def _room(mask: Box | None, plan: Plan) -> float:
    """Pixels between a mask and the nearest border of its crop that is not the picture's as well."""
    if mask is None:
        return math.inf
    inside, picture = plan.inside, plan.picture
    rooms = (
        (mask.x, inside.x > 0),
        (mask.y, inside.y > 0),
        (inside.width - mask.right, inside.right < picture.width),
        (inside.height - mask.bottom, inside.bottom < picture.height),
    )
    return min((room for room, ends in rooms if ends), default=math.inf)
