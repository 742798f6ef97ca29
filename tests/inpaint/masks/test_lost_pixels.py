"""Pictures that are black exactly under the mask, and photographs and masks that only look a little like it.

Mutations seen to fail here: soft edges that count as lost or do not come back; a dark picture, a black object's
surroundings, or a few pixels taken for lost ones; another picture pasted in; alpha taken from the other file.
"""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from inpaint.core.errors import InpaintError
from inpaint.masks import feather
from inpaint.masks.lost_pixels import pixels_are_lost, with_pixels_of

PHOTO = torch.from_numpy(data.chelsea()[:256, :320].copy())[None].float() / 255
ROWS, COLUMNS = np.mgrid[:256, :320]
HARD = torch.from_numpy((ROWS - 120) ** 2 + (COLUMNS - 150) ** 2 < 50**2)[None].float()
SOFT = feather(HARD, 12)


def erased(image, mask):
    return image * (1 - mask[..., None])


def back(image, mask, unmasked):
    found = with_pixels_of(image, mask, unmasked)
    assert found is not None
    return found


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray((image[0] * 255).round().byte().numpy()).save(file, "JPEG", quality=95)
    return torch.from_numpy(np.asarray(Image.open(file)).copy())[None].float() / 255


@pytest.mark.parametrize("mask", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_lost_and_brought_back(mask, dtype):
    image = PHOTO.to(dtype)
    black = erased(image, mask.to(dtype))
    kept = black.clone()
    assert not pixels_are_lost(image, mask)
    assert pixels_are_lost(black, mask)
    assert torch.equal(back(black, mask, PHOTO), image)
    assert torch.equal(black, kept)


def test_files_that_were_compressed():
    assert pixels_are_lost(jpeg(erased(PHOTO, HARD)), HARD)
    mended = back(jpeg(erased(PHOTO, HARD)), HARD, jpeg(PHOTO))
    assert torch.equal(mended[HARD > 0], jpeg(PHOTO)[HARD > 0])


def test_any_frame_of_a_batch():
    batch = torch.cat([PHOTO, erased(PHOTO, HARD)])
    assert pixels_are_lost(batch, HARD.expand(2, -1, -1))
    assert torch.equal(back(batch, HARD.expand(2, -1, -1), PHOTO), PHOTO.expand(2, -1, -1, -1))


def test_alpha_stays():
    rgba = torch.cat([erased(PHOTO, HARD), torch.rand(*PHOTO.shape[:3], 1)], dim=-1)
    mended = back(rgba, HARD, torch.cat([PHOTO, torch.zeros(*PHOTO.shape[:3], 1)], dim=-1))
    assert torch.equal(mended, torch.cat([PHOTO, rgba[..., 3:]], dim=-1))


def test_what_is_not_lost():
    night = PHOTO * 0
    assert not pixels_are_lost(night, HARD)
    dark_side = PHOTO * torch.from_numpy(COLUMNS > 230)[None, ..., None]
    assert not pixels_are_lost(dark_side, HARD)
    # A mask that reaches beyond the black: a black object that was masked by hand.
    assert not pixels_are_lost(erased(PHOTO, HARD), torch.from_numpy(ROWS > 60)[None].float())
    assert not pixels_are_lost(erased(PHOTO, HARD), torch.zeros_like(HARD))
    assert not pixels_are_lost(night, torch.ones_like(HARD))
    dot = torch.zeros_like(HARD)
    dot[:, :5, :5] = 1
    assert not pixels_are_lost(erased(PHOTO, dot), dot)
    assert not pixels_are_lost(torch.where(HARD[..., None] > 0, 0.5, PHOTO), HARD)


def test_other_pictures_are_not_pasted():
    black = erased(PHOTO, HARD)
    assert with_pixels_of(black, HARD, PHOTO.flip(2)) is None
    assert with_pixels_of(black, HARD, PHOTO[:, :-1]) is None
    assert with_pixels_of(black, HARD, PHOTO.expand(2, -1, -1, -1)) is None


def test_they_have_to_fit():
    with pytest.raises(InpaintError, match="Resize the mask to the image"):
        pixels_are_lost(PHOTO, HARD[:, :9])
