"""Several masked regions of a picture: each is cropped on its own, and all are pasted back into one picture.

Their masks may overlap if they come from different masks, as those of a detector do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.alloc import repeated, stacked, unexpand
from ..core.checks import check_choice, check_fits, check_image
from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..core.progress import steps
from ..imaging.padding import BORDERS
from .crop import check_whole, common_count, pick, scaled, scaled_mask
from .crop_plan import TIGHT, Context, Plan, Target, box_size, place, target_size
from .stitch import Finishing, check_aspect, check_feather, paste_crop, weights_of


@dataclass(frozen=True)
class RegionStitch:
    """All that is needed to paste the crops of regions back. Nothing in it is ever modified."""

    image: Tensor
    """[B, H, W, C], the pictures that were cropped; the same tensor, not a copy."""
    masks: tuple[Tensor, ...]
    """For each region its own mask [1, h, w] inside its plan's box, without other regions."""
    plans: tuple[Plan, ...]
    """For each region, where its crop was taken. All have the same target."""
    boxes: tuple[Box, ...]
    """For each region, the smallest box around its mask, in pixels of the picture."""
    frames: tuple[int, ...]
    """For each region, the index of its picture, 0..count - 1."""
    count: int
    """The number of pictures."""
    linear: bool = False
    """Whether resampling was done in linear light instead of sRGB."""


class CroppedRegions(NamedTuple):
    """One crop for each region, ordered by frame, then from top to bottom."""

    image: Tensor
    """[R, h, w, C], the crops."""
    mask: Tensor
    """[R, h, w], the crops' masks."""
    stitch: RegionStitch
    """Input of `stitch_regions`."""


class StitchedRegions(NamedTuple):
    """Pictures with the crops of their regions pasted back."""

    image: Tensor
    """[N, H, W, C], dtype, device and alpha of the originals."""
    mask: Tensor
    """[N, H, W] in 0..1, the weight of the crops at every pixel."""
    unusable: int
    """Number of masked pixels left unchanged because a crop held NaN or infinity there."""


def crop_regions(
    image: Tensor,
    mask: Tensor,
    context: Context = TIGHT,
    target: Target = None,
    multiple: int = 8,
    border: str = "reflect",
    linear: bool = False,
    max_regions: int = 64,
    one_picture: bool = True,
) -> CroppedRegions:
    """Crop each masked region of each picture, all to one size, so that one sampler takes them as a batch.

    Connected patches of a mask (above 0) whose boxes overlap, context included, form one region. The mask of a crop
    holds its own region only: other regions in view are kept. Patches of different masks never join.

    Args:
        image: [B, H, W, C] float, C = 3 or 4. B may be 1 for many masks.
        mask: [M, H, W] float in 0..1. M may be 1 for many images.
        context, target, multiple: as in `plan.plan_box`. An area takes the geometric mean of the regions' aspects.
        border, linear: as in `crop.crop`.
        max_regions: the most regions allowed in one picture.
        one_picture: many masks of one image are edits of one picture; False = of as many pictures as masks.

    Returns:
        the crops. If all masks are empty, one crop that shows the whole first picture.

    Raises:
        InpaintError: if sizes do not match, batch lengths are neither equal nor 1, or a picture has more than
            `max_regions` regions.
    """
    check_choice("border", border, BORDERS)
    image, mask = unexpand(image), unexpand(mask)
    check_fits(image[:1], mask[:1])
    count = common_count("crop", images=image, masks=mask)
    together = one_picture and len(image) == 1
    picture = Size(image.shape[2], image.shape[1])
    found: list[Region] = []
    frames: list[int] = []
    # For each region, the index of its mask.
    masks_of: list[int] = []
    for number in range(count):
        regions = regions_of(pick(mask, number)[0], context)
        found += regions
        frames += [0 if together else number] * len(regions)
        masks_of += [number] * len(regions)
        in_picture = frames.count(frames[-1]) if frames else 0
        if in_picture > max_regions:
            raise InpaintError(
                f"mask: expected at most {max_regions} regions, got {in_picture}. Remove specks with Clean "
                "Mask, widen the context so that near regions share a crop, or raise max_regions."
            )
    if not found:
        found = [Region(Box(0, 0, picture.width, picture.height), np.zeros(mask.shape[1:], bool))]
        frames, masks_of = [0], [0]

    shown = [context.around(region.box, picture) for region in found]
    size = target_size([box.size for box in shown], picture, target, multiple)
    plans = [
        Plan(place(box, box_size([box.size], size, target), picture, region.box), size, picture)
        for box, region in zip(shown, found, strict=True)
    ]
    masks = [
        region.mask(pick(mask, number), plan.inside)
        for region, number, plan in zip(found, masks_of, plans, strict=True)
    ]
    crops = stacked(len(found), lambda index: scaled(pick(image, frames[index]), plans[index], border, linear))
    crop_masks = stacked(len(found), lambda index: scaled_mask(masks[index], plans[index]))
    boxes = tuple(region.box for region in found)
    stitch = RegionStitch(image, tuple(masks), tuple(plans), boxes, tuple(frames), 1 if together else count, linear)
    return CroppedRegions(crops, crop_masks, stitch)


def regions_like(image: Tensor, record: RegionStitch, border: str = "reflect") -> Tensor:
    """Crop other pictures where the regions were taken: control images, another pass of the same scene.

    Args:
        image: [B, H, W, C] float, as in `crop.crop_like`. B is 1 or the number of pictures that were cropped.
        record: from `crop_regions`.
        border: as in `crop.crop`.

    Returns:
        [R, h, w, C], one crop for each region.

    Raises:
        InpaintError: if `image` is not a picture, has another aspect, or B does not match.
    """
    check_choice("border", border, BORDERS)
    check_whole(image, record.plans[0].picture)
    if len(image) not in (1, record.count):
        raise InpaintError(
            f"image: expected 1 or {record.count} pictures, as many as were cropped, got {len(image)}. Connect one for "
            "each picture, or one for all."
        )

    def cropped(index: int) -> Tensor:
        return scaled(pick(image, record.frames[index]), record.plans[index], border, record.linear)

    return stacked(len(record.plans), cropped)


def stitch_regions(
    record: RegionStitch, crops: Tensor, feather: float = 8.0, blend: Finishing | None = None
) -> StitchedRegions:
    """Paste the repainted crops of regions back into their pictures.

    Where the soft edges of two regions overlap, each pixel comes from the region with the larger weight there. Inside
    its own mask a region has full weight. So the order of pasting does not matter, and no region brings back what
    another has removed.

    Args:
        record: from `crop_regions`.
        crops: [R, h, w, C] float, one for each region in the order of `crop_regions`, at any size of the crops' aspect.
        feather, blend: as in `stitch.stitch`.

    Raises:
        InpaintError: if sizes do not match, or the number of crops is not R.
    """
    check_image(crops, "crops")
    if len(crops) != len(record.plans):
        raise InpaintError(
            f"crops: expected {len(record.plans)}, one for each region, got {len(crops)}. "
            "Connect the crops of Crop Regions, each sampled once."
        )
    check_aspect(crops, record.plans[0].target)
    check_feather(feather)
    full = [weights_of(mask, [plan], feather) for mask, plan in zip(record.masks, record.plans, strict=True)]
    weights = [_exclusive(record, full, index) for index in range(len(full))]

    image = repeated(record.image, record.count)
    taken = record.masks[0].new_zeros(image.shape[:3])
    unusable = 0
    found = list(zip(record.plans, record.frames, weights, strict=True))
    for number, (plan, frame, weight) in enumerate(steps(found)):
        place, original, crop = image[frame : frame + 1], pick(record.image, frame), crops[number : number + 1]
        unusable += paste_crop(place, original, crop, weight, plan, record.linear, blend, record.masks[number])
        rows, columns = plan.inside.slices
        part = taken[frame : frame + 1, rows, columns]
        torch.maximum(part, weight, out=part)
    return StitchedRegions(image, taken, unusable)


@dataclass(frozen=True)
class Region:
    """One or more connected patches of a mask that share a crop."""

    box: Box
    """The smallest box around the patches."""
    own: np.ndarray
    """[box.height, box.width] bool: the pixels of the patches."""

    def mask(self, mask: Tensor, inside: Box) -> Tensor:
        """Cut a mask [1, H, W] to `inside`, a box around this one, without other regions: [1, h, w]."""
        cut = mask.new_zeros(1, inside.height, inside.width)
        rows, columns = self.box.slices
        own = torch.from_numpy(self.own).to(mask.device)
        cut_rows, cut_columns = self.box.moved(-inside.x, -inside.y).slices
        cut[:, cut_rows, cut_columns] = torch.where(own, mask[:, rows, columns], 0)
        return cut


def regions_of(mask: Tensor, context: Context) -> list[Region]:
    """Find the regions of a mask [H, W], from top to bottom. Patches whose boxes overlap, context included, are one."""
    import cv2

    picture = Size(mask.shape[1], mask.shape[0])
    area = (mask > 0).cpu().numpy().view(np.uint8)
    patches, labels, stats, _ = cv2.connectedComponentsWithStats(area, connectivity=8)
    boxes = [Box(*stat[:4]) for stat in stats[1:].tolist()]
    region_of = np.arange(patches)
    while True:
        # Draw each box with its context, and join those that touch. A joined box has a larger context, which may reach
        # another one: repeat until nothing joins.
        drawn = np.zeros(area.shape, np.uint8)
        for box in boxes:
            rows, columns = context.around(box, picture).slices
            drawn[rows, columns] = 1
        _, joined = cv2.connectedComponents(drawn, connectivity=4)
        numbers = [int(joined[box.y, box.x]) for box in boxes]
        region_of = np.array([0, *numbers])[region_of]
        merged: dict[int, Box] = {}
        for number, box in zip(numbers, boxes, strict=True):
            merged[number] = merged.get(number, box).join(box)
        if len(merged) == len(boxes):
            break
        # Sorted by number, so that in the next round the region of box i is number i + 1.
        boxes = [merged[number] for number in sorted(merged)]
    found = [Region(box, region_of[labels[box.slices]] == number) for number, box in merged.items()]
    return sorted(found, key=lambda region: (region.box.y, region.box.x))


def _exclusive(record: RegionStitch, weights: list[Tensor], index: int) -> Tensor:
    """Return a region's weight, 0 where another region of its frame has more.

    On a tie the first from the top wins; of those with one corner, which only different masks have, the first mask's.
    """
    weight, inside, box = weights[index].clone(), record.plans[index].inside, record.boxes[index]
    for other, (plan, frame) in enumerate(zip(record.plans, record.frames, strict=True)):
        shared = inside.meet(plan.inside)
        if other == index or frame != record.frames[index] or shared is None:
            continue
        rows, columns = shared.moved(-inside.x, -inside.y).slices
        mine = weight[:, rows, columns]
        rows, columns = shared.moved(-plan.inside.x, -plan.inside.y).slices
        theirs = weights[other][:, rows, columns]
        before = (record.boxes[other].y, record.boxes[other].x, other) < (box.y, box.x, index)
        mine.masked_fill_(theirs >= mine if before else theirs > mine, 0)
    return weight
