"""Several masked regions of a picture, each cropped on its own, and all put back into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.alloc import one_of_equal, repeated, stacked
from ..core.checks import check_choice, check_fits, check_image
from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..imaging.padding import BORDERS
from .crop import check_whole, common_count, pick, scaled, scaled_mask
from .plan import TIGHT, Context, Plan, Target, box_size, place, target_size
from .stitch import Finishing, blend_of, check_aspect, paste_crop, weights_of


@dataclass(frozen=True)
class RegionStitch:
    """All that is needed to put the crops of regions back. Nothing here is ever changed.

    image: [B, H, W, C], the pictures that were cropped: the very tensor.
    masks: of each region the mask [1, h, w] inside its plan's box, of no other region.
    plans: where each was taken; one target for all.
    boxes: the smallest around each region's mask.
    frames: the picture that each is from, of `count` in all.
    linear: whether light was averaged in scaling, instead of its code.
    """

    image: Tensor
    masks: tuple[Tensor, ...]
    plans: tuple[Plan, ...]
    boxes: tuple[Box, ...]
    frames: tuple[int, ...]
    count: int
    linear: bool = False


class CroppedRegions(NamedTuple):
    """One crop a region, frame after frame and each from top to bottom: [R, h, w, C], its mask [R, h, w], and what puts
    them back."""

    image: Tensor
    mask: Tensor
    stitch: RegionStitch


class StitchedRegions(NamedTuple):
    """Pictures with the crops of their regions put back.

    image: [N, H, W, C], dtype, device and alpha of the originals.
    mask: [N, H, W], how much was pasted where.
    unusable: masked pixels that stayed as they were since a crop held NaN or infinity there.
    """

    image: Tensor
    mask: Tensor
    unusable: int


def crop_regions(
    image: Tensor,
    mask: Tensor,
    context: Context = TIGHT,
    target: Target = None,
    multiple: int = 8,
    border: str = "reflect",
    linear: bool = False,
    max_regions: int = 64,
) -> CroppedRegions:
    """Crop each masked region of each picture, all to one size, so that one sampler takes them as a batch.

    Patches of the mask (above 0) whose boxes overlap once they have their context are one region. A crop masks its own
    region only: what else it shows is kept.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [M, H, W] float in 0..1; of the two, one serves many.
        context, target, multiple: as in `geometry.plan_box`; an area takes the aspect in the middle of the regions'.
        border, linear: as in `crop.crop`.
        limit: more regions of one picture than this are refused.

    Returns:
        the crops; of an empty mask one, the whole of the first picture.

    Raises:
        InpaintError: if sizes or numbers do not fit, or there are more than `max_regions` regions in a picture.
    """
    check_choice("border", border, BORDERS)
    image, mask = one_of_equal(image), one_of_equal(mask)
    check_fits(image[:1], mask[:1])
    count = common_count("crop", images=image, masks=mask)
    picture = Size(image.shape[2], image.shape[1])
    found: list[Region] = []
    frames: list[int] = []
    for frame in range(count):
        regions = regions_of(pick(mask, frame)[0], context)
        if len(regions) > max_regions:
            raise InpaintError(
                f"mask: expected at most {max_regions} regions, got {len(regions)}. Remove specks with Clean "
                "Mask, widen the context so that near regions share a crop, or raise max_regions."
            )
        found += regions
        frames += [frame] * len(regions)
    if not found:
        found, frames = [Region(Box(0, 0, picture.width, picture.height), np.zeros(mask.shape[1:], bool))], [0]

    shown = [context.around(region.box, picture) for region in found]
    size = target_size([box.size for box in shown], picture, target, multiple)
    plans = [
        Plan(place(box, box_size([box.size], size, target), picture, region.box), size, picture)
        for box, region in zip(shown, found, strict=True)
    ]
    masks = [
        region.mask(pick(mask, frame), plan.inside) for region, frame, plan in zip(found, frames, plans, strict=True)
    ]
    crops = stacked(len(found), lambda index: scaled(pick(image, frames[index]), plans[index], border, linear))
    crop_masks = stacked(len(found), lambda index: scaled_mask(masks[index], plans[index]))
    boxes = tuple(region.box for region in found)
    stitch = RegionStitch(image, tuple(masks), tuple(plans), boxes, tuple(frames), count, linear)
    return CroppedRegions(crops, crop_masks, stitch)


def regions_like(image: Tensor, record: RegionStitch, border: str = "reflect") -> Tensor:
    """Crop other pictures where the regions were taken: control images, another pass of the same scene.

    Args:
        image: [B, H, W, C] float, as in `crop.crop_like`: one for each picture that was cropped, or one for all.
        record: from `crop_regions`.
        border: as in `crop.crop`.

    Returns:
        [R, h, w, C], one for each region.

    Raises:
        InpaintError: if `image` is not a picture, of another aspect, or there is another number of them.
    """
    check_choice("border", border, BORDERS)
    check_whole(image, record.plans[0].picture)
    if len(image) not in (1, record.count):
        raise InpaintError(
            f"image: expected 1 or {record.count}, as there were pictures, got {len(image)}. Connect one for each "
            "picture, or one for all."
        )

    def cropped(index: int) -> Tensor:
        return scaled(pick(image, record.frames[index]), record.plans[index], border, record.linear)

    return stacked(len(record.plans), cropped)


def stitch_regions(
    record: RegionStitch, crops: Tensor, feather: float = 8.0, blend: Finishing | None = None
) -> StitchedRegions:
    """Put the repainted crops of regions back into the pictures that they are from.

    Where soft edges of two regions meet, each pixel is that of the region with more weight there: a region's own mask
    has all of it. So the order of regions does not matter, and none shows what another has removed.

    Args:
        record: from `crop_regions`.
        crops: [R, h, w, C] float, as many as there are regions and in their order, at any size of the crops' aspect.
        feather, blend: as in `stitch.stitch`.

    Raises:
        InpaintError: if sizes or numbers do not fit.
    """
    check_image(crops, "crops")
    if len(crops) != len(record.plans):
        raise InpaintError(
            f"crops: expected {len(record.plans)}, one for each region, got {len(crops)}. "
            "Connect the crops of Crop Regions, each sampled once."
        )
    check_aspect(crops, record.plans[0].target)
    full = [weights_of(mask, [plan], feather) for mask, plan in zip(record.masks, record.plans, strict=True)]
    weights = [_own(record, full, index) for index in range(len(full))]

    image = repeated(record.image, record.count)
    taken = record.masks[0].new_zeros(image.shape[:3])
    unusable = 0
    for number, (plan, frame, weight) in enumerate(zip(record.plans, record.frames, weights, strict=True)):
        place, original, crop = image[frame : frame + 1], pick(record.image, frame), crops[number : number + 1]
        own = blend_of(blend, record.masks[number])
        unusable += paste_crop(place, original, crop, weight, plan, record.linear, own)
        rows, columns = plan.inside.slices
        part = taken[frame : frame + 1, rows, columns]
        torch.maximum(part, weight, out=part)
    return StitchedRegions(image, taken, unusable)


@dataclass(frozen=True)
class Region:
    """Some patches of a mask: the smallest box around them, and which of its pixels are theirs, bool."""

    box: Box
    own: np.ndarray

    def mask(self, mask: Tensor, inside: Box) -> Tensor:
        """The part of the mask [1, H, W] in a box around this one, without other regions: [1, h, w]."""
        cut = mask.new_zeros(1, inside.height, inside.width)
        rows, columns = self.box.slices
        own = torch.from_numpy(self.own).to(mask.device)
        there, across = self.box.moved(-inside.x, -inside.y).slices
        cut[:, there, across] = torch.where(own, mask[:, rows, columns], 0)
        return cut


def regions_of(mask: Tensor, context: Context) -> list[Region]:
    """Patches of a mask [H, W], those whose boxes overlap with their context taken together, from top to bottom."""
    import cv2

    picture = Size(mask.shape[1], mask.shape[0])
    area = (mask > 0).cpu().numpy().view(np.uint8)
    patches, labels, stats, _ = cv2.connectedComponentsWithStats(area, connectivity=8)
    boxes = [Box(*stat[:4]) for stat in stats[1:].tolist()]
    region_of = np.arange(patches)
    while True:
        # What is shown of each, drawn: what overlaps is one. That may need more context and reach the next.
        drawn = np.zeros(area.shape, np.uint8)
        for box in boxes:
            rows, columns = context.around(box, picture).slices
            drawn[rows, columns] = 1
        _, joined = cv2.connectedComponents(drawn, connectivity=4)
        numbers = [int(joined[box.y, box.x]) for box in boxes]
        region_of = np.array([0, *numbers])[region_of]
        together: dict[int, Box] = {}
        for number, box in zip(numbers, boxes, strict=True):
            together[number] = together.get(number, box).join(box)
        if len(together) == len(boxes):
            break
        # Numbered from 1, as the labels are that OpenCV gives.
        boxes = [together[number] for number in sorted(together)]
    found = [Region(box, region_of[labels[box.slices]] == number) for number, box in together.items()]
    return sorted(found, key=lambda region: (region.box.y, region.box.x))


def _own(record: RegionStitch, weights: list[Tensor], index: int) -> Tensor:
    """A region's weight where no other of its frame has more, or as much and lies before it in the picture."""
    weight, inside, box = weights[index].clone(), record.plans[index].inside, record.boxes[index]
    for other, (plan, frame) in enumerate(zip(record.plans, record.frames, strict=True)):
        shared = inside.meet(plan.inside)
        if other == index or frame != record.frames[index] or shared is None:
            continue
        rows, columns = shared.moved(-inside.x, -inside.y).slices
        mine = weight[:, rows, columns]
        rows, columns = shared.moved(-plan.inside.x, -plan.inside.y).slices
        theirs = weights[other][:, rows, columns]
        before = (record.boxes[other].y, record.boxes[other].x) < (box.y, box.x)
        mine.masked_fill_(theirs >= mine if before else theirs > mine, 0)
    return weight
