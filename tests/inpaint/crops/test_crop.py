"""Crops and their way back.

Mutations seen to fail here: what is one repeated kept as many, or many as one; the record a view of the mask; the first
picture, mask, plan, crop or weight for all; the edge for reflect; the scale of another picture's size left out, or its
part rounded to pixels; float32 returned for float16; a mask averaged or interpolated where it shrinks, reduced where it
grows, faded at the picture's border, a rounding below or above 1, or not cleared beyond the picture; sizes and numbers
let through; another mask ignored, or its near-zero values taken; a feather cut off by a crop's border, on any side; the
window in the wrong place; pixels of weight 0 taken; NaN let in from either side, or counted for the last frame only;
all of the blend pasted, or multiplied; alpha for color; a crop of another aspect; the original not copied; the returned
crop written into; rows without a last one, columns likewise, boxes of what is 0.5 and more; a mask interpolated where
it grows by less than twice; another mask of the whole picture squeezed into the crop; a mask's own values taken where
the crop leaves its soft edge no room.
"""

import dataclasses

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from torch.nn.functional import adaptive_max_pool2d

from inpaint.compositing import composite_mask
from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Area, Box, Size, join
from inpaint.crops.crop import crop, crop_like
from inpaint.crops.crop_plan import Context, Plan, plan_box
from inpaint.crops.stitch import on_picture, stitch
from inpaint.masks.boxes import mask_boxes
from tests.inpaint.crops.finishing import Own

FEATHERS = st.one_of(st.just(0.0), st.floats(0.1, 9))
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.uint8)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def patch(height: int, width: int, box: Box, value: float = 1.0) -> torch.Tensor:
    mask = torch.zeros(1, height, width)
    rows, columns = box.slices
    mask[:, rows, columns] = value
    return mask


def ramp(height: int, width: int) -> torch.Tensor:
    """A picture whose colors tell where a pixel lies, from 0 at the first row or column's edge to 1 at the last's."""
    y, x = (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width
    down, across = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([across, down, (across + down) / 2], dim=-1)[None]


@st.composite
def scenes(draw):
    """A picture, a mask and a plan that keeps the scale."""
    batch, height, width = draw(st.integers(1, 3)), draw(st.integers(1, 40)), draw(st.integers(1, 40))
    channels, dtype = draw(st.sampled_from([3, 4])), draw(st.sampled_from(DTYPES))
    seed = draw(st.integers(0, 2**32 - 1))
    image = (random(batch, height, width, channels, seed=seed) - 0.2).to(dtype)
    image[random(batch, height, width, channels, seed=seed + 1) < 0.05] = -0.0
    mask = random(draw(st.sampled_from([1, batch])), height, width, seed=seed + 2)
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    mask[:, :top], mask[:, :, :left] = 0, 0
    mask[mask < draw(st.sampled_from([0.0, 0.5, 0.95, 1.0]))] = 0
    plan = plan_box(
        join(mask_boxes(mask)),
        Size(width, height),
        Context(draw(st.floats(1, 2)), draw(st.integers(0, 9))),
        multiple=draw(st.sampled_from([1, 8, 16])),
    )
    return image, mask, plan


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(scenes(), st.sampled_from(["reflect", "edge"]), FEATHERS)
def test_there_and_back_at_one_scale_changes_nothing(scene, border, feather):
    image, mask, plan = scene
    given_image, given_mask = image.clone(), mask.clone()
    cropped = crop(image, mask, plan, border)
    assert cropped.image.dtype == image.dtype
    assert cropped.image.shape == (len(image), plan.target.height, plan.target.width, image.shape[3])
    assert cropped.mask.shape == cropped.image.shape[:3]
    padding = plan.padding
    inside = np.s_[:, padding.top : plan.box.height - padding.bottom, padding.left : plan.box.width - padding.right]
    rows, columns = plan.inside.slices
    assert torch.equal(bits(cropped.image[inside]), bits(image[:, rows, columns]))
    assert torch.equal(cropped.mask[inside], mask[:, rows, columns].expand(len(image), -1, -1))
    beyond = cropped.mask.clone()
    beyond[inside] = 0
    assert not beyond.any()
    back = stitch(cropped.stitch, cropped.image, feather)
    assert back.image.dtype == image.dtype
    assert torch.equal(back.image, given_image)
    outside = (on_picture(back.weights, [plan]) == 0).expand(len(image), -1, -1)
    assert torch.equal(bits(back.image[outside]), bits(given_image[outside]))
    assert back.unusable == 0
    assert torch.equal(bits(image), bits(given_image))
    assert torch.equal(mask, given_mask)


@settings(max_examples=100, deadline=None)
@given(scenes(), FEATHERS, st.integers(8, 70), st.sampled_from([None, torch.nan, torch.inf]))
def test_outside_is_bit_identical_whatever_comes_back(scene, feather, side, bad):
    image, mask, plan = scene
    plan = dataclasses.replace(plan, target=plan.box.size)
    record = crop(image, mask, plan).stitch
    returned = random(len(image), round(plan.box.height * side / 30) or 1, round(plan.box.width * side / 30) or 1, 4)
    if abs(returned.shape[1] * plan.box.width / returned.shape[2] / plan.box.height - 1) > 0.04:
        returned = random(len(image), plan.box.height, plan.box.width, 4)
    if bad is not None:
        returned[random(*returned.shape, seed=1) < 0.1] = bad
    back = stitch(record, returned, feather)
    weight = on_picture(back.weights, record.plans).expand(len(image), -1, -1)
    assert torch.equal(bits(back.image[weight == 0]), bits(image[weight == 0]))
    assert torch.equal(bits(back.image[..., 3:]), bits(image[..., 3:]))
    assert torch.all(weight[(mask > 0).expand_as(weight)] > 0)
    assert back.image.isfinite().all()
    assert bad is not None or back.unusable == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_stitched_pixel_by_pixel(dtype):
    image, mask = random(1, 40, 50, 4).to(dtype), patch(40, 50, Box(20, 15, 9, 8), 0.3)
    plan = plan_box(Box(20, 15, 9, 8), Size(50, 40), Context(pixels=8))
    returned = random(1, plan.box.height, plan.box.width, 3, seed=1)
    back = stitch(crop(image, mask, plan).stitch, returned, feather=6)
    weight = composite_mask(mask, 6)[0]
    expected = image.double().clone()
    for y in range(40):
        for x in range(50):
            if weight[y, x] > 0:
                new = returned[0, y - plan.box.y, x - plan.box.x].double()
                expected[0, y, x, :3] = (1 - weight[y, x]) * expected[0, y, x, :3] + weight[y, x] * new
    tolerance = {torch.float16: 6e-4, torch.bfloat16: 5e-3}.get(dtype, 1e-6)
    torch.testing.assert_close(back.image.double(), expected, rtol=0, atol=tolerance)
    assert torch.equal(on_picture(back.weights, [plan])[0], weight)
    taken_by_its_values = stitch(crop(image, mask, plan).stitch, returned, feather=0)
    assert torch.equal(on_picture(taken_by_its_values.weights, [plan]), mask)


@pytest.mark.parametrize("side", range(4))
def test_the_nearest_border_counts(side):
    x, y = ((2, 10), (10, 2), (18, 10), (10, 18))[side]
    plan = Plan(Box(10, 10, 30, 30), Size(30, 30), Size(60, 60))
    mask = patch(60, 60, Box(10 + x, 10 + y, 10, 10))
    weight = stitch(crop(torch.zeros(1, 60, 60, 3), mask, plan).stitch, torch.zeros(1, 30, 30, 3), 8).weights
    assert torch.equal(weight, composite_mask(mask, 2)[:, 10:40, 10:40])


def test_a_crops_border_never_cuts_the_feather():
    mask = patch(60, 60, Box(20, 20, 20, 20))
    plan = plan_box(Box(20, 20, 20, 20), Size(60, 60), Context(pixels=3), multiple=1)
    weight = stitch(crop(torch.zeros(1, 60, 60, 3), mask, plan).stitch, torch.zeros(1, 26, 26, 3), 16).weights[0]
    # It falls from 1 at the mask to next to nothing at the border, instead of to 0.9.
    assert torch.all(weight[3:23, 3:23] == 1)
    assert 0 < weight[0, 10:16].max() < 0.1
    # Where the picture ends with the crop, nothing is cut.
    mask = patch(60, 60, Box(0, 20, 40, 40))
    plan = plan_box(Box(0, 20, 40, 40), Size(60, 60), Context(pixels=20), multiple=1)
    assert plan.box == Box(0, 0, 60, 60)
    weight = stitch(crop(torch.zeros(1, 60, 60, 3), mask, plan).stitch, torch.zeros(1, 60, 60, 3), 16).weights
    assert torch.equal(weight, composite_mask(mask, 16))


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean()))


@pytest.mark.parametrize("target", [Area.square(256), Area.square(512), Size(200, 200), Area.square(120)])
@pytest.mark.parametrize("box", [Box(150, 60, 150, 130), Box(0, 362, 150, 150)])
def test_scaled_there_and_back_keeps_more_than_torchs_bicubic(target, box):
    image = torch.from_numpy(skimage.data.astronaut()).float()[None] / 255
    plan = plan_box(box, Size(512, 512), Context(1.2), target)
    cropped = crop(image, patch(512, 512, box), plan)
    half = crop(image.half(), patch(512, 512, box).half(), plan)
    assert half.image.dtype == half.mask.dtype == torch.float16
    torch.testing.assert_close(half.image.float(), cropped.image, rtol=0, atol=1e-3)
    rows, columns = box.slices
    kept = psnr(stitch(cropped.stitch, cropped.image).image[:, rows, columns], image[:, rows, columns])
    for antialias in (False, True):
        rows, columns = plan.inside.slices
        cubic = image[:, rows, columns].movedim(-1, 1)
        for to in (plan.target, plan.box):
            size = (to.height, to.width)
            cubic = torch.nn.functional.interpolate(cubic, size, mode="bicubic", antialias=antialias)
        back = image.clone()
        back[:, rows, columns] = cubic.movedim(1, -1).clamp(0, 1)
        rows, columns = box.slices
        assert kept > psnr(back[:, rows, columns], image[:, rows, columns])
    # What was enlarged comes back as it was, but for a quarter of a step of 8 bit.
    assert plan.target.width < plan.box.width or kept > 60


@pytest.mark.parametrize("scale", [0.5, 1, 2, 3.3])
@pytest.mark.parametrize("target", [None, Area.square(96), Area.square(24)])
@pytest.mark.parametrize("box", [Box(20, 24, 18, 12), Box(0, 50, 10, 14)])
def test_nothing_moves(target, scale, box):
    image = ramp(64, 80)
    plan = plan_box(box, Size(80, 64), Context(pixels=9), target)
    cropped = crop(image, patch(64, 80, box), plan)
    # Each pixel of the crop has the color of its place.
    y = (plan.box.y + (torch.arange(plan.target.height) + 0.5) * plan.box.height / plan.target.height) / 64
    x = (plan.box.x + (torch.arange(plan.target.width) + 0.5) * plan.box.width / plan.target.width) / 80
    apart = max(plan.box.width / plan.target.width, 1) * 4 / 64
    rows, columns = (y > apart) & (y < 1 - apart), (x > apart) & (x < 1 - apart)
    assert rows.sum() > 4
    assert columns.sum() > 4
    within = cropped.image[0][rows][:, columns]
    torch.testing.assert_close(within[..., 1], y[rows, None].expand(-1, within.shape[1]), rtol=0, atol=2e-3)
    torch.testing.assert_close(within[..., 0], x[columns].expand(within.shape[0], -1), rtol=0, atol=2e-3)
    # And comes back to it from any size.
    size = (round(plan.target.height * scale), round(plan.target.width * scale))
    returned = torch.nn.functional.interpolate(cropped.image.movedim(-1, 1), size, mode="bilinear", antialias=True)
    back = stitch(cropped.stitch, returned.movedim(1, -1), feather=2).image
    far = np.s_[:, 10:-10, 10:-10]
    torch.testing.assert_close(back[far], image[far], rtol=0, atol=8e-3)


def test_a_picture_that_is_too_small_is_mirrored_and_only_itself_is_painted():
    image, mask = random(1, 20, 30, 3), torch.ones(1, 20, 30)
    plan = plan_box(Box(0, 0, 30, 20), Size(30, 20), target=Size(64, 64))
    assert plan.padding.bottom == 10
    same = dataclasses.replace(plan, target=plan.box.size)
    for border in ("reflect", "edge"):
        cropped = crop(image, mask, same, border)
        expected = np.pad(image[0].numpy(), ((0, 10), (0, 0), (0, 0)), mode=border)
        np.testing.assert_array_equal(cropped.image[0].numpy(), expected)
        assert torch.equal(cropped.mask[0, :20], mask[0])
        assert not cropped.mask[0, 20:].any()
    scaled = crop(image, mask, plan)
    assert torch.all(scaled.mask[0, :43] == 1)
    assert not scaled.mask[0, 43:].any()
    small = crop(image, mask, dataclasses.replace(plan, target=Size(8, 8))).mask
    assert torch.all(small[0, :6] == 1)  # 5.33 cells hold the picture
    assert not small[0, 6:].any()
    painted = stitch(scaled.stitch, torch.full((1, 128, 128, 3), 0.5)).image
    assert torch.equal(painted, torch.full_like(image, 0.5))
    padded = torch.from_numpy(np.pad(image.numpy(), ((0, 0), (0, 30), (0, 0), (0, 0)), mode="reflect"))
    larger = crop(padded, torch.zeros(1, 50, 30), dataclasses.replace(plan, picture=Size(30, 50)))
    torch.testing.assert_close(scaled.image, larger.image, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "masks", "crops", "boxes"),
    [(1, 1, 3, 1), (3, 1, 1, 1), (1, 3, 1, 1), (3, 3, 3, 1), (1, 1, 1, 3), (3, 1, 3, 3), (3, 3, 3, 3), (1, 3, 3, 3)],
)
@pytest.mark.parametrize("target", [None, Size(24, 24)])
def test_one_serves_many(images, masks, crops, boxes, target):
    image, mask = random(images, 30, 40, 4), torch.zeros(masks, 30, 40)
    for index, frame in enumerate(mask):
        frame[10 + index : 16, 12 : 18 + index] = 1
    plans = [plan_box(Box(12 + index, 10, 8, 8), Size(40, 30), Context(pixels=4), target) for index in range(boxes)]
    whole = crop(image, mask, plans)
    assert len(whole.image) == len(whole.mask) == max(images, masks, boxes)
    returned = random(crops, 24, 24, 3, seed=2)
    if crops == 1 or crops == len(whole.image):
        assert whole.image.shape[1:3] == (plans[0].target.height, plans[0].target.width)
    back = stitch(whole.stitch, returned, feather=2)
    assert len(back.image) == 3
    for index in range(3):
        one = crop(image[index % images][None], mask[index % masks][None], plans[index % boxes])
        if index < len(whole.image):
            assert torch.equal(one.image[0], whole.image[index])
            assert torch.equal(one.mask[0], whole.mask[index])
        alone = stitch(one.stitch, returned[index % crops][None], feather=2)
        assert torch.equal(alone.image[0], back.image[index])


def test_the_record_holds_the_picture_itself_and_no_canvas():
    image, mask = random(4, 64, 64, 3), patch(64, 64, Box(8, 8, 10, 10))
    record = crop(image, mask, plan_box(Box(8, 8, 10, 10), Size(64, 64))).stitch
    assert record.image.data_ptr() == image.data_ptr()
    assert record.mask.untyped_storage().nbytes() <= 4 * 16 * 16
    with pytest.raises(AttributeError):
        record.mask = mask  # type: ignore[misc]
    # A batch that is one picture again and again stays one.
    repeated = crop(image[:1].expand(4, -1, -1, -1), mask.expand(4, -1, -1), record.plans)
    assert len(repeated.stitch.image) == len(repeated.stitch.mask) == 1


@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_not_finite_in_the_crop_never_spreads(scale):
    image, mask = random(1, 40, 40, 3), patch(40, 40, Box(12, 12, 16, 16))
    plan = plan_box(Box(12, 12, 16, 16), Size(40, 40), Context(pixels=4))
    returned = torch.full((1, 24 * scale, 24 * scale, 3), 0.5)
    returned[0, 10 * scale : 12 * scale, 10 * scale : 14 * scale, 1] = torch.nan
    returned[0, 0] = torch.inf
    back = stitch(crop(image, mask, plan).stitch, returned, feather=2)
    assert back.unusable == 8
    twice = stitch(crop(image.expand(2, -1, -1, -1), mask, plan).stitch, returned.repeat(2, 1, 1, 1), feather=2)
    assert twice.unusable == 16
    expected = image.clone()
    expected[0, 12:28, 12:28] = 0.5
    hole = np.s_[0, 18:20, 18:22]
    expected[hole] = image[hole]
    inside = np.s_[0, 12:28, 12:28]
    torch.testing.assert_close(back.image[inside], expected[inside])
    assert torch.equal(back.image[hole], image[hole])


def test_what_is_not_finite_in_the_picture_is_repainted_where_masked_and_kept_elsewhere():
    image, mask = random(1, 40, 40, 3), patch(40, 40, Box(12, 12, 16, 16))
    image[0, 14, 14], image[0, 2, 2] = torch.nan, torch.inf
    plan = plan_box(Box(12, 12, 16, 16), Size(40, 40), Context(pixels=4))
    back = stitch(crop(image, mask, plan).stitch, torch.full((1, 48, 48, 3), 0.5), feather=2)
    assert torch.equal(back.image[0, 12:28, 12:28], torch.full((16, 16, 3), 0.5))
    assert torch.equal(bits(back.image[0, :10]), bits(image[0, :10]))


def test_a_mask_made_smaller_loses_nothing_and_one_made_larger_stays_full():
    mask = torch.zeros(1, 64, 64)
    mask[0, 31, 10:50] = 1  # a pixel wide
    plan = plan_box(None, Size(64, 64), target=Size(16, 16))
    small = crop(torch.zeros(1, 64, 64, 3), mask, plan).mask
    assert small.sum() == small[0, 7].sum() == 11
    solid = patch(64, 64, Box(8, 8, 48, 48))
    large = crop(torch.zeros(1, 64, 64, 3), solid, plan_box(None, Size(64, 64), target=Size(136, 136))).mask[0]
    assert torch.all(large[20:116, 20:116] == 1)
    assert torch.all(large[:14] == 0)
    assert 0 < large[16, 60] < large[17, 60] < 1
    for side in (10, 17, 31):
        plan = plan_box(None, Size(3, 3), target=Size(side, side), multiple=1)
        assert torch.all(crop(torch.zeros(1, 3, 3, 3), torch.ones(1, 3, 3), plan).mask == 1)


@pytest.mark.parametrize("target", [Size(65, 65), Size(72, 80), Size(127, 100), Size(128, 128)])
def test_a_mask_made_a_little_larger_keeps_its_single_pixels_and_thin_lines(target):
    mask = torch.zeros(1, 64, 64)
    mask[0].fill_diagonal_(1)
    mask[0, 10, 50] = 1
    scaled = crop(random(1, 64, 64, 3), mask, Plan(Box(0, 0, 64, 64), target, Size(64, 64))).mask
    patches, _ = label(scaled[0] >= 0.5, np.ones((3, 3)))
    if min(target.width, target.height) < 128:
        assert torch.equal(scaled, adaptive_max_pool2d(mask, (target.height, target.width)))
    assert patches.max() == 2
    assert patches[0, 0] == patches[-1, -1] != 0


def test_a_control_image_of_another_size_shows_the_same_part():
    picture, plan = ramp(64, 80), plan_box(Box(21, 25, 15, 11), Size(80, 64), Context(pixels=7), Area.square(48))
    expected = crop_like(picture, [plan])
    for height, width in ((64, 80), (32, 40), (96, 120), (200, 260)):
        other = crop_like(ramp(height, width), [plan])
        torch.testing.assert_close(other, expected, rtol=0, atol=2e-3)
    keeps = plan_box(Box(21, 25, 15, 11), Size(80, 64), Context(pixels=7))
    part = crop_like(ramp(128, 160), [keeps])
    torch.testing.assert_close(part, crop_like(picture, [keeps]), rtol=0, atol=2e-3)
    assert torch.equal(crop_like(picture, [keeps]), crop(picture, torch.zeros(1, 64, 80), keeps).image)


def test_a_blend_is_given_as_much_as_it_reads():
    image, mask = random(1, 80, 90, 3), patch(80, 90, Box(40, 30, 10, 12))
    plan = plan_box(Box(40, 30, 10, 12), Size(90, 80), Context(pixels=20))
    record = crop(image, mask, plan).stitch
    sizes, made = [], []
    for reach in (None, 3, 100):

        def blend(original, repainted, weight, hole):
            assert original.shape == repainted.shape == (*weight.shape, 3)
            assert torch.equal(hole > 0, weight >= 1)
            sizes.append(tuple(weight.shape[1:]))
            return original / 2

        made.append(stitch(record, random(1, 56, 56, 3), feather=4, blend=Own(blend, reach)).image)
    # The mask, 4 pixels of feather and 3 of reach on every side.
    assert sizes == [(56, 56), (12 + 2 * 7, 10 + 2 * 7), (56, 56)]
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])


def test_a_blend_of_ones_own():
    image, mask = random(1, 40, 40, 4), patch(40, 40, Box(12, 12, 16, 16))
    image[0, 14, 14], image[0, 9, 9] = torch.nan, torch.nan
    plan = plan_box(Box(12, 12, 16, 16), Size(40, 40), Context(pixels=4))
    returned = random(1, 24, 24, 3)
    returned[0, 8, 8], returned[0, 1, 1] = torch.nan, torch.nan
    seen = []

    def blend(original, repainted, weight, hole):
        assert torch.equal(hole, mask[:, 8:32, 8:32])
        seen.append((original, repainted, weight))
        return torch.full_like(original, 0.25)

    back = stitch(crop(image, mask, plan).stitch, returned, feather=2, blend=Own(blend))
    ((original, repainted, weight),) = seen
    assert original.shape == repainted.shape == (1, 24, 24, 3)
    # What is no number is left for the blend to see, so that it takes nothing from there.
    assert original.isnan().any(dim=-1).nonzero().tolist() == [[0, 1, 1], [0, 6, 6]]
    assert repainted.isnan().any(dim=-1).nonzero().tolist() == [[0, 1, 1], [0, 8, 8]]
    assert torch.equal(weight, back.weights)
    assert torch.equal(original[0, 9:], image[0, 17:32, 8:32, :3])
    whole = on_picture(back.weights, [plan])[0]
    expected = torch.where(whole[..., None] > 0, 0.25, image[0, ..., :3])
    expected[16, 16] = image[0, 16, 16, :3]
    assert torch.equal(bits(back.image[0, ..., :3]), bits(expected))
    assert back.unusable == 1


def test_another_mask_says_what_is_taken():
    image, mask = torch.zeros(1, 40, 40, 3), patch(40, 40, Box(12, 12, 16, 16))
    plan = plan_box(Box(12, 12, 16, 16), Size(40, 40), Context(pixels=4), Size(48, 48))
    record = crop(image, mask, plan).stitch
    painted = torch.zeros(1, 96, 96)
    painted[:, 20:40, 24:48] = 1
    back = stitch(record, torch.ones(1, 48, 48, 3), feather=0, mask=painted)
    assert torch.equal(back.image[0, ..., 0] >= 0.5, patch(40, 40, Box(14, 13, 6, 5))[0] > 0)
    near_zero = stitch(record, torch.ones(1, 48, 48, 3), feather=4, mask=torch.full((1, 48, 48), 0.004))
    assert torch.equal(near_zero.image, image)
    # Over a box that overhangs, too.
    plan = plan_box(Box(0, 30, 40, 10), Size(40, 40), target=Size(24, 48))
    assert plan.padding.top == 40
    painted = patch(80, 40, Box(10, 50, 5, 5))
    record = crop(image, patch(40, 40, Box(0, 30, 40, 10)), plan).stitch
    back = stitch(record, torch.ones(1, 48, 24, 3), feather=0, mask=painted)
    assert torch.equal(back.image[0, ..., 0], patch(40, 40, Box(10, 10, 5, 5))[0])


@pytest.mark.parametrize("height", [60, 90])
def test_another_mask_may_be_one_of_the_whole_picture(height):
    image, mask = random(1, height, 90, 3), patch(height, 90, Box(40, 20, 16, 16))
    plan = plan_box(Box(40, 20, 16, 16), Size(90, height), Context(pixels=4), Size(24, 24))
    record, returned = crop(image, mask, plan).stitch, random(1, 24, 24, 3)
    part = patch(height, 90, Box(44, 22, 5, 9))
    expected = stitch(
        record, returned, 2, mask=part[:, plan.inside.y : plan.inside.bottom, plan.inside.x : plan.inside.right]
    )
    assert torch.equal(stitch(record, returned, 2, mask=part).image, expected.image)
    assert (expected.weights == 1).sum() == 5 * 9


def test_another_mask_of_the_whole_picture_follows_a_box_that_moves():
    image, parts = random(3, 60, 90, 3), [Box(20 + 9 * frame, 22, 5, 9) for frame in range(3)]
    plans = [plan_box(part, Size(90, 60), Context(pixels=8), Size(24, 24)) for part in parts]
    assert len({plan.box.x for plan in plans}) == 3
    record = crop(image, torch.cat([patch(60, 90, part) for part in parts]), plans).stitch
    cells = [Box(part.x + 1, part.y + 1, 3, 3) for part in parts]
    for boxes in (cells, [Box(30, 24, 3, 3)]):
        masks = torch.cat([patch(60, 90, each) for each in boxes])
        back = stitch(record, random(3, 24, 24, 3), 0, mask=masks)
        assert torch.equal(on_picture(back.weights, plans), masks.expand(3, -1, -1))


def test_another_mask_is_of_the_crop_where_that_came_back_as_large_as_the_picture():
    image, mask = random(1, 72, 72, 3), patch(72, 72, Box(24, 24, 16, 16))
    plan = plan_box(Box(24, 24, 16, 16), Size(72, 72), Context(pixels=4), Size(24, 24))
    part = patch(72, 72, Box(12, 15, 30, 21))
    back = stitch(crop(image, mask, plan).stitch, random(1, 72, 72, 3), 0, mask=part)
    inside = plan.inside.slices
    assert torch.equal(on_picture(back.weights, [plan])[0][inside] >= 0.5, part[0, 1::3, 1::3] > 0)


@pytest.mark.parametrize("room", [0, 1])
def test_where_a_crop_leaves_no_room_the_edge_is_hard_and_what_is_soft_counts_in_full(room):
    image, mask = random(1, 40, 40, 3), patch(40, 40, Box(12, 12, 16, 16), 0.3)
    plan = plan_box(Box(12, 12, 16, 16), Size(40, 40), Context(pixels=room))
    returned = random(1, 16 + 2 * room, 16 + 2 * room, 3)
    back = stitch(crop(image, mask, plan).stitch, returned, 8)
    assert torch.equal(on_picture(back.weights, [plan]) == 1, mask > 0)
    soft = stitch(crop(image, mask, plan).stitch, returned, 0)
    assert torch.equal(on_picture(soft.weights, [plan]), mask)


def test_light_is_averaged_where_asked_for():
    checks = ((torch.arange(64)[:, None] + torch.arange(64)) % 2) * 0.6 + 0.2
    image, mask = checks[None, ..., None].expand(-1, -1, -1, 3), torch.ones(1, 64, 64)
    plan = plan_box(None, Size(64, 64), target=Size(16, 16))
    cropped = crop(image, mask, plan, linear=True)
    assert torch.allclose(cropped.image[0, 4:12, 4:12], torch.tensor(0.6), atol=1e-3)
    assert torch.allclose(crop(image, mask, plan).image[0, 4:12, 4:12], torch.tensor(0.5), atol=1e-3)
    fine = checks.repeat_interleave(1, 0)[None, ..., None].expand(-1, -1, -1, 3)
    small = plan_box(None, Size(16, 16), target=Size(64, 64))
    dark = torch.zeros(1, 16, 16, 3)
    for linear, expected in ((True, 0.6), (False, 0.5)):
        back = stitch(crop(dark, torch.ones(1, 16, 16), small, linear=linear).stitch, fine).image
        assert torch.allclose(back[0, 4:12, 4:12], torch.tensor(expected), atol=1e-3)


def test_an_empty_mask_crops_all_and_pastes_nothing():
    image, mask = random(1, 21, 30, 3), torch.zeros(1, 21, 30)
    assert mask_boxes(mask) == [None]
    cropped = crop(image, mask, plan_box(None, Size(30, 21), target=Area.square(64)))
    assert not cropped.mask.any()
    for blend in (None, Own(lambda original, repainted, weight, hole: repainted)):
        back = stitch(cropped.stitch, torch.ones_like(cropped.image), 8, blend)
        assert torch.equal(back.image, image)
        assert not back.weights.any()


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_boxes_of_masks(scene):
    _, mask, _ = scene
    for frame, box in zip(mask.numpy(), mask_boxes(mask), strict=True):
        places = np.argwhere(frame > 0)
        if box is None:
            assert not len(places)
        else:
            (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0)
            assert box == Box.between(left, top, right + 1, bottom + 1)


def test_errors_say_what_came():
    image, mask, plan = torch.zeros(2, 8, 9, 3), torch.zeros(1, 8, 9), plan_box(None, Size(9, 8), multiple=1)
    with pytest.raises(InpaintError, match=r"^crop: expected an image and a mask of 9x8, as planned, got 9x8 and 8x8"):
        crop(image, torch.zeros(1, 8, 8), plan)
    with pytest.raises(InpaintError, match=r"^crop: .* got 2 images, 3 masks, 1 boxes"):
        crop(image, torch.zeros(3, 8, 9), plan)
    with pytest.raises(InpaintError, match=r"^border: expected one of reflect, edge, got black"):
        crop(image, mask, plan, border="black")
    record = crop(image, mask, plan).stitch
    with pytest.raises(InpaintError, match=r"^crop: expected 9x8, .* got 18x8"):
        stitch(record, torch.zeros(1, 8, 18, 3))
    with pytest.raises(InpaintError, match=r"^stitch: .* got 2 images, 3 crops, 1 masks, 1 boxes"):
        stitch(record, torch.zeros(3, 8, 9, 3))
    with pytest.raises(InpaintError, match=r"^feather: expected 0 or more, got -1"):
        stitch(record, torch.zeros(2, 8, 9, 3), feather=-1)
    with pytest.raises(InpaintError, match=r"^crop: expected \[B, H, W, 3 or 4\]"):
        stitch(record, torch.zeros(8, 9, 3))
    with pytest.raises(InpaintError, match=r"^crop: .* got 2 images, 3 boxes"):
        crop_like(image, [plan] * 3)


def test_plans_are_values():
    plan = Plan(Box(0, 0, 4, 4), Size(4, 4), Size(4, 4))
    assert plan.inside == plan.box
