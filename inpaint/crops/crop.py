"""Cropping pictures around their masks, at the size that suits a model; stitch.py pastes the crops back."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, overload

import torch
import torch.nn.functional as F
from torch import Tensor

from ..compositing.pair import bands
from ..core.alloc import allocate, copy_of, stacked, unexpand
from ..core.checks import check_choice, check_image, check_mask
from ..core.errors import InpaintError
from ..core.geometry import Size
from ..imaging.kernels import Span
from ..imaging.padding import BORDERS, cut, cut_mask
from ..imaging.resample import resampled
from .crop_plan import Plan

Part = TypeVar("Part")


@dataclass(frozen=True)
class Stitch:
    """All that is needed to paste crops back. It shares the pictures' memory. Nothing in it is ever modified."""

    image: Tensor
    """[B, H, W, C], the pictures that were cropped; the same tensor, not a copy. B may be 1 for all crops."""
    mask: Tensor
    """[M, h, w], the masks inside the plans' boxes, at the picture's scale. M may be 1 for all crops."""
    plans: tuple[Plan, ...]
    """Where each crop was taken; one plan may serve all crops."""
    linear: bool = False
    """Whether resampling was done in linear light instead of sRGB."""


class Cropped(NamedTuple):
    """Crops, and what is needed to paste them back."""

    image: Tensor
    """[N, h, w, C], the crops."""
    mask: Tensor
    """[N, h, w], the crops' masks."""
    stitch: Stitch
    """Input of `stitch.stitch`."""


def crop(
    image: Tensor, mask: Tensor, plans: Plan | Sequence[Plan], border: str = "reflect", linear: bool = False
) -> Cropped:
    """Crop pictures and masks as planned.

    At the picture's own scale a crop holds the picture's pixels, bit-identical. At other scales pictures are resampled
    by Lanczos, which reads the real pixels beyond the box. Masks keep every masked pixel: each new pixel is the largest
    of those it covers, or a bilinear mix when the mask is enlarged at least twice.

    Args:
        image: [B, H, W, C] float, C = 3 or 4; alpha is cropped as well.
        mask: [M, H, W] float in 0..1.
        plans: one for all, or one for each. All have the same target and boxes of the same size.
        border: what a box shows beyond the picture, as in `padding.cut_image`. The mask is 0 there.
        linear: resample in linear light instead of sRGB.

    Returns:
        N = max(B, M, number of plans) crops, dtype of `image`.

    Raises:
        InpaintError: if image, mask and plans differ in size, or batch lengths are neither equal nor 1.
    """
    check_choice("border", border, BORDERS)
    check_image(image)
    check_mask(mask)
    plans = (plans,) if isinstance(plans, Plan) else tuple(plans)
    size = plans[0].picture
    if any(size_of(part) != size for part in (image, mask)):
        raise InpaintError(
            f"crop: expected an image and a mask of {size}, as planned, got {size_of(image)} and {size_of(mask)}. "
            "Make the plan with the picture that is cropped, and resize the mask to that picture."
        )
    image, mask = unexpand(image), unexpand(mask)
    count = common_count("crop", images=image, masks=mask, boxes=plans)

    def inside(index: int) -> Tensor:
        return copy_of(cut_mask(pick(mask, index), pick(plans, index).inside))

    cropped = _cropped(image, plans, border, linear)
    parts = stacked(max(len(mask), len(plans)), inside)
    masks = stacked(len(parts), lambda index: scaled_mask(pick(parts, index), pick(plans, index)))
    stitch = Stitch(image, parts, plans, linear)
    return Cropped(cropped.expand(count, -1, -1, -1), masks.expand(count, -1, -1), stitch)


def crop_like(image: Tensor, plans: Sequence[Plan], border: str = "reflect", linear: bool = False) -> Tensor:
    """Crop other pictures where a stitch's crops were taken: a control image, another pass of the same scene.

    Args:
        image: [B, H, W, C] float. A picture of another size is treated as a scaled copy of the planned one: the crop
            shows the same part, with sub-pixel accuracy.
        plans: `Stitch.plans`.
        border, linear: as in `crop`.

    Returns:
        [N, h, w, C], h and w of the target, N = max(B, number of plans), dtype of `image`.

    Raises:
        InpaintError: if `image` is not a picture or has another aspect, batch lengths are neither equal nor 1, or
            `border` is unknown.
    """
    check_choice("border", border, BORDERS)
    check_whole(image, plans[0].picture)
    return _cropped(unexpand(image), plans, border, linear)


def _cropped(image: Tensor, plans: Sequence[Plan], border: str, linear: bool) -> Tensor:
    count = common_count("crop", images=image, boxes=plans)
    return stacked(count, lambda index: scaled(pick(image, index), pick(plans, index), border, linear))


def check_whole(image: Tensor, picture: Size) -> None:
    """Check that pictures [B, H, W, C] have nearly the aspect of `picture`, at any size.

    Raises:
        InpaintError: if `image` is not a picture, or has another aspect.
    """
    check_image(image)
    if not size_of(image).is_like(picture):
        raise InpaintError(
            f"image: expected {picture}, the size of the picture that was cropped, or another size of that aspect, got "
            f"{size_of(image)}. Connect a picture of the whole scene."
        )


@overload
def pick(parts: Tensor, index: int) -> Tensor: ...


@overload
def pick(parts: Sequence[Part], index: int) -> Part: ...


def pick(parts: Any, index: int) -> Any:
    """Return item `index` of a batch, or the only item of a batch of one. A tensor's item keeps its batch axis of 1."""
    index = index if len(parts) > 1 else 0
    return parts[index : index + 1] if isinstance(parts, Tensor) else parts[index]


def common_count(what: str, **batches: Sized) -> int:
    """Return the common length of batches that have equal lengths or 1.

    Raises:
        InpaintError: if a batch has another length, or is empty.
    """
    counts = {name: len(batch) for name, batch in batches.items()}
    most = max(counts.values())
    if any(count not in (1, most) for count in counts.values()):
        got = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise InpaintError(
            f"{what}: expected batches of equal length, or of 1, got {got}. Connect batches that match, or one for all."
        )
    return most


def scaled(image: Tensor, plan: Plan, border: str, linear: bool) -> Tensor:
    """Crop a picture [1, H, W, C] and scale it to the target: [1, h, w, C], always a copy."""
    across, down = (image.shape[2] / plan.picture.width, image.shape[1] / plan.picture.height)
    box = plan.box
    if across == down == 1 and box.size == plan.target:
        return copy_of(cut(image, box, border))
    rows, columns = Span(box.y * down, box.height * down), Span(box.x * across, box.width * across)
    return resampled(image, rows, columns, plan.target, border, linear).to(image.dtype)


def scaled_mask(inside: Tensor, plan: Plan) -> Tensor:
    """Pad a mask [1, h, w] inside a plan's box to the box, and scale it to the target; always a copy."""
    box, target, padding = plan.box, plan.target, plan.padding
    around = (padding.left, padding.right, padding.top, padding.bottom)
    if box.size == target:
        return F.pad(inside, around) if any(padding) else copy_of(inside)
    # Border values are repeated while scaling, so that the mask does not fade there. They are cleared below.
    values, size = F.pad(inside[:, None].float(), around, mode="replicate"), (target.height, target.width)
    if target.width < box.width or target.height < box.height:
        result = F.adaptive_max_pool2d(values, size)
    elif target.width < 2 * box.width or target.height < 2 * box.height:
        # Interpolation would leave less than half of a single pixel, or of a thin slanted line.
        result = _largest_below(values, size)
    else:
        # Rounded weights may sum to slightly less than 1. The factor keeps fully masked pixels at 1.
        result = F.interpolate(values, size, mode="bilinear").mul_(1 + 2**-20).clamp_(max=1)
    # Pixels that lie entirely beyond the picture are not repainted.
    left, right = (side * target.width // box.width for side in (padding.left, padding.right))
    top, bottom = (side * target.height // box.height for side in (padding.top, padding.bottom))
    result[..., :top, :], result[..., target.height - bottom :, :] = 0, 0
    result[..., :left], result[..., target.width - right :] = 0, 0
    return result[:, 0].to(inside.dtype)


def _largest_below(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge [..., H, W] to `size`: each new pixel is the largest of those it covers, at most two along a side.

    Equals `adaptive_max_pool2d`, which would also allocate indices of twice the result's size.
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
    """Return the size of pictures [B, H, W, C] or masks [B, H, W]."""
    return Size(part.shape[2], part.shape[1])
