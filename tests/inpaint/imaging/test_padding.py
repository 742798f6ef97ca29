"""Padding, and parts of a picture that reach beyond it.

Mutations seen to fail here: padded at the left or the top; zeros instead of the edge; ones instead of zeros around a
mask; a smaller size let through; what overhangs on the left put on the right; the border pixel mirrored twice; an edge
mirrored; wrapped around; columns counted from the picture's first instead of the part's.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Box, Size
from inpaint.imaging.padding import cut_image, cut_mask, pad_image, pad_mask


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 12),
    st.integers(0, 12),
    st.sampled_from([3, 4]),
    st.sampled_from([torch.float16, torch.float32]),
)
def test_padding_is_numpys(shape, right, bottom, channels, dtype):
    _, height, width = shape
    size = Size(width + right, height + bottom)
    image, mask = torch.rand(*shape, channels).to(dtype), torch.rand(shape).to(dtype)
    given_image, given_mask = image.clone(), mask.clone()

    padded = pad_image(image, size)
    assert padded.dtype == dtype
    expected = np.pad(image.numpy(), ((0, 0), (0, bottom), (0, right), (0, 0)), mode="edge")
    np.testing.assert_array_equal(padded.numpy(), expected)
    padded = pad_mask(mask, size)
    assert padded.dtype == dtype
    np.testing.assert_array_equal(padded.numpy(), np.pad(mask.numpy(), ((0, 0), (0, bottom), (0, right))))
    assert torch.equal(image, given_image)
    assert torch.equal(mask, given_mask)


@pytest.mark.parametrize("size", [Size(4, 3), Size(5, 2)])
def test_padding_never_cuts(size):
    for pad, picture in ((pad_image, torch.zeros(1, 3, 5, 3)), (pad_mask, torch.zeros(1, 3, 5))):
        with pytest.raises(InpaintError) as error:
            pad(picture, size)
        assert str(error.value) == (
            f"size: expected at least 5 x 3 (width x height), got {size.width} x {size.height}. "
            "Padding only adds pixels."
        )


def test_padding_checks_its_input():
    with pytest.raises(InpaintError, match=r"image: expected .* got \[3, 5, 3\]"):
        pad_image(torch.zeros(3, 5, 3), Size(8, 8))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(*[st.integers(0, 30)] * 4),
    st.sampled_from([3, 4]),
    st.sampled_from(["reflect", "edge"]),
    st.sampled_from([torch.float16, torch.float32]),
)
def test_a_part_beyond_the_picture_is_numpys_padding(shape, overhang, channels, border, dtype):
    _, height, width = shape
    left, top, right, bottom = overhang
    box = Box(-left, -top, left + width + right, top + height + bottom)
    image, mask = torch.rand(*shape, channels).to(dtype), torch.rand(shape).to(dtype)
    given_image, given_mask = image.clone(), mask.clone()

    part = cut_image(image, box, border)
    assert part.dtype == dtype
    margins = ((0, 0), (top, bottom), (left, right), (0, 0))
    np.testing.assert_array_equal(part.numpy(), np.pad(image.numpy(), margins, mode=border))
    part = cut_mask(mask, box)
    assert part.dtype == dtype
    np.testing.assert_array_equal(part.numpy(), np.pad(mask.numpy(), margins[:3]))
    assert torch.equal(image, given_image)
    assert torch.equal(mask, given_mask)


def test_a_part_within_the_picture_is_a_view():
    image, mask = torch.rand(2, 8, 9, 4), torch.rand(2, 8, 9)
    part = cut_image(image, Box(2, 1, 5, 6))
    assert torch.equal(part, image[:, 1:7, 2:7])
    assert part.untyped_storage().data_ptr() == image.untyped_storage().data_ptr()
    assert torch.equal(cut_mask(mask, Box(2, 1, 5, 6)), mask[:, 1:7, 2:7])


def test_a_part_may_overhang_one_side_and_stop_short_of_another():
    mask = torch.arange(1.0, 7.0).reshape(1, 2, 3)
    assert torch.equal(cut_mask(mask, Box(-1, 0, 3, 3)), torch.tensor([[[0.0, 1, 2], [0, 4, 5], [0, 0, 0]]]))
    image = mask[..., None].expand(-1, -1, -1, 3)
    part = cut_image(image, Box(-1, 0, 3, 3))[..., 0]
    assert torch.equal(part, torch.tensor([[[2.0, 1, 2], [5, 4, 5], [2, 1, 2]]]))
    assert torch.equal(cut_image(image, Box(1, -1, 2, 2))[..., 0], torch.tensor([[[5.0, 6], [2, 3]]]))


def test_an_unknown_border_is_refused():
    with pytest.raises(InpaintError, match=r"^border: expected one of reflect, edge, got wrap"):
        cut_image(torch.zeros(1, 4, 4, 3), Box(0, 0, 5, 5), "wrap")
