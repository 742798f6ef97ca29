"""Sizes and padding.

Mutations seen to fail here: rounding down; a whole multiple more where it already fits; width and height swapped;
padded at the left or the top; zeros instead of the edge; ones instead of zeros around a mask; a smaller size let
through.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.errors import InpaintError
from inpaint.geometry import Size, ceil_to_multiple, pad_image, pad_mask


@given(st.integers(0, 5000), st.integers(1, 129))
def test_ceil_to_multiple_is_the_first_multiple_reached(value, multiple):
    assert ceil_to_multiple(value, multiple) == next(n for n in range(value, value + multiple) if n % multiple == 0)


def test_size_to_multiple():
    assert Size(513, 512).to_multiple(8) == Size(520, 512)
    assert Size(1, 65).to_multiple(64) == Size(64, 128)


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
    with pytest.raises(InpaintError, match=r"mask: expected .* got \[3, 5\]"):
        pad_mask(torch.zeros(3, 5), Size(8, 8))
