"""Masks at a latent's resolution, against brute force over cells and frames.

Mutations seen to fail here: average instead of maximum; bilinear resize instead of pooling; a mask batch read as
frames; the first frame pooled with others; groups of frames one too long.
"""

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.masks import grow_cells, in_pixels, pool


def _cells(mask, ratio, take=torch.amax):
    height, width = mask.shape[-2] // ratio, mask.shape[-1] // ratio
    return torch.tensor(
        [
            [float(take(mask[y * ratio : (y + 1) * ratio, x * ratio : (x + 1) * ratio])) for x in range(width)]
            for y in range(height)
        ]
    )


@pytest.mark.parametrize("ratio", [1, 8, 16, 32])
def test_pool_takes_the_largest_value_of_every_cell(ratio):
    mask = torch.rand(2, 3 * ratio, 5 * ratio, generator=torch.Generator().manual_seed(ratio)) ** 8
    pooled = pool(mask, (2, 4, 3, 5))
    assert pooled.shape == (2, 1, 3, 5)
    for one, cells in zip(mask, pooled, strict=True):
        assert torch.equal(cells[0], _cells(one, ratio))
    for one, cells in zip(mask, pool(mask, (2, 4, 3, 5), "area"), strict=True):
        torch.testing.assert_close(cells[0], _cells(one, ratio, torch.mean))


def test_a_one_pixel_stroke_survives():
    mask = torch.zeros(1, 64, 64)
    mask[0, 17, 3:60] = 1
    assert torch.equal(pool(mask, (1, 4, 8, 8))[0, 0].sum(dim=1), torch.tensor([0.0, 0, 8, 0, 0, 0, 0, 0]))


def test_zero_stays_zero_and_any_size_is_pooled():
    assert not pool(torch.zeros(1, 64, 64), (1, 4, 97, 129)).any()
    assert pool(torch.ones(1, 769, 1023), (1, 4, 96, 127)).eq(1).all()


def test_frames():
    masks = torch.rand(3, 16, 16)
    video = pool(masks, (1, 16, 3, 2, 2))
    assert video.shape == (1, 1, 3, 2, 2)
    assert torch.equal(video[0, 0], pool(masks, (3, 4, 2, 2))[:, 0])
    batch = pool(masks, (3, 16, 1, 2, 2))
    assert batch.shape == (3, 1, 1, 2, 2)
    assert torch.equal(batch[:, :, 0], pool(masks, (3, 4, 2, 2)))
    kept = torch.rand(2, 1, 3, 16, 16)
    pooled = pool(kept, (2, 16, 3, 2, 2))
    assert pooled.shape == (2, 1, 3, 2, 2)
    assert torch.equal(pooled[1, 0], pool(kept[1, 0], (3, 4, 2, 2))[:, 0])
    with pytest.raises(InpaintError, match=r"expected 1 or 2 \(the batch\) masks, got 3"):
        pool(masks, (2, 16, 5, 2, 2))


@pytest.mark.parametrize("take", ["max", "area"])
@pytest.mark.parametrize("ratio", [4, 8])
def test_frames_of_a_video_are_taken_together_as_video_vaes_do(take, ratio):
    video = torch.rand(1 + 3 * ratio, 16, 24)
    each = pool(video, (len(video), 16, 2, 3), take)
    pooled = pool(video, (1, 16, 4, 2, 3), take)
    assert pooled.shape == (1, 1, 4, 2, 3)
    assert torch.equal(pooled[0, 0, 0], each[0, 0])
    for number in range(3):
        group = each[1 + number * ratio : 1 + (number + 1) * ratio, 0]
        torch.testing.assert_close(pooled[0, 0, 1 + number], group.amax(dim=0) if take == "max" else group.mean(dim=0))
    videos = pool(video[None, None].expand(2, -1, -1, -1, -1), (2, 16, 4, 2, 3), take)
    assert torch.equal(videos, pooled.expand(2, -1, -1, -1, -1))


def test_other_numbers_of_frames_are_refused():
    with pytest.raises(InpaintError, match=r"expected 1 mask, 4, or 1 \+ n x 3 for a latent of 4 frames, got 6"):
        pool(torch.zeros(6, 8, 8), (1, 16, 4, 1, 1))
    with pytest.raises(InpaintError, match=r"expected 1 mask for a latent of 1 frames, got 6"):
        pool(torch.zeros(6, 8, 8), (1, 16, 1, 1, 1))
    with pytest.raises(InpaintError, match=r"^take: expected one of max, area, got min"):
        pool(torch.zeros(1, 8, 8), (1, 16, 1, 1), "min")


@pytest.mark.parametrize("shape", [(2, 1, 7, 9), (2, 1, 3, 7, 9)], ids=str)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_grow_cells_takes_the_largest_value_around(shape, count):
    cells = torch.rand(shape, generator=torch.Generator().manual_seed(count)) ** 6
    grown = grow_cells(cells, count)
    assert grown.shape == shape
    for y in range(7):
        for x in range(9):
            around = cells[..., max(y - count, 0) : y + count + 1, max(x - count, 0) : x + count + 1]
            assert torch.equal(grown[..., y, x], around.amax(dim=(-2, -1)))
    assert not grow_cells(torch.zeros(shape), count).any()


def test_in_pixels_is_undone_by_pool():
    cells = torch.rand(2, 1, 3, 5)
    pixels = in_pixels(cells, 16)
    assert pixels.shape == (2, 1, 24, 40)
    assert torch.equal(pool(pixels, (2, 4, 3, 5)), cells)
    assert torch.equal(pixels[..., 8:16, 16:24], cells[..., 1:2, 2:3].expand(2, 1, 8, 8))


def test_in_pixels_leaves_masks_of_videos_and_of_models_on_pixels():
    for cells, ratio in ((torch.rand(1, 1, 2, 3, 5), 8), (torch.rand(1, 1, 3, 5), 1)):
        assert torch.equal(in_pixels(cells, ratio), cells)
