"""Several regions of a picture, cropped apart and stitched into one.

Mutations seen to fail here: a limit of one for all, or one too low; the first frame's mask, picture or number for all;
nothing for an empty mask; the first region's mask for all, or all regions in each; a wrong number or aspect let
through; soft edges pasted over other regions and over their pasted crops, or the original put back over those; a blend
given what is pasted already; counts and weights of the last region only; patches joined by edges only; boxes joined
without their context, or once only, or the first of them for all; regions of other frames taken for neighbours; equal
weights taken by none, by both, or by the first in the batch; many masks of one picture joined, or of as many
pictures; a neighbour's weight from the wrong place; regions from
bottom to top; every box as large as the crop.
"""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from inpaint.compositing import composite_mask
from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Area, Box, Size
from inpaint.crops.crop import crop
from inpaint.crops.crop_plan import Context
from inpaint.crops.regions import RegionStitch, crop_regions, stitch_regions
from inpaint.crops.stitch import stitch
from inpaint.masks.boxes import mask_boxes
from tests.inpaint.crops.finishing import Own


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def patches(height: int, width: int, *boxes: Box, value: float = 1.0) -> torch.Tensor:
    mask = torch.zeros(1, height, width)
    for box in boxes:
        rows, columns = box.slices
        mask[:, rows, columns] = value
    return mask


def whole(record: RegionStitch, index: int) -> torch.Tensor:
    """A region's mask on its whole picture [H, W]."""
    plan = record.plans[index]
    mask = torch.zeros(plan.picture.height, plan.picture.width)
    rows, columns = plan.inside.slices
    mask[rows, columns] = record.masks[index][0].float()
    return mask


def test_two_patches_far_apart_are_two_regions_and_near_ones_one():
    far, near, last = Box(60, 5, 8, 6), Box(5, 20, 6, 6), Box(14, 22, 6, 6)
    mask = patches(50, 80, far, near, last)
    apart = crop_regions(torch.zeros(1, 50, 80, 3), mask, Context(pixels=1)).stitch
    assert apart.boxes == (far, near, last)
    joined = crop_regions(torch.zeros(1, 50, 80, 3), mask, Context(pixels=2)).stitch
    assert joined.boxes == (far, Box(5, 20, 15, 8))
    assert torch.equal(whole(joined, 1), patches(50, 80, near, last)[0])


def test_regions_grow_together_as_long_as_they_meet():
    # The first two meet; only both together, with half of their width around, reach the third.
    boxes = Box(10, 10, 20, 4), Box(36, 10, 20, 4), Box(70, 10, 4, 4)
    assert crop_regions(torch.zeros(1, 30, 120, 3), patches(30, 120, *boxes), Context(1.6)).stitch.boxes == (
        Box(10, 10, 64, 4),
    )
    assert len(crop_regions(torch.zeros(1, 30, 120, 3), patches(30, 120, *boxes[1:]), Context(1.6)).stitch.boxes) == 2


def test_a_crop_masks_its_own_region_only():
    # The box of the tall one grows to a square, and shows the other.
    mask = patches(60, 60, Box(5, 5, 6, 40), Box(30, 30, 6, 6))
    cropped = crop_regions(random(1, 60, 60, 3), mask, Context(pixels=4), Size(48, 48))
    assert len(cropped.image) == 2
    boxes = [plan.box for plan in cropped.stitch.plans]
    assert boxes[0].meet(Box(30, 30, 6, 6)) is not None
    assert torch.equal(whole(cropped.stitch, 0), patches(60, 60, Box(5, 5, 6, 40))[0])
    assert torch.equal(whole(cropped.stitch, 1), patches(60, 60, Box(30, 30, 6, 6))[0])
    inner = cropped.mask[0]
    assert inner.sum() == pytest.approx(240, rel=0.05)


def test_all_crops_have_one_size():
    mask = patches(200, 300, Box(10, 10, 40, 20), Box(200, 100, 20, 40))
    image = random(1, 200, 300, 3)
    kept = crop_regions(image, mask, Context(pixels=2))
    assert kept.image.shape == (2, 48, 48, 3)
    assert [plan.box.size for plan in kept.stitch.plans] == [Size(48, 48)] * 2
    for index, plan in enumerate(kept.stitch.plans):
        rows, columns = plan.box.slices
        assert torch.equal(kept.image[index], image[0, rows, columns])
        assert torch.equal(kept.mask[index], whole(kept.stitch, index)[rows, columns])
    # Of an aspect of 2 and one of 1/2 the middle is 1.
    scaled = crop_regions(image, mask, Context(), Area.square(64))
    assert scaled.image.shape == (2, 64, 64, 3)
    assert [plan.box.size for plan in scaled.stitch.plans] == [Size(40, 40)] * 2
    fitted = crop_regions(image, mask, Context(), Size(64, 32))
    assert [plan.box.size for plan in fitted.stitch.plans] == [Size(40, 20), Size(80, 40)]


@st.composite
def scenes(draw):
    batch, height, width = draw(st.integers(1, 2)), draw(st.integers(8, 60)), draw(st.integers(8, 60))
    dtype = draw(st.sampled_from([torch.float16, torch.float32]))
    seed = draw(st.integers(0, 2**32 - 1))
    image = random(batch, height, width, draw(st.sampled_from([3, 4])), seed=seed).to(dtype)
    mask = random(draw(st.sampled_from([1, batch])), height, width, seed=seed + 1)
    mask[mask < draw(st.sampled_from([0.98, 0.995, 1.0]))] = 0
    context = Context(draw(st.floats(1, 2)), draw(st.integers(0, 6)))
    return image, mask, context, draw(st.sampled_from([None, Size(24, 24), Area.square(16)]))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(scenes(), st.sampled_from([0.0, 0.5, 3.0, 9.0]))
def test_what_regions_promise(scene, feather):
    image, mask, context, target = scene
    before = image.clone(), mask.clone()
    cropped = crop_regions(image, mask, context, target, max_regions=10**6)
    record = cropped.stitch
    assert len(cropped.image) == len(cropped.mask) == len(record.plans)
    assert len({plan.target for plan in record.plans}) == 1
    # The regions are the mask, each pixel of it in one.
    total = torch.zeros(record.count, *mask.shape[1:])
    for index, frame in enumerate(record.frames):
        own = whole(record, index)
        assert not ((total[frame] > 0) & (own > 0)).any()
        total[frame] += own
        assert record.plans[index].box.join(context.around(record.boxes[index], record.plans[0].picture)) == (
            record.plans[index].box
        )
        assert mask_boxes(own[None])[0] in (record.boxes[index], None)
    assert torch.equal(total, mask.expand(record.count, -1, -1))
    # No two of a frame whose contexts overlap.
    for index, frame in enumerate(record.frames):
        for other in range(index):
            if record.frames[other] == frame:
                shown = [context.around(record.boxes[i], record.plans[0].picture) for i in (index, other)]
                assert shown[0].meet(shown[1]) is None
    back = stitch_regions(record, random(*cropped.image.shape[:3], 3, seed=5), feather)
    assert torch.equal(back.image[back.mask == 0], image.expand(record.count, -1, -1, -1)[back.mask == 0])
    assert torch.all(back.mask[total > 0] > 0)
    if target is None:
        same = stitch_regions(record, cropped.image, feather)
        assert torch.equal(same.image, image.expand(record.count, -1, -1, -1))
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])


def test_each_pixel_is_the_region_s_whose_weight_is_largest():
    boxes = Box(20, 20, 8, 8), Box(41, 20, 8, 8), Box(30, 40, 8, 8)
    image, mask = random(1, 70, 70, 3), patches(70, 70, *boxes)
    cropped = crop_regions(image, mask, Context(pixels=1), Size(64, 64))
    assert len(cropped.image) == 3
    colors = torch.tensor([0.1, 0.5, 0.9])
    # Larger boxes, so that soft edges meet.
    wide = [dataclasses.replace(plan, box=Box(0, 0, 70, 70)) for plan in cropped.stitch.plans]
    masks = [whole(cropped.stitch, index)[None] for index in range(3)]
    record = dataclasses.replace(cropped.stitch, plans=tuple(wide), masks=tuple(masks))
    crops = colors[:, None, None, None].expand(3, 70, 70, 3)
    back = stitch_regions(record, crops, feather=14)
    weights = torch.cat([composite_mask(own, 14) for own in masks])
    assert ((weights > 0).sum(dim=0) > 1).sum() > 100
    weight, owner = weights.max(dim=0)
    expected = torch.lerp(image[0], colors[owner][..., None].expand(-1, -1, 3), weight[..., None])
    clear = (weights == weight).sum(dim=0) == 1
    assert 0 < (~clear & (weight > 0)).sum() < 200
    torch.testing.assert_close(back.image[0][clear], expected[clear])
    assert torch.equal(back.mask[0], weight)
    # Whatever the order.
    order = [2, 0, 1]
    shuffled = dataclasses.replace(
        record,
        plans=tuple(record.plans[index] for index in order),
        masks=tuple(record.masks[index] for index in order),
        boxes=tuple(record.boxes[index] for index in order),
    )
    again = stitch_regions(shuffled, crops[order], feather=14)
    assert torch.equal(again.image, back.image)
    assert torch.equal(again.mask, back.mask)
    # A blend sees the original, whatever is pasted already.
    seen = []

    def blend(original, repainted, weight, hole):
        seen.append(original.clone())
        return repainted

    stitch_regions(record, crops, 14, Own(blend))
    assert len(seen) == 3
    assert all(torch.equal(original, image) for original in seen)
    # None paints over another's mask.
    for index, box in enumerate(boxes):
        rows, columns = box.slices
        assert torch.all(back.image[0, rows, columns] == colors[index])


def test_one_region_is_stitched_as_a_crop_is():
    image, mask = random(2, 60, 70, 4), patches(60, 70, Box(20, 20, 20, 12))
    cropped = crop_regions(image, mask, Context(1.5), Area.square(48))
    assert cropped.stitch.frames == (0, 1)
    alone = crop(image, mask, cropped.stitch.plans[0])
    assert torch.equal(cropped.image, alone.image)
    assert torch.equal(cropped.mask, alone.mask)
    returned = random(2, 2 * alone.image.shape[1], 2 * alone.image.shape[2], 3, seed=4)
    seen = []

    def blend(original, repainted, weight, hole):
        seen.append(weight)
        return repainted

    for how in (None, Own(blend)):
        expected = stitch(alone.stitch, returned, 5, how)
        assert torch.equal(stitch_regions(cropped.stitch, returned, 5, how).image, expected.image)
    assert len(seen) == 4


def test_each_picture_has_regions_of_its_own():
    image = random(2, 40, 60, 3)
    mask = torch.cat([patches(40, 60, Box(5, 5, 8, 8), Box(40, 20, 8, 8)), patches(40, 60, Box(20, 20, 8, 8))])
    cropped = crop_regions(image, mask)
    assert cropped.stitch.frames == (0, 0, 1)
    for index, frame in enumerate(cropped.stitch.frames):
        rows, columns = cropped.stitch.plans[index].box.slices
        assert torch.equal(cropped.image[index], image[frame, rows, columns])
    painted = stitch_regions(cropped.stitch, torch.full_like(cropped.image, 2.0), feather=0)
    assert torch.equal(painted.image == 2.0, (mask > 0)[..., None].expand_as(image))
    assert torch.equal(painted.mask, mask)
    # What lies in another picture is no neighbour.
    wide = crop_regions(image, mask, Context(pixels=6)).stitch
    colors = torch.tensor([0.1, 0.5, 0.9])[:, None, None, None].expand(3, 24, 24, 3)
    alone = crop_regions(image[1:], mask[1:], Context(pixels=6)).stitch
    assert torch.equal(stitch_regions(wide, colors).image[1:], stitch_regions(alone, colors[2:]).image)
    # One picture with two masks becomes two, if asked.
    one = crop_regions(image[:1], mask, one_picture=False)
    painted = stitch_regions(one.stitch, torch.full_like(one.image, 2.0), feather=0)
    assert torch.equal(painted.image, torch.where(mask[..., None] > 0, 2.0, image[:1]))
    assert one.stitch.image.data_ptr() == image.data_ptr()


def test_many_masks_are_edits_of_one_picture():
    """As a detector gives them: touching, overlapping, one empty, one twice."""
    boxes = Box(5, 5, 10, 10), Box(15, 5, 10, 10), Box(20, 8, 10, 10), Box(40, 20, 6, 6)
    mask = torch.cat([*(patches(40, 60, box) for box in boxes), torch.zeros(1, 40, 60), patches(40, 60, boxes[0])])
    image = random(1, 40, 60, 3)
    cropped = crop_regions(image, mask)
    record = cropped.stitch
    assert record.boxes == (*boxes, boxes[0])
    assert (record.frames, record.count) == ((0,) * 5, 1)
    assert cropped.mask.sum(dim=(1, 2)).tolist() == [100, 100, 100, 36, 100]
    values = [0.1, 0.3, 0.5, 0.7, 0.9]
    colors = torch.tensor(values)[:, None, None, None].expand_as(cropped.image)
    for feather in (0, 6):
        painted = stitch_regions(record, colors, feather)
        assert len(painted.image) == len(painted.mask) == 1
        # Where masks overlap, the first one from the top wins; of two in one place, the first mask.
        expected = torch.zeros(40, 60)
        for value, box in reversed(list(zip(values, record.boxes, strict=True))):
            expected[box.slices] = value
        within = expected > 0
        assert torch.equal(painted.image[0][within], expected[within][:, None].expand(-1, 3))
        outside = painted.mask[0] == 0
        assert torch.equal(painted.image[0][outside], image[0][outside])
    assert torch.equal(stitch_regions(record, cropped.image, 6).image, image)
    with pytest.raises(InpaintError, match="expected at most 4 regions, got 5"):
        crop_regions(image, mask, max_regions=4)
    # Masks of as many pictures stay with their pictures.
    assert crop_regions(image.repeat(6, 1, 1, 1), mask).stitch.frames == (0, 1, 2, 3, 5)


def test_an_empty_mask_is_one_crop_of_all_that_pastes_nothing():
    image = random(2, 20, 30, 3)
    cropped = crop_regions(image, torch.zeros(2, 20, 30), target=Area.square(32))
    assert len(cropped.image) == 1
    assert not cropped.mask.any()
    back = stitch_regions(cropped.stitch, torch.ones_like(cropped.image))
    assert torch.equal(back.image, image)


def test_diagonal_neighbours_are_one_patch():
    mask = torch.eye(12)[None]
    assert len(crop_regions(torch.zeros(1, 12, 12, 3), mask).stitch.boxes) == 1
    assert ndimage.label(mask[0].numpy(), np.ones((3, 3)))[1] == 1


def test_nan_in_one_crop_is_counted_and_kept_out():
    image, mask = random(1, 40, 60, 3), patches(40, 60, Box(5, 5, 8, 8), Box(40, 20, 8, 8))
    cropped = crop_regions(image, mask)
    returned = cropped.image.clone()
    returned[:, 2, 3] = torch.nan
    back = stitch_regions(cropped.stitch, returned)
    assert back.unusable == 2
    assert torch.equal(back.image, image)


def test_errors_say_what_came():
    image, mask = torch.zeros(1, 40, 60, 3), patches(40, 60, Box(5, 5, 8, 8), Box(40, 20, 8, 8))
    with pytest.raises(InpaintError, match=r"^mask: expected at most 1 regions, got 2\. Remove specks"):
        crop_regions(image, mask, max_regions=1)
    with pytest.raises(InpaintError, match=r"^mask: expected \[1, 40, 60\] to fit the image"):
        crop_regions(image, mask[:, :30])
    with pytest.raises(InpaintError, match=r"^crop: .* got 2 images, 3 masks"):
        crop_regions(image.repeat(2, 1, 1, 1), mask.repeat(3, 1, 1))
    with pytest.raises(InpaintError, match=r"^border: "):
        crop_regions(image, mask, border="black")
    record = crop_regions(image, mask, max_regions=2).stitch
    with pytest.raises(InpaintError, match=r"^crops: expected 2, one for each region, got 1"):
        stitch_regions(record, torch.zeros(1, 8, 8, 3))
    with pytest.raises(InpaintError, match=r"^crop: expected 8x8, "):
        stitch_regions(record, torch.zeros(2, 8, 16, 3))
