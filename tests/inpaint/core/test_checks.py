"""What is accepted as image and mask, how it is read, and what the errors say.

Mutations seen to fail here: integers not divided by 255; 0 and 1 as integers divided by 255; NaN read as 1; values not
clamped; [B, H, W, 1] read as [B, 1, H, W]; no antialiasing; corners aligned; resized in float32; height and width
swapped; a mask batch too long, or too short, let through; the image not expanded to the masks.
"""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inpaint.core.checks import as_mask, check_image, check_mask, match, match_mask, note_unusable
from inpaint.core.errors import InpaintError
from inpaint.core.notes import collected_notes

PLANE = torch.tensor([[0.0, 0.5, 1.0], [0.25, 0.75, 0.0]])


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3), (1, 1, 2, 3), (1, 2, 3, 1)])
def test_every_layout_of_a_mask_is_read(shape):
    assert torch.equal(as_mask(PLANE.reshape(shape)), PLANE[None])


def test_a_batch_stays_a_batch_in_every_layout():
    batch = torch.rand(4, 2, 3)
    for layout in (batch, batch[:, None], batch[..., None]):
        assert torch.equal(as_mask(layout), batch)


@pytest.mark.parametrize(
    ("given_values", "read"),
    [
        (torch.tensor([[False, True]]), [[0.0, 1.0]]),
        (torch.tensor([[0, 51, 255]], dtype=torch.uint8), [[0.0, 0.2, 1.0]]),
        (torch.tensor([[0, 1]], dtype=torch.uint8), [[0.0, 1.0]]),
        (torch.tensor([[-7, 13107, 65535]]), [[0.0, 0.2, 1.0]]),
        (torch.tensor([[-0.5, 0.98, 1.5]]), [[0.0, 0.98, 1.0]]),
        (torch.tensor([[torch.nan, torch.inf, -torch.inf]]), [[0.0, 1.0, 0.0]]),
    ],
)
def test_every_kind_of_number_is_read(given_values, read):
    mask = as_mask(given_values)
    assert mask.dtype == torch.float32
    torch.testing.assert_close(mask, torch.tensor([read]))


LABELS = "hole: Its values are whole numbers up to {}, like the labels of a segmentation. Read as parts of 255"


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (torch.tensor([[0, 1, 2]], dtype=torch.uint8), LABELS.format(2)),
        (torch.tensor([[0, 1, 21]]), LABELS.format(21)),
        (torch.tensor([[0, 1, 22]]), ""),
        (torch.tensor([[0, 1]]), ""),
        (torch.tensor([[0.0, 1.0]]), ""),
        (torch.tensor([[0.0, torch.nan]]), "hole: 1 value is NaN or infinite. NaN and -infinity became 0, infinity 1."),
        (torch.tensor([[torch.inf, torch.nan]]), "hole: 2 values are NaN or infinite."),
        (torch.tensor([[-0.5, 1.5]]), ""),
        (torch.tensor([[0.0, torch.nan]]).to(torch.float8_e4m3fn), "hole: 1 value is NaN or infinite."),
    ],
)
def test_what_is_read_in_another_way_is_noted(mask, expected):
    with collected_notes() as notes:
        as_mask(mask, "hole")
    assert len(notes) == bool(expected)
    assert "".join(notes).startswith(expected)


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        (torch.zeros(1, 2, 3, 3), "pixel", ""),
        (torch.tensor([[[[torch.nan, 0, torch.inf], [0, 0, 0]]]]), "pixel", "image: 1 of 2 pixels is NaN"),
        (torch.tensor([[[[torch.nan, 0, -torch.inf], [0, 0, 0]]]]), "value", "image: 2 of 6 values are NaN"),
        (torch.full((1, 1, 2, 3), torch.nan).half().expand(5, -1, -1, -1), "pixel", "image: 2 of 2 pixels are NaN"),
        (torch.full((1, 64, 64, 3), 60000.0).half(), "pixel", ""),
    ],
)
def test_pixels_that_are_no_numbers_are_noted(values, unit, expected):
    with collected_notes() as notes:
        note_unusable(values, "image", unit)
    assert len(notes) == bool(expected)
    assert "".join(notes).startswith(expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_keep_their_dtype(dtype):
    assert as_mask(PLANE.to(dtype)).dtype == dtype
    assert match_mask(PLANE.to(dtype), 5, 4, 2).dtype == dtype


def test_reading_a_mask_leaves_it_as_it_was():
    mask = torch.tensor([[torch.nan, 3.0]])
    match_mask(mask, 4, 4, 2)
    assert mask[0, 0].isnan()
    assert mask[0, 1] == 3


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        (torch.zeros(7), "[7]"),
        (torch.zeros(2, 3, 4, 5), "[2, 3, 4, 5]"),
        (torch.zeros(1, 1, 1, 4, 5), "[1, 1, 1, 4, 5]"),
        (torch.zeros(0, 4, 5), "[0, 4, 5]"),
        (torch.zeros(2, 3, dtype=torch.complex64), "[2, 3] of complex64"),
        ([[0.0, 1.0]], "list"),
        (np.zeros((2, 3)), "ndarray"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_mask_is_named(mask, got):
    with pytest.raises(InpaintError) as error:
        as_mask(mask, "hole")
    assert str(error.value) == (
        f"hole: expected [B, H, W], got {got}. Connect a MASK output, or convert an image with Image to Mask."
    )


def test_check_mask_takes_only_what_operators_take():
    check_mask(torch.zeros(2, 3, 4, dtype=torch.float16))
    others: list[Any] = [torch.zeros(3, 4), torch.zeros(2, 3, 4, dtype=torch.uint8), torch.zeros(2, 0, 4), [0.0]]
    for wrong in others:
        with pytest.raises(InpaintError, match=r"mask: expected \[B, H, W\] of floats, got "):
            check_mask(wrong)


@pytest.mark.parametrize("channels", [3, 4])
def test_pictures_pass(channels):
    check_image(torch.zeros(2, 3, 4, channels, dtype=torch.float16))


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (torch.zeros(3, 4, 3), "[3, 4, 3]"),
        (torch.zeros(1, 3, 4, 1), "[1, 3, 4, 1]"),
        (torch.zeros(1, 0, 4, 3), "[1, 0, 4, 3]"),
        (torch.zeros(1, 3, 4, 3, dtype=torch.uint8), "[1, 3, 4, 3] of uint8"),
        ("photo.png", "str"),
    ],
)
def test_what_is_no_picture_is_named(image, got):
    with pytest.raises(InpaintError) as error:
        check_image(image)
    assert str(error.value) == (
        f"image: expected [B, H, W, 3 or 4] of floats, got {got}. Connect an IMAGE output, such as Load Image."
    )


def test_a_mask_of_the_right_size_keeps_its_values():
    mask = torch.rand(2, 5, 7)
    assert torch.equal(match_mask(mask, 5, 7, 2), mask)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.integers(2, 40)] * 4), st.integers(0, 2**32 - 1))
def test_resizing_is_the_area_weighted_triangle_filter(sizes, seed):
    """Pillow's BILINEAR is the same filter: a triangle as wide as the shrinking, plain bilinear where it grows.

    From 2 pixels up: torch's filter takes a picture one pixel wide for constant.
    """
    height, width, new_height, new_width = sizes
    # Low values could be the background of so small a mask (`without_floor`).
    values = np.random.default_rng(seed).uniform(0.2, 0.8, (height, width)).astype(np.float32)
    expected = np.asarray(Image.fromarray(values).resize((new_width, new_height), Image.Resampling.BILINEAR))
    resized = match_mask(torch.from_numpy(values), new_height, new_width, 1)[0]
    np.testing.assert_allclose(resized.numpy(), expected, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.integers(1, 70)] * 4), st.sampled_from([torch.float16, torch.float32]))
def test_full_stays_full_and_empty_stays_empty(sizes, dtype):
    height, width, new_height, new_width = sizes
    full = torch.ones(1, height, width, dtype=dtype)
    assert bool((match_mask(full, new_height, new_width, 1) == 1).all())
    assert not match_mask(full * 0, new_height, new_width, 1).any()


def test_one_mask_serves_a_batch_and_as_many_serve_each():
    one, many = torch.rand(1, 4, 5), torch.rand(3, 4, 5)
    assert torch.equal(match_mask(one, 4, 5, 3), one.repeat(3, 1, 1))
    assert torch.equal(match_mask(many, 4, 5, 3), many)


@pytest.mark.parametrize(("masks", "pictures"), [(4, 1), (4, 3), (2, 3)])
def test_other_batches_are_named(masks, pictures):
    with pytest.raises(InpaintError) as error:
        match_mask(torch.zeros(masks, 4, 5), 4, 5, pictures)
    wanted = "1 mask" if pictures == 1 else f"1 mask or {pictures} (one per picture)"
    assert str(error.value) == (
        f"mask: expected {wanted}, got {masks}. Give one mask for all pictures, or as many masks as pictures."
    )


def test_match_brings_both_to_one_batch():
    image, mask = match(torch.rand(1, 4, 6, 4), torch.ones(3, 2, 3))
    assert image.shape == (3, 4, 6, 4)
    assert torch.equal(mask, torch.ones(3, 4, 6))
    image, mask = match(torch.rand(3, 4, 6, 3), torch.ones(2, 3))
    assert image.shape == (3, 4, 6, 3)
    assert torch.equal(mask, torch.ones(3, 4, 6))
    with pytest.raises(InpaintError, match=r"mask: expected 1 mask or 2 \(one per picture\), got 3"):
        match(torch.rand(2, 4, 6, 3), torch.ones(3, 4, 6))
    with pytest.raises(InpaintError, match="image: expected"):
        match(torch.rand(4, 6, 3), torch.ones(4, 6))


def test_match_takes_near_zero_values_for_nothing():
    mask = torch.tensor([[[0.0, 1 / 255, 2 / 255, 1.0]]])
    assert torch.equal(match(torch.zeros(1, 1, 4, 3), mask)[1], torch.tensor([[[0.0, 0.0, 2 / 255, 1.0]]]))
