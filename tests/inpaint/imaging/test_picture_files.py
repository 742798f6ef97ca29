"""Small files of pictures and masks: what is decoded again, against the picture and against plain means.

Mutations seen to fail here: a hard mask as JPEG; a mask of 0 and 0.5 as PNG; values rounded down; negative values shown
bright; NaN shown white; every pixel taken instead of the mean; sides swapped; small pictures enlarged.
"""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from inpaint.imaging.picture_files import encode, shrink


def decoded(picture: torch.Tensor) -> tuple[str, Image.Image]:
    ending, content = encode(picture)
    return ending, Image.open(io.BytesIO(content))


def test_a_hard_mask_comes_back_exactly_from_one_bit_a_pixel():
    mask = (torch.rand(37, 53, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    ending, picture = decoded(mask)
    assert (ending, picture.format, picture.mode) == (".png", "PNG", "1")
    np.testing.assert_array_equal(np.asarray(picture), mask.numpy() == 1)
    for constant in (torch.zeros(3, 5), torch.ones(3, 5)):
        np.testing.assert_array_equal(np.asarray(decoded(constant)[1]), constant.numpy() == 1)


def test_a_soft_mask_comes_back_within_a_few_levels():
    mask = torch.linspace(0, 1, 256).expand(64, -1)
    ending, picture = decoded(mask)
    assert (ending, picture.format, picture.mode) == (".jpg", "JPEG", "L")
    assert np.abs(np.asarray(picture) - 255 * mask.numpy()).max() <= 3
    assert decoded(torch.zeros(8, 8) + 0.5)[0] == ".jpg"


def test_a_picture_comes_back_within_a_few_levels():
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(128.0), indexing="ij")
    picture = torch.stack([(x / 40).sin(), (y / 30).cos(), ((x + y) / 50).sin()], dim=-1) / 2 + 0.5
    ending, shown = decoded(picture)
    assert (ending, shown.format, shown.mode) == (".jpg", "JPEG", "RGB")
    assert np.abs(np.asarray(shown) - 255 * picture.numpy()).max() <= 6


def test_values_beyond_the_range_are_clamped_and_nan_is_black():
    for value, level in ((-0.5, 0), (1.5, 255), (float("nan"), 0), (float("inf"), 255), (127.6 / 255, 128)):
        assert np.asarray(decoded(torch.full((16, 16, 3), value))[1]).flatten().tolist() == [level] * 768


def test_a_picture_is_not_changed():
    picture = torch.rand(16, 16, 3) * 3 - 1
    given = picture.clone()
    encode(picture)
    shrink(picture[None], 5)
    assert torch.equal(picture, given)


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_each_pixel_is_the_mean_of_what_it_covers(channels):
    pictures = torch.rand(2, 24, 36, *channels, generator=torch.Generator().manual_seed(0))
    means = pictures.reshape(2, 8, 3, 12, 3, *channels).mean(dim=(2, 4))
    torch.testing.assert_close(shrink(pictures, 12), means)


def test_a_part_of_a_pixel_counts_by_its_size():
    wide = torch.tensor([[[0.0, 1.0, 1.0]]])
    torch.testing.assert_close(shrink(wide, 2), torch.tensor([[[1 / 3, 1.0]]]))


@pytest.mark.parametrize(("shape", "longest", "small"), [((30, 300), 100, (10, 100)), ((3000, 2), 100, (100, 1))])
def test_the_longer_side_decides(shape, longest, small):
    assert shrink(torch.zeros(1, *shape), longest).shape == (1, *small)


def test_small_pictures_stay_and_come_out_in_float32():
    mask = torch.rand(1, 30, 40).half()
    for longest in (40, 41, 1000):
        assert torch.equal(shrink(mask, longest), mask.float())


def test_a_repeated_picture_is_shrunk_once():
    picture = torch.rand(1, 20, 20, 3)
    small = shrink(picture.expand(5, -1, -1, -1), 10)
    assert small.shape == (5, 10, 10, 3)
    assert small.stride(0) == 0
    torch.testing.assert_close(small[4], shrink(picture, 10)[0])
