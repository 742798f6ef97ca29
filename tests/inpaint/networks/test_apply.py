"""Holes filled by networks that do something known: what they are shown, and what is taken of what they make.

Mutations seen to fail here: holes filled already not shown to the next crop; holes still to be filled shown; a crop
pasted over another's hole; the mirror image shown without its holes; what is erased let into a reduced crop; the soft
edge shown as known; the mask not grown; what the network makes of the known mixed into a reduced crop's fill; float16
brought to the network; a crop not made smaller where memory runs out, or only that one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Box
from inpaint.networks import Filled, Grid, fill_with

ANY, FIXED = Grid(native=64, multiple=8, fixed=False), Grid(native=64, multiple=64, fixed=True)
HARD: dict[str, Any] = {"grow": 0.0, "feather": 0.0}


class Painter:
    """A network that paints holes in the color 10 times the number of the crop, and remembers what it was shown. It
    ruins what is known, of which nothing may be taken."""

    def __init__(self, most: int = 10_000):
        self.shown: list[tuple[Tensor, Tensor]] = []
        self.most = most

    def __call__(self, image: Tensor, hole: Tensor) -> Tensor | None:
        assert image.shape == (1, 3, *hole.shape[2:])
        assert hole.shape[:2] == (1, 1)
        assert image.dtype == hole.dtype == torch.float32
        assert bool(((hole == 0) | (hole == 1)).all())
        assert image.isfinite().all()
        if max(image.shape) > self.most:
            return None
        self.shown.append((image.clone(), hole.clone()))
        return torch.where(hole > 0, 10.0 * len(self.shown), -99.0).expand_as(image)


def picture(height: int = 200, width: int = 300, batch: int = 1, channels: int = 3) -> Tensor:
    return torch.rand(batch, height, width, channels, generator=torch.Generator().manual_seed(0))


def mask(*boxes: Box, height: int = 200, width: int = 300) -> Tensor:
    made = torch.zeros(1, height, width)
    for box in boxes:
        made[0, *box.slices] = 1
    return made


def untouched(filled: Filled, image: Tensor) -> None:
    kept = filled.mask == 0
    assert filled.image.dtype == image.dtype
    assert torch.equal(filled.image[kept], image.expand(len(kept), -1, -1, -1)[kept])
    assert torch.equal(filled.image[..., 3:], image.expand(len(kept), -1, -1, -1)[..., 3:])


def test_a_hole_is_filled_and_nothing_else():
    image, hole = picture(), mask(Box(100, 60, 20, 10))
    before = image.clone(), hole.clone()
    network = Painter()
    filled = fill_with(network, ANY, image, hole, **HARD)
    untouched(filled, image)
    assert torch.equal(filled.mask, hole)
    assert (filled.image[hole > 0] == 10).all()
    assert torch.equal(image, before[0])
    assert torch.equal(hole, before[1])
    assert filled.messages() == ["1 hole filled in 1 crop."]
    ((shown, there),) = network.shown
    box = filled.plans[0].box
    assert shown.shape == (1, 3, 64, 64)
    assert torch.equal(there[0], hole[:, *box.slices])
    known = there.expand_as(shown) == 0
    assert torch.equal(shown[known], image[:, *box.slices].movedim(-1, 1)[known])  # bit for bit


def test_each_crop_sees_what_was_filled_before_it_and_no_hole():
    image = picture()
    boxes = Box(100, 60, 30, 20), Box(100, 90, 30, 20), Box(135, 75, 30, 20)  # too far apart for one crop
    hole = mask(*boxes)
    image[hole > 0] = 77  # what is to be erased
    network = Painter()
    filled = fill_with(network, ANY, image, hole, context=1.5, **HARD)
    untouched(filled, image)
    assert len(network.shown) == 3
    found = {float(value) for value in filled.image[hole > 0].unique()}
    assert found == {10.0, 20.0, 30.0}
    for number, box in zip((1, 3, 2), boxes, strict=True):  # from top to bottom
        assert (filled.image[0][box.slices] == 10 * number).all()
    for index, ((shown, _), plan) in enumerate(zip(network.shown, filled.plans, strict=True)):
        assert 77 not in shown
        earlier = {10.0 * number for number in range(1, index + 1)}
        assert {float(value) for value in shown.unique() if value > 1} == earlier
        assert plan.target == plan.box.size
    last, _ = network.shown[2]
    rows, columns = boxes[0].moved(-filled.plans[2].box.x, -filled.plans[2].box.y).slices
    assert (last[0, :, rows, columns][:, -4:] == 10).all()


def test_soft_edges_of_several_holes_are_mixed_once():
    image, hole = picture(), mask(Box(100, 60, 20, 20), Box(100, 95, 20, 20))
    filled = fill_with(Painter(), ANY, image, hole, context=2.5, grow=0, feather=5)
    assert len(filled.plans) == 2
    assert filled.plans[0].box.meet(Box(95, 90, 30, 30))  # where the other's are seen
    color = torch.full((1, 200, 300, 1), 10.0)
    color[:, 88:] = 20
    expected = image + (color - image) * filled.mask[..., None]
    torch.testing.assert_close(filled.image, torch.where(filled.mask[..., None] > 0, expected, image))


def test_a_thin_hole_across_the_picture_goes_on_from_cell_to_cell():
    image, hole = picture(width=400), mask(Box(0, 100, 400, 4), width=400)
    network = Painter()
    filled = fill_with(network, FIXED, image, hole, **HARD)
    untouched(filled, image)
    assert filled.messages() == ["1 hole filled in 13 crops."]
    for number in range(1, 14):
        assert (filled.image[0, 100:104, 32 * (number - 1) : 32 * number] == 10 * number).all()
    assert [float(shown[shown > 1].max()) for shown, _ in network.shown[1:]] == [10.0 * n for n in range(1, 13)]


def test_what_is_erased_never_shows_in_a_reduced_crop():
    image, hole = picture(600, 600), mask(Box(150, 200, 300, 200), height=600, width=600)
    image[hole > 0] = 1000
    for grid in (ANY, FIXED):
        network = Painter()
        filled = fill_with(network, grid, image, hole, most=128, **HARD)
        ((shown, there),) = network.shown
        assert shown.max() <= 1  # no share of a thousandth
        assert shown.min() >= 0
        reduction = filled.plans[0].target.width / filled.plans[0].box.width
        assert reduction < 0.3
        assert there.sum() == pytest.approx(300 * 200 * reduction**2, rel=0.05)
        assert "1 crop reduced to fit the network (lowest scale:" in filled.messages()[1]
        untouched(filled, image)
        assert (filled.image[0, 230:370, 180:420] - 10).abs().max() < 1e-3
        assert filled.image[hole > 0].min() >= 0  # nothing of what the network made of the known


@pytest.mark.parametrize("grid", [ANY, FIXED])
def test_beyond_a_small_picture_its_mirror_image_has_its_holes(grid):
    image, hole = picture(20, 30), mask(Box(20, 8, 6, 6), height=20, width=30)
    image[hole > 0] = 77
    network = Painter()
    filled = fill_with(network, grid, image, hole, **HARD)
    untouched(filled, image)
    ((shown, there),) = network.shown
    assert shown.shape[2:] == (64, 64)
    assert 77 not in shown
    assert there.sum() > 4 * 36


def test_the_soft_edge_is_filled_as_well_and_mixed():
    image, hole = picture(), mask(Box(100, 60, 20, 10))
    network = Painter()
    filled = fill_with(network, ANY, image, hole, grow=3, feather=6)
    distance = torch.from_numpy(ndimage.distance_transform_edt(hole[0] == 0))
    assert (filled.mask[0][distance <= 3] == 1).all()
    assert (filled.mask[0][distance >= 9.5] == 0).all()
    soft = (filled.mask > 0) & (filled.mask < 1)
    assert soft[0][(distance > 5) & (distance < 7)].all()
    untouched(filled, image)
    weight = filled.mask[..., None]
    torch.testing.assert_close(filled.image, torch.where(weight > 0, image + (10 - image) * weight, image))
    ((_, there),) = network.shown
    assert torch.equal(there[0], (filled.mask[:, *filled.plans[0].box.slices] > 0).float())


def test_a_soft_mask_is_mixed_by_its_own_values():
    hole = torch.linspace(0, 1, 300).expand(1, 200, -1)
    filled = fill_with(Painter(), ANY, picture(), hole, most=512, **HARD)
    assert torch.equal(filled.mask, hole)
    weight = hole[..., None]
    torch.testing.assert_close(filled.image, picture() + (10 - picture()) * weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [3, 4])
def test_dtype_and_alpha_are_the_picture_s(dtype, channels):
    image = picture(channels=channels).to(dtype)
    filled = fill_with(Painter(), ANY, image, mask(Box(100, 60, 20, 10)))
    untouched(filled, image)
    assert (filled.image[0, 65, 110, :3] == 10).all()


@pytest.mark.slow
def test_a_batch_is_filled_as_each_by_itself():
    images = picture(batch=4)
    holes = torch.cat([mask(Box(100, 60, 20, 10)), mask(Box(5, 5, 50, 80)), mask(), mask(Box(0, 0, 300, 200))])
    together = fill_with(smooth, ANY, images, holes)
    for index in range(4):
        alone = fill_with(smooth, ANY, images[index : index + 1], holes[index : index + 1])
        torch.testing.assert_close(together.image[index], alone.image[0], rtol=0, atol=1e-6)  # feathers of a batch
        torch.testing.assert_close(together.mask[index], alone.mask[0], rtol=0, atol=1e-6)
    assert torch.equal(together.image[2], images[2])
    one = mask(Box(100, 60, 20, 10)).expand(4, -1, -1)
    torch.testing.assert_close(fill_with(smooth, ANY, images, one).image[0], together.image[0], rtol=0, atol=1e-6)


def smooth(image: Tensor, hole: Tensor) -> Tensor:
    """A blur of what is known."""
    known = 1 - hole
    blurred = torch.nn.functional.avg_pool2d(torch.cat([image * known, known], 1), 31, 1, 15)
    return blurred[:, :3] / blurred[:, 3:].clamp(min=1e-6)


def test_an_empty_and_a_full_mask():
    network, image = Painter(), picture()
    filled = fill_with(network, ANY, image, mask())
    assert torch.equal(filled.image, image)
    assert network.shown == []
    assert filled.messages() == ["The mask is empty: nothing was filled."]
    filled = fill_with(network, ANY, image, torch.ones(1, 200, 300))
    assert (filled.image == 10).all()
    ((shown, there),) = network.shown
    assert (there == 1).all()
    assert (shown == 0).all()


def test_pixels_that_are_no_numbers():
    image, hole = picture(), mask(Box(100, 60, 20, 10))
    image[0, 50, 100] = torch.nan  # beside the hole: it spoils nothing, and is left
    network = Painter()
    filled = fill_with(network, ANY, image, hole, **HARD)
    ((_, there),) = network.shown
    assert there.sum() == 20 * 10 + 1
    assert filled.image[0, 50, 100].isnan().all()
    assert (filled.image[hole > 0] == 10).all()

    broken = fill_with(lambda image, hole: torch.full_like(image, torch.nan), ANY, picture(), hole, **HARD)
    assert broken.unusable == 200
    assert torch.equal(broken.image, picture())


def test_crops_are_smaller_where_memory_runs_out():
    image, hole = picture(600, 600), mask(Box(50, 50, 200, 150), Box(380, 380, 200, 200), height=600, width=600)
    network = Painter(most=200)
    filled = fill_with(network, ANY, image, hole, **HARD)
    assert [max(shown.shape) for shown, _ in network.shown] == [176, 176]  # half of 352, and kept to
    assert filled.most == 176
    assert filled.messages()[0] == "2 holes filled in 2 crops."
    assert filled.messages()[-1] == "Memory ran out: crops were reduced to 176 pixels at most."
    untouched(filled, image)
    assert (filled.image[0, 100:150, 100:200] - 10).abs().max() < 1e-3
    assert (filled.image[0, 430:530, 430:530] - 20).abs().max() < 1e-3


@pytest.mark.parametrize(("grid", "crop"), [(ANY, "64x64"), (FIXED, "64x64")])
def test_no_room_for_the_smallest_crop(grid, crop):
    with pytest.raises(
        InpaintError, match=rf"^memory ran out while filling a crop of {crop} pixels, with no other model"
    ):
        fill_with(lambda image, hole: None, grid, picture(), mask(Box(100, 60, 20, 10)))


def test_the_share_that_is_done_and_an_end_before_it():
    progress: list[tuple[float, int]] = []
    images, holes = picture(batch=2), mask(Box(10, 10, 5, 5), Box(200, 150, 5, 5)).expand(2, -1, -1)
    fill_with(Painter(), ANY, images, holes, progress=lambda *parts: progress.append(parts))
    assert progress == [(0, 2), (0.5, 2), (1, 2), (1.5, 2), (2, 2)]

    class Stopped(BaseException):
        pass

    def stop(done: float, total: int) -> None:
        if done > 0.8:
            raise Stopped

    network = Painter()
    with pytest.raises(Stopped):
        fill_with(network, ANY, images, holes, progress=stop)
    assert len(network.shown) == 2


def test_settings_that_cannot_be():
    hole = mask(Box(1, 1, 5, 5))
    with pytest.raises(InpaintError, match=r"^max_size: expected 64 pixels or more, got 8"):
        fill_with(Painter(), ANY, picture(), hole, most=8)
    with pytest.raises(InpaintError, match=r"^grow: expected 0 or more, got -1"):
        fill_with(Painter(), ANY, picture(), hole, grow=-1)
    with pytest.raises(InpaintError, match=r"^context factor: expected 1 or more, got 0.5"):
        fill_with(Painter(), ANY, picture(), hole, context=0.5)
    with pytest.raises(InpaintError, match=r"^mask: expected .* to fit the image"):
        fill_with(Painter(), ANY, picture(), hole[:, 1:])


def plane(image: Tensor, hole: Tensor) -> Tensor:
    """The plane through what is known, by least squares."""
    height, width = image.shape[2:]
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1)
    known = hole[0, 0] == 0
    found = torch.linalg.lstsq(places[known], image[0].movedim(0, -1)[known].double()).solution
    return (places @ found).movedim(-1, 0)[None].float()


@pytest.mark.parametrize("grid", [ANY, FIXED])
def test_a_reduced_crop_comes_back_to_its_place(grid):
    y, x = np.mgrid[0:600, 0:600]
    image = torch.from_numpy(np.stack([x / 600, y / 600, (x + y) / 1200], -1)).float()[None]
    hole = mask(Box(150, 200, 300, 200), height=600, width=600)
    erased = torch.where(hole[..., None] > 0, 0, image)
    filled = fill_with(plane, grid, erased, hole, most=256)
    assert filled.plans[0].target.width < filled.plans[0].box.width
    assert (filled.image - image).abs().max() < 0.002  # a pixel is 1/600
