"""Room around a picture.

Mutations seen to fail here: the new area grown; either mask without the other, in both of what is returned; soft values
of a mask rounded up for the model; the feather's width in the conditioning mask off; a mask not read; sides swapped;
the picture put into the wrong corner; the edge for reflect; a new area that is not opaque; colors in reverse; percent
of the width everywhere; the picture at the other end, or half a pixel off; a size smaller than the picture; the aspect
given that of the picture.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Sides, Size
from inpaint.crops.outpaint import FILLS, pad_for_outpaint, sides_of, sides_to_aspect, sides_to_size
from inpaint.fills import fill_harmonic


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def new_area(height: int, width: int, sides: Sides) -> np.ndarray:
    return np.pad(np.zeros((height, width), bool), (sides[1::2], sides[::2]), constant_values=True)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 12), st.integers(1, 12), st.sampled_from([3, 4])),
    st.builds(Sides, *[st.integers(0, 15)] * 4),
    st.sampled_from(FILLS),
    st.sampled_from([torch.float16, torch.float32]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([0.0, 3.0, 8.0]),
)
def test_what_every_padding_promises(shape, sides, fill, dtype, masks, feather):
    batch, height, width, channels = shape
    image = random(*shape).to(dtype)
    mask = None if masks is None else random(min(masks, batch), height, width, seed=1).round()
    before = image.clone(), None if mask is None else mask.clone()
    padded = pad_for_outpaint(image, sides, mask, feather, fill)
    new = new_area(height, width, sides)
    assert padded.image.shape == (batch, *new.shape, channels)
    assert padded.denoise.shape == padded.conditioning.shape == padded.image.shape[:3]
    assert padded.image.dtype == dtype
    inside = np.s_[:, sides.top : sides.top + height, sides.left : sides.left + width]
    assert torch.equal(padded.image[inside].contiguous().view(torch.uint8), image.view(torch.uint8))
    assert torch.all(padded.image[..., 3:][:, new] == 1)
    assert torch.all(padded.denoise[:, new] == 1)
    assert torch.all(padded.conditioning[:, new] == 1)
    assert set(padded.conditioning.unique().tolist()) <= {0.0, 1.0}
    assert torch.all((padded.conditioning == 0) | (padded.denoise > 0))
    assert torch.equal(image, before[0])
    if mask is not None:
        # What was masked still is.
        assert torch.all(padded.denoise[inside] >= mask)
        assert torch.all(padded.conditioning[inside] >= mask)
        assert before[1] is not None
        assert torch.equal(mask, before[1])


def test_masks_reach_into_the_picture_from_the_new_area_only():
    sides, feather = Sides(6, 0, 0, 9), 10.0
    soft = torch.zeros(1, 30, 40)
    soft[0, 10:14, 20:26] = 0.7
    soft[0, 12, 30] = 0.3
    padded = pad_for_outpaint(random(1, 30, 40, 3), sides, soft, feather)
    distance = distance_transform_edt(~new_area(30, 40, sides))
    way = np.clip((0.5 - distance) / feather + 1, 0, 1)
    expected = way * way * (3 - 2 * way)
    existing = np.pad(soft[0].numpy(), ((0, 9), (6, 0)))
    np.testing.assert_allclose(padded.denoise[0], np.maximum(expected, existing), atol=1e-6)
    hard = (distance <= feather / 2) | (existing >= 0.5)
    np.testing.assert_array_equal(padded.conditioning[0].numpy(), hard)
    # The top and the right got nothing, and are left alone.
    assert padded.denoise[0, 0, 25] == 0
    assert padded.denoise[0, 10, -1] == 0


def test_a_hard_edge():
    sides = Sides(2, 3, 4, 5)
    padded = pad_for_outpaint(random(1, 10, 10, 3), sides, feather=0)
    new = torch.from_numpy(new_area(10, 10, sides))[None].float()
    assert torch.equal(padded.denoise, new)
    assert torch.equal(padded.conditioning, new)


@pytest.mark.parametrize("fill", FILLS)
def test_fills(fill):
    image, sides = random(2, 9, 11, 4), Sides(3, 0, 8, 5)
    padded = pad_for_outpaint(image, sides, fill=fill, color=(0.1, 0.2, 0.3)).image
    margins = ((0, 0), sides[1::2], sides[::2], (0, 0))
    if fill in ("edge", "reflect"):
        expected = torch.from_numpy(np.pad(image.numpy(), margins, mode=fill))
    else:
        expected = torch.from_numpy(np.pad(image.numpy(), margins))
        new = torch.from_numpy(new_area(9, 11, sides))
        expected[:, new] = torch.tensor([0.1, 0.2, 0.3, 1.0])
        if fill == "harmonic":
            expected = fill_harmonic(expected, new.float().expand(2, -1, -1))
    torch.testing.assert_close(padded[..., :3], expected[..., :3])


def test_nothing_added_is_the_picture_and_its_mask():
    image, mask = random(1, 8, 9, 4), random(1, 8, 9, seed=2)
    for masks in (mask, mask.repeat(3, 1, 1)):
        padded = pad_for_outpaint(image, Sides(0, 0, 0, 0), masks)
        assert torch.equal(padded.image, image.expand(len(masks), -1, -1, -1))
        assert torch.equal(padded.denoise, masks)
        assert torch.equal(padded.conditioning, (masks >= 0.5).float())


def test_a_mask_of_another_kind_is_read_as_everywhere():
    padded = pad_for_outpaint(random(1, 8, 10, 3), Sides(4, 0, 0, 0), torch.ones(4, 5, dtype=torch.uint8), feather=0)
    assert torch.all(padded.denoise == 1)
    padded = pad_for_outpaint(random(1, 8, 10, 3), Sides(4, 0, 0, 0), torch.full((1, 8, 10), 0.004), feather=0)
    assert padded.denoise.sum() == 32


PICTURE = Size(200, 100)

# What is asked for, and the sides it comes to.
SIDES = {
    "pixels": (sides_of(PICTURE, 1, 2, 3, 4), Sides(1, 2, 3, 4)),
    "percent of width and of height": (sides_of(PICTURE, 10, 10, 25, 50, "percent"), Sides(20, 10, 50, 50)),
    "to a size, around the middle": (sides_to_size(PICTURE, Size(301, 200)), Sides(51, 50, 50, 50)),
    "to a size, at the left and the bottom": (sides_to_size(PICTURE, Size(300, 200), 0, 1), Sides(0, 100, 100, 0)),
    "to the same size": (sides_to_size(PICTURE, PICTURE), Sides(0, 0, 0, 0)),
    "to a square": (sides_to_aspect(PICTURE, Size(1, 1)), Sides(0, 50, 0, 50)),
    "to 21 by 9, from the right": (sides_to_aspect(PICTURE, Size(21, 9), 1), Sides(33, 0, 0, 0)),
    "to the same aspect": (sides_to_aspect(PICTURE, Size(4, 2)), Sides(0, 0, 0, 0)),
}


@pytest.mark.parametrize("case", SIDES)
def test_sides(case):
    got, expected = SIDES[case]
    assert got == expected


def test_errors_say_what_came():
    image = torch.zeros(1, 8, 9, 3)
    with pytest.raises(InpaintError, match=r"^sides: expected 0 or more pixels each, got \(0, -1, 0, 0\)"):
        pad_for_outpaint(image, Sides(0, -1, 0, 0))
    with pytest.raises(InpaintError, match=r"^fill: expected one of reflect, edge, color, harmonic, got black"):
        pad_for_outpaint(image, Sides(1, 1, 1, 1), fill="black")
    with pytest.raises(InpaintError, match=r"^feather: expected 0 or more, got -1"):
        pad_for_outpaint(image, Sides(1, 1, 1, 1), feather=-1)
    with pytest.raises(InpaintError, match=r"^mask: expected 1 mask or 2"):
        pad_for_outpaint(image.repeat(2, 1, 1, 1), Sides(1, 1, 1, 1), torch.zeros(3, 8, 9))
    with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 3 or 4\]"):
        pad_for_outpaint(image[0], Sides(1, 1, 1, 1))
    with pytest.raises(InpaintError, match=r"^size: expected at least the picture's 200x100, got 300x99"):
        sides_to_size(PICTURE, Size(300, 99))
    with pytest.raises(InpaintError, match=r"^place: expected 0 to 1, got 2, 0\.5"):
        sides_to_size(PICTURE, Size(300, 100), 2)
    with pytest.raises(InpaintError, match=r"^aspect: expected 1 or more by 1 or more, got 0 by 9"):
        sides_to_aspect(PICTURE, Size(0, 9))
    with pytest.raises(InpaintError, match=r"^top: expected 0 or more, got nan"):
        sides_of(PICTURE, 0, math.nan, 0, 0)
    with pytest.raises(InpaintError, match=r"^unit: expected one of pixels, percent, got em"):
        sides_of(PICTURE, 0, 0, 0, 0, "em")
