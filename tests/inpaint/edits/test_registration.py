"""A stand-in for an edit model, which moves, turns, zooms and relights the whole crop that it repaints: what is pasted
lies where it belongs, in the original's light, and nothing else changes.

Mutations seen to fail here: the map inverted; light left; the masked area measured on too; a map believed of a flat
crop; the light undone though colors are left.
"""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from inpaint.compositing import Finish
from inpaint.core.geometry import Size
from inpaint.crops import Context, crop, plan_box, stitch
from inpaint.edits import laid_on_original
from inpaint.edits.registration import Motion
from inpaint.masks import mask_boxes

# The stand-in's map around the centre: 0.5 degrees, 0.7 % larger, 1.5 px to the right and 1.1 px up.
TURN, ZOOM, SHIFT = np.deg2rad(0.5), 1.007, np.array([1.5, -1.1])


def moved(width: int, height: int) -> np.ndarray:
    turn = ZOOM * np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]])
    centre = np.array([width - 1, height - 1]) / 2
    return np.column_stack([turn, centre - turn @ centre + SHIFT])


def as_a_model_returns_it(picture: np.ndarray) -> np.ndarray:
    """Move [H, W, 3], apply a gamma and make it lighter by 4 L."""
    height, width = picture.shape[:2]
    matrix = moved(width, height)
    again = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    lab = rgb2lab(again.clip(0, 1) ** 1.1)
    lab[..., 0] += 4
    return (lab2rgb(lab).clip(0, 1) * 255).round() / 255


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    image = np.asarray(cv2.imread(str(Path(skimage.data.__file__).parent / "astronaut.png")))[..., ::-1]
    return torch.from_numpy(image / np.float32(255))[None]


def mask_of(photo: torch.Tensor) -> torch.Tensor:
    mask = np.zeros(photo.shape[1:3], np.float32)
    cv2.ellipse(mask, (250, 240), (70, 90), 20, 0, 360, 1.0, -1)
    return torch.from_numpy(mask)[None]


def cropped(photo: torch.Tensor, target: Size | None = None):
    mask = mask_of(photo)
    plan = plan_box(mask_boxes(mask)[0], Size(512, 512), Context(1.6, 32), target)
    return crop(photo, mask, [plan])


def with_a_disc(crop: torch.Tensor) -> np.ndarray:
    """What the model was asked for: a soft green disc in the masked area."""
    picture = crop[0].double().numpy()
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    disc = np.clip(0.18 * width - np.hypot(x - width / 2, y - height / 2), 0, 1)[..., None]
    return disc * np.array([0.2, 0.55, 0.3]) + (1 - disc) * picture


@pytest.mark.parametrize("target", [None, Size(512, 640)], ids=["the picture's scale", "enlarged"])
def test_what_a_model_moved_and_relit_is_pasted_where_and_as_it_was_asked_for(photo, target):
    made = cropped(photo, target)
    asked = with_a_disc(made.image)
    returned = torch.from_numpy(as_a_model_returns_it(asked)).float()[None]
    finish = Finish("multiband", "auto", align=laid_on_original)
    image = stitch(made.stitch, returned, 8.0, finish).image
    outside = cv2.dilate(mask_of(photo)[0].numpy(), np.ones((19, 19))) == 0
    assert torch.equal(image[0, outside], photo[0, outside])

    (motion,) = finish.drifts
    assert isinstance(motion, Motion)
    inside = made.stitch.plans[0].inside
    matrix = moved(*((inside.width, inside.height) if target is None else (target.width, target.height)))
    scale = 1.0 if target is None else target.width / inside.width
    places = np.stack(np.meshgrid(np.arange(0, inside.width, 9), np.arange(0, inside.height, 9)), -1).reshape(-1, 2)
    true = ((places + 0.5) * scale - 0.5) @ matrix[:, :2].T + matrix[:, 2]
    true = (true + 0.5) / scale - 0.5
    assert np.linalg.norm(motion.alignment.mapping(places) - true, axis=-1).max() < 0.3
    assert motion.report().startswith("Undone: ")

    asked_here = (
        asked if target is None else cv2.resize(asked, (inside.width, inside.height), None, 0, 0, cv2.INTER_AREA)
    )
    rows, columns = inside.slices
    core = cv2.erode(mask_of(photo)[0].numpy(), np.ones((5, 5)))[rows, columns] > 0
    away = deltaE_ciede2000(rgb2lab(image[0, rows, columns].double().numpy()), rgb2lab(asked_here))
    assert away[core].mean() < 1


def test_light_stays_where_colors_are_left(photo):
    made = cropped(photo)
    returned = made.image**1.2
    laid = laid_on_original(made.image, returned, made.mask, light=0)
    assert torch.equal(laid.image, returned)
    assert not laid.drifts[0].undone
    lit = laid_on_original(made.image, returned, made.mask)
    assert float((lit.image - made.image)[made.mask == 0].abs().mean()) < 0.004
    assert "Change of color undone" in lit.drifts[0].report()
    half = laid_on_original(made.image, returned, made.mask, light=0.5).image
    assert torch.allclose(half, (lit.image + returned) / 2, atol=1e-5)


def test_a_flat_crop_is_not_sure_and_stays(photo):
    flat = torch.full_like(photo, 0.6) + 0.004 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))
    repainted = torch.from_numpy(as_a_model_returns_it(flat[0].double().numpy())).float()[None]
    laid = laid_on_original(flat, repainted, mask_of(photo))
    assert torch.equal(laid.image, repainted)
    assert not laid.drifts[0].sure
    assert laid.drifts[0].report().startswith("Not sure ")


def test_what_was_repainted_is_not_measured_on(photo):
    """The masked area, most of the crop, was moved by another map than the rest: that of the rest is taken."""
    mask = torch.zeros(1, 512, 512)
    mask[:, 60:452, 60:452] = 1
    repainted = torch.where(mask[..., None] > 0, photo.roll(9, 2), photo.roll((2, -3), (1, 2)))
    motion = laid_on_original(photo, repainted, mask).drifts[0]
    assert motion.sure
    assert motion.alignment.mapping(np.array([[256.0, 256.0]]))[0] == pytest.approx([253, 258], abs=0.1)


def test_batches_dtypes_and_broken_pixels(photo):
    mask = mask_of(photo)
    moved_by_four = photo.roll(4, 2).half()
    moved_by_four[0, 100, 100] = torch.nan
    both = torch.cat([moved_by_four, photo.half()])
    before = both.clone()
    laid = laid_on_original(photo, both, mask, light=0)
    assert torch.equal(both.nan_to_num(9), before.nan_to_num(9))
    assert laid.image.dtype == torch.float16
    assert not laid.image[0, 100, 96].isfinite().any()
    assert bool(laid.image[0, 120:, 120:].isfinite().all())
    assert torch.equal(laid.image[1], photo[0].half())
    assert [motion.undone for motion in laid.drifts] == [True, False]
    alone = partial(laid_on_original, light=0)(photo, both[:1], mask)
    assert torch.equal(alone.image.nan_to_num(9), laid.image[:1].nan_to_num(9))
