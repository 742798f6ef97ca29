"""Pasting repainted crops back. Pixels outside their masks stay bit-identical."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..compositing.paste import with_soft_edge
from ..core.alloc import repeated
from ..core.checks import as_bhw, check_amount, check_image, clear_near_zero, match_mask
from ..core.errors import InpaintError
from ..core.geometry import Box, Size, join
from ..core.progress import pulse, steps
from ..core.threads import one_thread
from ..imaging.kernels import Span
from ..imaging.padding import cut_mask
from ..imaging.resample import resampled
from ..masks.boxes import boxes_of
from .crop import Stitch, common_count, pick, size_of
from .crop_plan import Plan


class Finishing(Protocol):
    """Blends a crop with its original: what happens to a repainted crop before it is pasted."""

    @property
    def reach(self) -> int | None:
        """How far around the weight and the hole it reads pixels, in pixels; None: all of the crop."""

    def __call__(self, original: Tensor, repainted: Tensor, weight: Tensor, *, hole: Tensor) -> Tensor:
        """Blend.

        Args:
            original, repainted: [1, h, w, 3], float32 or wider, at the picture's scale: the part of the plan's box
                inside the picture, or what lies within `reach`. They may hold NaN or infinity, and must not be
                modified.
            weight: [1, h, w] in 0..1, of the repainted crop.
            hole: [1, h, w], above 0 where pixels were to be repainted, pasted or not.

        Returns:
            [1, h, w, 3]. Only used where the weight is above 0 and the repainted pixel is finite.
        """


# Smallest difference in aspect that is reported. Rounding to whole pixels causes smaller ones.
REPORTED_STRETCH = 0.005
# Up to this difference in size, as a log ratio, crops are reported: whoever scales a crop scales it by more.
MOST_CUT = 0.1


class Stitched(NamedTuple):
    """Pictures with their crops pasted back."""

    image: Tensor
    """[N, H, W, C], dtype, device and alpha of the originals."""
    weights: Tensor
    """[M, h, w] in 0..1: weight of the crop, inside the boxes of the stitch's plans; M is 1 or N."""
    unusable: int
    """Number of masked pixels left unchanged because the crop held NaN or infinity there."""


def stitch(
    record: Stitch, crops: Tensor, feather: float = 8.0, blend: Finishing | None = None, mask: Tensor | None = None
) -> Stitched:
    """Paste repainted crops back into their pictures.

    Args:
        record: from `crop`.
        crops: [K, h, w, C] float, at any size of the crops' aspect. An upscaled crop is reduced to the picture's scale.
            Its alpha is ignored.
        feather: width of the soft edge around the mask, in pixels of the original. It is reduced to the smallest margin
            between mask and crop border, so that the border does not show.
        blend: how original and crop are blended, see `Finishing`; None mixes them by the weight.
        mask: [M, h, w] float in 0..1, at any size: the pixels to paste, instead of the mask that was cropped. It covers
            the whole picture if it has the picture's size, or the picture's aspect and not the crop's. Otherwise it
            covers the crop.

    Returns:
        N = max(B, K, M, number of plans) pictures, B being the number of originals.

    Raises:
        InpaintError: if sizes do not match, or batch lengths are neither equal nor 1.
    """
    check_image(crops, "crop")
    check_aspect(crops, record.plans[0].target)
    check_feather(feather)
    masks = record.mask if mask is None else _over_boxes(mask, record.plans, size_of(crops))
    weights = weights_of(masks, record.plans, feather)
    count = common_count("stitch", images=record.image, crops=crops, masks=weights, boxes=record.plans)

    image = repeated(record.image, count)
    unusable = 0
    for index, place in enumerate(steps(image.split(1))):
        original, plan = pick(record.image, index), pick(record.plans, index)
        crop, weight = pick(crops, index), pick(weights, index)
        hole = pick(record.mask, index)
        unusable += paste_crop(place, original, crop, weight, plan, record.linear, blend, hole)
    return Stitched(image, weights, unusable)


@one_thread()
def weights_of(masks: Tensor, plans: Sequence[Plan], feather: float) -> Tensor:
    """Return the weights of the crops, from the masks [M, h, w] inside the plans' boxes; see `paste.composite_mask`.

    A soft edge cut off by a crop's border would show there as a line. So the feather is clamped to the smallest margin
    between mask and crop border over all frames, and the edge may become hard. Borders that the crop shares with the
    picture do not count. `feather=0` is different: it returns the masks' own values.
    """
    if feather == 0:
        return masks
    boxes = boxes_of(masks)
    count = common_count("stitch", masks=boxes, boxes=plans)
    width = min([feather, *(_margin(pick(boxes, index), pick(plans, index)) for index in range(count))])
    return with_soft_edge(masks, width) if width > 0 else (masks > 0).to(masks.dtype)


def on_picture(weights: Tensor, plans: Sequence[Plan]) -> Tensor:
    """Place weights [M, h, w] inside the plans' boxes into masks of the whole picture, 0 elsewhere.

    Returns:
        [N, H, W], N = max(M, number of plans).
    """
    picture = plans[0].picture
    count = common_count("stitch", masks=weights, boxes=plans)
    whole = weights.new_zeros(count, picture.height, picture.width)
    for index, mask in enumerate(whole):
        rows, columns = pick(plans, index).inside.slices
        mask[rows, columns] = pick(weights, index)[0]
    return whole


def check_feather(feather: float) -> None:
    """Check the width of a soft edge.

    Raises:
        InpaintError: if it is negative or not finite.
    """
    check_amount("feather", feather, "Use 0 for the mask's own values.")


def check_aspect(crops: Tensor, target: Size) -> None:
    """Check that crops [K, h, w, C] have nearly the aspect of `target`, the size they were cropped to.

    Raises:
        InpaintError: if they have another.
    """
    size = size_of(crops)
    if not size.is_like(target):
        raise InpaintError(
            f"crop: expected {target}, as it was cropped, or another size of that aspect, got {size}. "
            f"The step that changed its aspect may have cut it: connect the crop uncut, or resize it to {target}."
        )


def stretch_report(crops: Tensor, target: Size) -> list[str]:
    """Return one line for the user if crops [K, h, w, C] may have been cut: their size is almost that of `target`."""
    size = size_of(crops)
    stretch, scale = size.stretch(target), size.width / target.width
    if stretch < REPORTED_STRETCH:
        if scale == 1 or abs(math.log(scale)) > MOST_CUT:
            return []
        return [
            f"The crop came back as {size}, not as {target}: it was taken for the whole crop at {scale:.1%} of its "
            "size. If a step in between cut or padded it, it does not line up with the picture."
        ]
    return [
        f"The crop came back as {size}, not as {target} or another size of that aspect: it was stretched by "
        f"{stretch:.1%}. If a step in between cut it, it does not line up with the picture."
    ]


@torch.no_grad()
def paste_crop(
    place: Tensor,
    original: Tensor,
    crop: Tensor,
    weight: Tensor,
    plan: Plan,
    linear: bool,
    blend: Finishing | None = None,
    hole: Tensor | None = None,
) -> int:
    """Paste one crop back.

    Args:
        place: [1, H, W, C], the output, which already holds the original. Written where the weight is above 0.
        original: [1, H, W, C], only read.
        crop: [1, h, w, C] float, at any size of the target's aspect.
        weight: [1, h, w] in 0..1, over the part of the plan's box inside the picture.
        plan, linear: as in `Stitch`.
        blend: None mixes by the weight.
        hole: [1, h, w], for `blend`: the mask over the same part as the weight.

    Returns:
        the number of masked pixels left unchanged because the crop is not finite there.
    """
    inside, around = plan.inside, boxes_of(weight)[0]
    if around is None:
        return 0
    # What is around the mask is worked on only as far as it is read.
    read = _read(around, hole, inside.size, 0 if blend is None else blend.reach)
    rows, columns = read.slices
    weight, hole = weight[:, rows, columns], None if hole is None else hole[:, rows, columns]
    inside = read.moved(inside.x, inside.y)
    rows, columns = inside.slices
    place, original = place[:, rows, columns, :3], original[:, rows, columns, :3]
    with one_thread():
        repainted = _at_picture_scale(crop.to(place.device), plan, inside, linear)
        base = original.to(repainted.dtype)
        # Expanded to three contiguous channels: broadcasting over the last axis is several times slower.
        taken = (weight > 0)[..., None].expand(base.shape).contiguous()
        unusable = 0
        if not repainted.sum().isfinite():
            usable = repainted.isfinite().all(dim=-1, keepdim=True)
            unusable = int((taken[..., :1] & ~usable).sum())
            taken &= usable
        if blend is None:
            if not base.sum().isfinite():
                # A broken original pixel may be what the mask is to repair: it is replaced in full.
                base = torch.where(base.isfinite().all(dim=-1, keepdim=True), base, repainted)
            weights = weight.to(base)[..., None].expand(base.shape).contiguous()
            blended = torch.lerp(base, repainted, weights, out=weights)
    pulse()
    if blend is not None:
        assert hole is not None
        blended = blend(base, repainted, weight, hole=hole)
    with one_thread():
        # `where`, not arithmetic: x + 0 * y is not always bit-identical to x.
        torch.where(taken, blended.to(place.dtype), place, out=place)
    return unusable


def _read(around: Box, hole: Tensor | None, size: Size, reach: int | None) -> Box:
    """Return the part of a crop that is read to paste it.

    Args:
        around: box of the weight.
        hole: [1, h, w]; it is read as far as the weight.
        size: of the crop's part inside the picture.
        reach: as in `Finishing`.
    """
    if reach is None:
        return Box(0, 0, size.width, size.height)
    if not reach or hole is None:
        return around
    both = join([around, *boxes_of(hole)])
    assert both is not None
    return both.widened(reach, reach).within(size)


def _at_picture_scale(crop: Tensor, plan: Plan, part: Box, linear: bool) -> Tensor:
    """Scale a crop [1, h, w, C] back and cut out a part of the plan's box: [1, part.height, part.width, 3]."""
    colors, box = crop[..., :3], plan.box
    across, down = crop.shape[2] / box.width, crop.shape[1] / box.height
    x, y = part.x - box.x, part.y - box.y
    if across == down == 1:
        inside = part.moved(-box.x, -box.y).slices
        return colors[:, inside[0], inside[1]].to(torch.promote_types(crop.dtype, torch.float32))
    # `undo`: a crop that was enlarged gives the original pixels back.
    rows, columns = Span(y * down, part.height * down), Span(x * across, part.width * across)
    return resampled(colors, rows, columns, part.size, "reflect", linear, undo=True)


def _over_boxes(mask: Tensor, plans: Sequence[Plan], returned: Size) -> Tensor:
    """Resize masks that cover crops or whole pictures, and cut them to the parts of the plans' boxes in the picture."""
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


def _margin(mask: Box | None, plan: Plan) -> float:
    """Return the pixels between a mask and the nearest border of its crop that is not a border of the picture too."""
    if mask is None:
        return math.inf
    inside, picture = plan.inside, plan.picture
    margins = (
        (mask.x, inside.x > 0),
        (mask.y, inside.y > 0),
        (inside.width - mask.right, inside.right < picture.width),
        (inside.height - mask.bottom, inside.bottom < picture.height),
    )
    return min((margin for margin, counts in margins if counts), default=math.inf)
