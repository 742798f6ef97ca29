"""The original with nothing but the edit, from a small photograph: what stays, what is put back, what is refused.

Mutations seen to fail here: alpha taken from the edited picture; an input changed in place; a mask added instead of
limiting; the edit put back where the edited picture has no content; one map for all frames of a batch.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from inpaint.core.errors import InpaintError
from inpaint.edits import Settings, keep_unedited

SIZE = (240, 320)


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    image = np.asarray(cv2.imread(str(Path(skimage.data.__file__).parent / "coffee.png")))[..., ::-1]
    reduced = cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return torch.from_numpy(reduced / np.float32(255))[None]


def edited(photo: torch.Tensor, top: int = 60, left: int = 90) -> torch.Tensor:
    """A red square of 60 pixels in it, and the whole a little darker."""
    result = 0.93 * photo
    result[:, top : top + 60, left : left + 60] = torch.tensor([0.8, 0.1, 0.2])
    return result


def test_the_edit_is_put_back_and_nothing_else(photo):
    kept = keep_unedited(photo, edited(photo), Settings(feather=4))
    assert torch.equal(kept.image[kept.mask == 0], photo[kept.mask == 0])
    assert kept.max_change_outside == 0
    assert bool((kept.mask[0, 62:118, 92:148] == 1).all())
    assert float((kept.mask > 0).float().mean()) < 1.35 * 60 * 60 / 240 / 320
    # In the original's light: the darkening is undone in the square too.
    inner = kept.image[0, 70:110, 100:140].mean(dim=(0, 1))
    assert inner == pytest.approx([0.86, 0.108, 0.215], abs=0.03)
    assert kept.confidence > 0.8
    assert "Edited: " in kept.report()
    assert "Largest change outside: 0." in kept.report()


def test_a_picture_that_was_not_edited_stays_as_it_is(photo):
    for changed in (photo, 0.95 * photo, (photo * 255).round() / 255):
        kept = keep_unedited(photo, changed)
        assert torch.equal(kept.image, photo)
        assert not kept.mask.any()
        assert "No edit found." in kept.report()


def test_dtype_alpha_and_inputs_are_kept(photo):
    alpha = torch.rand(1, *SIZE, 1)
    original = torch.cat([photo, alpha], dim=-1).half()
    changed = edited(photo).half()
    before = original.clone(), changed.clone()
    kept = keep_unedited(original, changed)
    assert kept.image.dtype == torch.float16
    assert torch.equal(kept.image[..., 3], original[..., 3])
    assert torch.equal(kept.image[kept.mask == 0], original[kept.mask == 0])
    assert torch.equal(original, before[0])
    assert torch.equal(changed, before[1])


def test_a_mask_adds_or_limits(photo):
    mask = torch.zeros(1, *SIZE)
    mask[:, 60:90, 90:150] = 1  # the upper half of the edit
    mask[:, 200:220, 20:40] = 1  # and somewhere else
    added = keep_unedited(photo, edited(photo), Settings(feather=0), mask)
    assert bool((added.mask[mask > 0] == 1).all())
    assert bool((added.mask[0, 95:115, 95:145] == 1).all())
    inside = keep_unedited(photo, edited(photo), Settings(feather=4, mask_use="only inside"), mask)
    assert not inside.mask[mask == 0].any()
    assert bool((inside.mask[0, 66:84, 96:144] == 1).all())
    assert not inside.mask[0, 200:220, 20:40].any()
    assert torch.equal(inside.image[mask == 0], photo[mask == 0])


def test_every_picture_of_a_batch_has_its_own_edit(photo):
    pair = torch.cat([edited(photo, 30, 40), edited(photo, 150, 200)])
    kept = keep_unedited(photo, pair)
    assert kept.image.shape[0] == 2
    for frame, (top, left) in enumerate(((30, 40), (150, 200))):
        alone = keep_unedited(photo, pair[frame : frame + 1])
        assert torch.equal(kept.image[frame], alone.image[0])
        assert bool(kept.mask[frame, top + 5 : top + 55, left + 5 : left + 55].all())
    assert kept.report().startswith("Picture 1: ")


def test_frames_of_a_video_share_a_smooth_map(photo):
    """One frame shows nothing but the edit: it gets the map of its neighbours."""
    moved = np.array([[1, 0, 2.4], [0, 1, -1.2]])
    frame = cv2.warpAffine(edited(photo)[0].numpy(), moved, SIZE[::-1], flags=cv2.INTER_CUBIC, borderMode=2)
    frames = torch.from_numpy(frame)[None].repeat(3, 1, 1, 1)
    frames[1] = 0.5
    assert "Not sure" in keep_unedited(photo, frames[1:2]).report()
    video = keep_unedited(photo, frames, Settings(film=True))
    assert "+2.4 px right, -1.2 px down" in video.edits[1]
    assert torch.equal(video.mask[0], video.mask[2])


def test_what_lies_beyond_the_edited_picture_is_not_put_back(photo):
    """Cut 60 columns off an edited picture: the original's stay."""
    kept = keep_unedited(photo, edited(photo, left=70)[:, :, 60:])
    assert not kept.mask[0, :, :55].any()
    assert bool(kept.mask[0, 70:110, 80:120].all())
    assert torch.equal(kept.image[0, :, :55], photo[0, :, :55])


def test_another_picture_is_not_put_back(photo):
    other = torch.from_numpy(
        np.asarray(cv2.imread(str(Path(skimage.data.__file__).parent / "chelsea.png"))) / np.float32(255)
    )
    kept = keep_unedited(photo, other[None])
    assert kept.confidence == 0
    assert "Not sure" in kept.report()


def test_pixels_that_are_not_finite_stay_out(photo):
    broken, changed = photo.clone(), edited(photo)
    broken[0, 0, 0, 0] = torch.nan
    changed[0, 70, 100] = torch.inf
    kept = keep_unedited(broken, changed)
    assert torch.equal(kept.image[0, 70, 100], broken[0, 70, 100])
    assert bool((kept.image[0, 75:110, 105:140, 0] > 0.7).all())
    assert torch.equal(kept.image[0, 0, 0].nan_to_num(9), broken[0, 0, 0].nan_to_num(9))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 19)])
def test_tiny_pictures_are_taken_as_they_are(size):
    image = torch.rand(1, *size, 3)
    kept = keep_unedited(image, image.clone())
    assert torch.equal(kept.image, image)
    assert kept.aligned.shape == (1, *size, 3)


def test_settings_and_batches_are_checked(photo):
    with pytest.raises(InpaintError, match=r"more: expected -1 to 1, got 2\."):
        Settings(more=2)
    with pytest.raises(InpaintError, match=r"mask_use: expected one of add, only inside, got replace\."):
        Settings(mask_use="replace")
    with pytest.raises(InpaintError, match=r"edited: expected 1 picture or as many as originals, got 3 for 2\."):
        keep_unedited(photo.expand(2, -1, -1, -1), photo.expand(3, -1, -1, -1))
    with pytest.raises(InpaintError, match=r"edited: expected \[B, H, W, 3 or 4\]"):
        keep_unedited(photo, photo[0])


def test_more_finds_fainter_edits(photo):
    faint = photo.clone()
    faint[:, 60:120, 90:150] = (faint[:, 60:120, 90:150] - 0.024).clamp(min=0)
    found = [float((keep_unedited(photo, faint, Settings(more=more)).mask > 0).float().mean()) for more in (-1, 0, 1)]
    assert found[0] == 0
    assert found[2] > max(found[1], 0.03)
