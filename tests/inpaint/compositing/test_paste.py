"""Pasting back, against a per-pixel reference.

Mutations seen to fail here: mask inverted; mask ignored; blend by arithmetic instead of `where`; blend rounded to
8 bit; mask shifted by one pixel; alpha taken from the repainted picture.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from inpaint.compositing import composite_mask, paste
from inpaint.core.errors import InpaintError


def _reference(original, repainted, mask):
    """Pixel by pixel, in float64."""
    result = original.double().numpy().copy()
    for b, y, x in np.argwhere(mask.numpy() > 0):
        weight, color = float(mask[b, y, x]), repainted[b, y, x, :3].double().numpy()
        if np.isfinite(color).all():
            result[b, y, x, :3] = (1 - weight) * result[b, y, x, :3] + weight * color
    return torch.from_numpy(result)


def test_literal():
    original = torch.tensor([[[[0.0, 0.0, 0.0], [0.2, 0.4, 0.6], [1.0, 1.0, 1.0]]]])
    repainted = torch.full((1, 1, 3, 3), 0.5)
    pasted = paste(original, repainted, torch.tensor([[[0.0, 0.5, 1.0]]]))
    expected = torch.tensor([[[[0.0, 0.0, 0.0], [0.35, 0.45, 0.55], [0.5, 0.5, 0.5]]]])
    torch.testing.assert_close(pasted.image, expected)
    assert pasted.max_change_outside == 0.0
    assert pasted.unusable == 0


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 23), st.integers(1, 19)),
    batch=st.integers(1, 3),
    channels=st.sampled_from([3, 4]),
    dtype=st.sampled_from([torch.float32, torch.float16, torch.bfloat16]),
    bad=st.sampled_from([None, float("nan"), float("inf")]),
    seed=st.integers(0, 2**16),
)
def test_outside_is_bit_identical_and_inside_is_the_blend(size, batch, channels, dtype, bad, seed):
    generator = torch.Generator().manual_seed(seed)
    original = torch.rand(batch, *size, channels, generator=generator).to(dtype)
    repainted = torch.rand(batch, *size, 3, generator=generator)
    if bad is not None:
        repainted[torch.rand(batch, *size, generator=generator) < 0.3] = bad
    soft = torch.rand(batch, *size, generator=generator)
    mask = torch.where(soft < 0.5, 0.0, (soft - 0.4) / 0.6)
    given = [tensor.clone() for tensor in (original, repainted, mask)]

    pasted = paste(original, repainted, mask)

    outside = mask == 0
    assert torch.equal(pasted.image[outside].view(torch.uint8), original[outside].view(torch.uint8))
    assert torch.equal(pasted.image[..., 3:], original[..., 3:])
    assert pasted.image.dtype == dtype
    assert pasted.image.isfinite().all()
    assert pasted.max_change_outside == 0.0
    assert pasted.unusable == int((~outside & ~repainted.isfinite().all(dim=-1)).sum())
    tolerance = {torch.float32: 1e-6, torch.float16: 6e-4, torch.bfloat16: 5e-3}[dtype]
    torch.testing.assert_close(pasted.image.double(), _reference(original, repainted, mask), rtol=0, atol=tolerance)
    for tensor, before in zip((original, repainted, mask), given, strict=True):
        torch.testing.assert_close(tensor, before, rtol=0, atol=0, equal_nan=True)


def test_keeps_more_than_8_bits():
    original = torch.zeros(1, 1, 4, 3)
    pasted = paste(original, torch.full((1, 1, 4, 3), 0.1234567), torch.ones(1, 1, 4))
    assert torch.equal(pasted.image, torch.full((1, 1, 4, 3), 0.1234567))


def test_a_change_outside_would_be_reported():
    from inpaint.compositing.paste import max_change

    original = torch.zeros(1, 2, 2, 3)
    changed = original.clone()
    changed[0, 0, 0, 1] = 0.25
    assert max_change(original, changed, torch.tensor([[[True, False], [False, False]]])) == 0.25
    changed[0, 0, 0, 1] = float("nan")
    assert max_change(original, changed, torch.tensor([[[True, False], [False, False]]])) == float("inf")


@pytest.mark.parametrize(("originals", "repaints", "masks"), [(1, 4, 1), (4, 1, 1), (1, 1, 4), (4, 4, 1), (4, 1, 4)])
def test_one_serves_many(originals, repaints, masks):
    generator = torch.Generator().manual_seed(1)
    original = torch.rand(originals, 5, 6, 3, generator=generator)
    repainted = torch.rand(repaints, 5, 6, 3, generator=generator)
    mask = (torch.rand(masks, 5, 6, generator=generator) > 0.5).float()
    pasted = paste(original, repainted, mask).image
    for index in range(4):
        one = paste(
            original[index % originals][None], repainted[index % repaints][None], mask[index % masks][None]
        ).image
        assert torch.equal(pasted[index], one[0])


def test_full_and_empty_mask():
    original, repainted = torch.rand(1, 7, 5, 4), torch.rand(1, 7, 5, 3)
    assert torch.equal(paste(original, repainted, torch.zeros(1, 7, 5)).image, original)
    full = paste(original, repainted, torch.ones(1, 7, 5)).image
    assert torch.equal(full[..., :3], repainted)
    assert torch.equal(full[..., 3], original[..., 3])


def test_errors_say_what_came():
    with pytest.raises(InpaintError, match=r"image 6x5, repainted picture 6x4, mask 6x5"):
        paste(torch.zeros(1, 5, 6, 3), torch.zeros(1, 4, 6, 3), torch.zeros(1, 5, 6))
    with pytest.raises(InpaintError, match=r"got 2 images, 3 repainted pictures and 1 masks"):
        paste(torch.zeros(2, 5, 6, 3), torch.zeros(3, 5, 6, 3), torch.zeros(1, 5, 6))


def test_composite_mask_is_full_on_all_that_was_repainted_and_ends_after_its_feather():
    mask = torch.zeros(1, 40, 40)
    mask[0, 10:30, 10:40] = 0.3  # soft all over, and running off the right border
    mask[0, 36, 5] = 1  # thinner than the feather
    weight = composite_mask(mask, 6)
    distance = torch.from_numpy(distance_transform_edt((mask == 0).numpy()[0]))
    assert torch.all(weight[mask > 0] == 1)
    assert torch.all(weight[0][(distance > 0) & (distance < 6)] > 0)
    assert torch.all(weight[0][distance >= 6.5] == 0)
    assert torch.all(weight[0, 20, 4:10].diff() > 0)
    assert torch.equal(composite_mask(mask, 0), mask)
