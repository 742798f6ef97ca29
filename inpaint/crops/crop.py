"""Cropping pictures around their masks, at the size that a model likes best; stitch.py puts the crops back."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, overload

import torch
import torch.nn.functional as F
from torch import Tensor

from ..compositing.pair import bands
from ..core.alloc import allocate, copy_of, one_of_equal, stacked
from ..core.checks import check_choice, check_image, check_mask
from ..core.errors import InpaintError
from ..core.geometry import Size
from ..imaging.kernels import Span
from ..imaging.padding import BORDERS, cut_image, cut_mask
from ..imaging.resample import resample
from .plan import Plan

Part = TypeVar("Part")


@dataclass(frozen=True)
class Stitch:
    """All that is needed to put crops back, and no copy of what is not cropped. Nothing here is ever changed.

    image: [B, H, W, C], the pictures that were cropped: the very tensor.
    mask: [M, h, w], the masks inside the plans' boxes, in pixels of the picture.
    plans: where each crop was taken. One plan serves all, and so do one picture and one mask.
    linear: whether light was averaged in scaling, instead of its code.
    """

    image: Tensor
    mask: Tensor
    plans: tuple[Plan, ...]
    linear: bool = False


class Cropped(NamedTuple):
    """Crops [N, h, w, C], their masks [N, h, w], and what puts them back."""

    image: Tensor
    mask: Tensor
    stitch: Stitch


def crop(
    image: Tensor, mask: Tensor, plans: Plan | Sequence[Plan], border: str = "reflect", linear: bool = False
) -> Cropped:
    """Crop pictures and masks as planned.

    At the picture's own scale a crop holds the picture's pixels, bit for bit. Otherwise pictures are scaled by Lanczos,
    made of the true pixels beyond the box where there are any; and masks so that nothing of them is lost: by the
    largest of the pixels that become one, or linearly between pixels that become several.

    Args:
        image: [B, H, W, C] float, C = 3 or 4; alpha is cropped along.
        mask: [M, H, W] float in 0..1.
        plans: one for all, or one for each; all to one target, from boxes of one size.
        border: what a box shows beyond the picture, as in `padding.cut_image`. The mask is 0 there.
        linear: average light in scaling, instead of its sRGB code.

    Returns:
        as many crops as there are of what there is most, in the image's dtype.

    Raises:
        InpaintError: if sizes do not fit, or neither of two batches is 1 and they differ.
    """
    check_choice("border", border, BORDERS)
    check_image(image)
    check_mask(mask)
    plans = (plans,) if isinstance(plans, Plan) else tuple(plans)
    size = plans[0].picture
    if any(size_of(part) != size for part in (image, mask)):
        raise InpaintError(
            f"crop: expected an image and a mask of {size}, as planned, got {size_of(image)} and {size_of(mask)}. "
            "Plan with the picture that is cropped, and resize the mask to it."
        )
    image, mask = one_of_equal(image), one_of_equal(mask)
    count = common_count("crop", images=image, masks=mask, boxes=plans)

    def inside(index: int) -> Tensor:
        return copy_of(cut_mask(pick(mask, index), pick(plans, index).inside))

    cropped = crop_like(image, plans, border, linear)
    parts = stacked(max(len(mask), len(plans)), inside)
    masks = stacked(len(parts), lambda index: scaled_mask(pick(parts, index), pick(plans, index)))
    stitch = Stitch(image, parts, plans, linear)
    return Cropped(cropped.expand(count, -1, -1, -1), masks.expand(count, -1, -1), stitch)


def crop_like(image: Tensor, plans: Sequence[Plan], border: str = "reflect", linear: bool = False) -> Tensor:
    """Crop other pictures where a stitch's crops were taken: a control image, another pass of the same scene.

    Args:
        image: [B, H, W, C] float. Where its size is not that of the picture the plans are for, it is taken for a
            smaller or larger copy of it: the crop shows the same part, down to fractions of its pixels.
        plans: of the stitch.
        border, linear: as in `crop`.

    Returns:
        [N, target's height, its width, C], N the larger of the two numbers, dtype of the image.

    Raises:
        InpaintError: if `image` is not a picture or of another aspect, or neither number is 1 and they differ.
    """
    check_whole(image, plans[0].picture)
    image = one_of_equal(image)
    count = common_count("crop", images=image, boxes=plans)
    return stacked(count, lambda index: scaled(pick(image, index), pick(plans, index), border, linear))


def check_whole(image: Tensor, picture: Size) -> None:
    """Accept pictures [B, H, W, C] that may show all of a picture of this size, enlarged or reduced.

    Raises:
        InpaintError: if it is not a picture, or of another aspect.
    """
    check_image(image)
    if not size_of(image).is_like(picture):
        raise InpaintError(
            f"image: expected {picture}, as the picture that was cropped, or that enlarged or reduced, got "
            f"{size_of(image)}. Connect a picture of the whole scene."
        )


@overload
def pick(parts: Tensor, index: int) -> Tensor: ...


@overload
def pick(parts: Sequence[Part], index: int) -> Part: ...


def pick(parts: Any, index: int) -> Any:
    """The one of a batch that belongs to a crop; of a tensor, as a batch of one."""
    index = index if len(parts) > 1 else 0
    return parts[index : index + 1] if isinstance(parts, Tensor) else parts[index]


def common_count(what: str, **batches: Sized) -> int:
    """How many there will be: the most of what is given. Of everything else there is as many, or one for all.

    Raises:
        InpaintError: if there is another number of something, or none.
    """
    counts = {name: len(batch) for name, batch in batches.items()}
    most = max(counts.values())
    if any(count not in (1, most) for count in counts.values()):
        got = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise InpaintError(f"{what}: expected as many of each, or one for all, got {got}. Connect batches that match.")
    return most


def scaled(image: Tensor, plan: Plan, border: str, linear: bool) -> Tensor:
    """A picture [1, H, W, C] as its crop, in memory of its own."""
    across, down = (image.shape[2] / plan.picture.width, image.shape[1] / plan.picture.height)
    box = plan.box
    if across == down == 1 and box.size == plan.target:
        return copy_of(cut_image(image, box, border))
    rows, columns = Span(box.y * down, box.height * down), Span(box.x * across, box.width * across)
    return resample(image, rows, columns, plan.target, border, linear).to(image.dtype)


def scaled_mask(inside: Tensor, plan: Plan) -> Tensor:
    """A mask inside a plan's box [1, h, w] as the crop's, in memory of its own."""
    box, target, padding = plan.box, plan.target, plan.padding
    around = (padding.left, padding.right, padding.top, padding.bottom)
    if box.size == target:
        return F.pad(inside, around) if any(padding) else copy_of(inside)
    # Beyond the picture's border as it is there, so that it does not fade; for a while.
    values, size = F.pad(inside[:, None].float(), around, mode="replicate"), (target.height, target.width)
    if target.width < box.width or target.height < box.height:
        result = F.adaptive_max_pool2d(values, size)
    elif target.width < 2 * box.width or target.height < 2 * box.height:
        # A mean would leave less than half of a single pixel, or of a thin slanted line.
        result = _largest_below(values, size)
    else:
        # Shares that add up to 1 only after rounding would make a little less than 1 of 1.
        result = F.interpolate(values, size, mode="bilinear").mul_(1 + 2**-20).clamp_(max=1)
    # Nothing is repainted that lies beyond the picture as a whole.
    left, right = (side * target.width // box.width for side in (padding.left, padding.right))
    top, bottom = (side * target.height // box.height for side in (padding.top, padding.bottom))
    result[..., :top, :], result[..., target.height - bottom :, :] = 0, 0
    result[..., :left], result[..., target.width - right :] = 0, 0
    return result[:, 0].to(inside.dtype)


def _largest_below(values: Tensor, size: tuple[int, int]) -> Tensor:
    """[..., H, W] enlarged: each new pixel is the largest of those it lies on, two at the most along a side.

    As `adaptive_max_pool2d`, but that takes twice its result besides, for indices.
    """
    ends = []
    for length, count in zip(values.shape[-2:], size, strict=True):
        places = torch.arange(count, device=values.device)
        ends.append((places * length // count, ((places + 1) * length - 1) // count))
    (top, bottom), (left, right) = ends
    result = allocate((*values.shape[:-2], *size), values)
    for rows in bands(*size):
        part = torch.maximum(values.index_select(-2, top[rows]), values.index_select(-2, bottom[rows]))
        result[..., rows, :] = torch.maximum(part.index_select(-1, left), part.index_select(-1, right))
    return result


def size_of(part: Tensor) -> Size:
    """Of pictures [B, H, W, C] or masks [B, H, W]."""
    return Size(part.shape[2], part.shape[1])
