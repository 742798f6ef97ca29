"""What an inpainting model is given, against brute force over cells.

Mutations seen to fail here: mask inverted; average instead of maximum; bilinear resize instead of pooling; grey 0
instead of 0.5; mask batch read as frames.
"""

import pytest
import torch

from inpaint import conditioning
from inpaint.errors import InpaintError


def _cells(mask, ratio):
    height, width = mask.shape[-2] // ratio, mask.shape[-1] // ratio
    return torch.tensor(
        [
            [float(mask[y * ratio : (y + 1) * ratio, x * ratio : (x + 1) * ratio].max()) for x in range(width)]
            for y in range(height)
        ]
    )


@pytest.mark.parametrize("ratio", [1, 8, 16, 32])
def test_pool_takes_the_largest_value_of_every_cell(ratio):
    mask = torch.rand(2, 3 * ratio, 5 * ratio, generator=torch.Generator().manual_seed(ratio)) ** 8
    pooled = conditioning.pool(mask, (2, 4, 3, 5))
    assert pooled.shape == (2, 1, 3, 5)
    for one, cells in zip(mask, pooled, strict=True):
        assert torch.equal(cells[0], _cells(one, ratio))


def test_a_one_pixel_stroke_survives():
    mask = torch.zeros(1, 64, 64)
    mask[0, 17, 3:60] = 1
    assert torch.equal(conditioning.pool(mask, (1, 4, 8, 8))[0, 0].sum(dim=1), torch.tensor([0.0, 0, 8, 0, 0, 0, 0, 0]))


def test_zero_stays_zero_and_any_size_is_pooled():
    assert not conditioning.pool(torch.zeros(1, 64, 64), (1, 4, 97, 129)).any()
    assert conditioning.pool(torch.ones(1, 769, 1023), (1, 4, 96, 127)).eq(1).all()


def test_frames():
    masks = torch.rand(3, 16, 16)
    film = conditioning.pool(masks, (1, 16, 3, 2, 2))
    assert film.shape == (1, 1, 3, 2, 2)
    assert torch.equal(film[0, 0], conditioning.pool(masks, (3, 4, 2, 2))[:, 0])
    batch = conditioning.pool(masks, (3, 16, 1, 2, 2))
    assert batch.shape == (3, 1, 1, 2, 2)
    assert torch.equal(batch[:, :, 0], conditioning.pool(masks, (3, 4, 2, 2)))
    kept = torch.rand(2, 1, 3, 16, 16)
    pooled = conditioning.pool(kept, (2, 16, 3, 2, 2))
    assert pooled.shape == (2, 1, 3, 2, 2)
    assert torch.equal(pooled[1, 0], conditioning.pool(kept[1, 0], (3, 4, 2, 2))[:, 0])
    with pytest.raises(InpaintError, match=r"expected 1, 2 \(the batch\) or 5 \(the frames\) masks, got 3"):
        conditioning.pool(masks, (2, 16, 5, 2, 2))


def test_hidden_pixels_are_grey_and_the_others_untouched():
    image = torch.rand(2, 4, 4, 3)
    soft = torch.tensor([[0.0, 0.49, 0.5, 1.0]]).expand(4, 4)[None]
    hard = conditioning.binary(soft)
    assert torch.equal(hard[0, 0], torch.tensor([0.0, 0, 1, 1]))
    hidden = conditioning.hide(image, hard)
    assert torch.equal(hidden[:, :, :2], image[:, :, :2])
    assert hidden[:, :, 2:].eq(0.5).all()


def test_replace_masked():
    samples, content = torch.rand(2, 4, 3, 3), torch.rand(2, 4, 3, 3)
    cells = torch.zeros(1, 1, 3, 3)
    cells[..., 1, 2] = 0.01
    replaced = conditioning.replace_masked(samples, content, cells)
    assert torch.equal(replaced[..., 1, 2], content[..., 1, 2])
    replaced[..., 1, 2] = samples[..., 1, 2]
    assert torch.equal(replaced, samples)
