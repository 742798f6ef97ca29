"""A mask shown over its picture.

Mutations seen to fail here: color or opacity ignored; the line drawn unasked, outside of the edge, twice as wide, as
faint as the veil, or instead of it; its width not that of large pictures; the edge at `> 0` or `> 0.5`; alpha kept;
infinity shown white; float16 veiled in float32.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import ndimage

from inpaint.masks.overlay import OPACITY, RED, overlay
from tests.inpaint.masks.operators.drawing import drawn, masks

BLUE = (0.0, 0.0, 1.0)


def test_it_veils_only_the_mask_and_leaves_alpha_out():
    picture = torch.full((2, 1, 3, 4), 0.5)
    veiled = overlay(picture, torch.tensor([[[0.0, 1.0, 0.5]]]))
    assert veiled.shape == (2, 1, 3, 3)
    assert torch.equal(veiled[:, :, 0], picture[:, :, 0, :3])
    torch.testing.assert_close(veiled[0, 0, 1], 0.5 + OPACITY * (torch.tensor(RED) - 0.5))
    torch.testing.assert_close(veiled[1, 0, 2], 0.5 + OPACITY / 2 * (torch.tensor(RED) - 0.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_color_and_opacity_are_those_asked_for(dtype):
    picture = torch.tensor([[[[0.8, 0.4, 0.0]] * 3]], dtype=dtype)
    mask = torch.tensor([[[0.0, 0.5, 1.0]]])
    given_picture = picture.clone()
    veiled = overlay(picture, mask, BLUE, opacity=1)
    assert veiled.dtype == dtype
    expected = torch.tensor([[0.8, 0.4, 0.0], [0.4, 0.2, 0.5], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(veiled[0, 0].float(), expected, rtol=0, atol=1e-3)
    assert torch.equal(overlay(picture, mask, BLUE, opacity=0), picture)
    assert torch.equal(picture, given_picture)


def test_the_line_is_full_and_the_veil_behind_it_is_not():
    mask = drawn("....... .#####. .#####. .#####. .#####. .#####. .......")
    veiled = overlay(torch.zeros(1, 7, 7, 3), mask, BLUE, 0.25, outline=True)
    blue = torch.tensor([0, 1, 1, 1, 1, 1, 0.0]), torch.tensor([0, 1, 0.25, 0.25, 0.25, 1, 0])
    expected = torch.stack([blue[1] * 0, blue[0], blue[1], blue[1], blue[1], blue[0], blue[1] * 0])
    torch.testing.assert_close(veiled[0, ..., 2], expected)
    assert not veiled[..., :2].any()


@settings(max_examples=60, deadline=None)
@given(masks())
def test_the_line_is_the_inner_rim_of_what_reaches_a_half(mask):
    """Closed, as its pixels and those outside shut in the rest; and not drawn where the mask runs off the picture."""
    veiled = overlay(torch.zeros(*mask.shape, 3), mask, BLUE, opacity=0, outline=True)
    for frame, line in zip(mask.numpy() >= 0.5, veiled[..., 2].numpy(), strict=True):
        inner = ndimage.binary_erosion(frame, border_value=1)
        np.testing.assert_array_equal(line, frame & ~inner)


def test_the_line_of_a_large_picture_can_be_seen_when_it_is_shown_small():
    mask = torch.zeros(1, 64, 2048)
    mask[:, :, 1000:] = 1
    line = overlay(torch.zeros(1, 64, 2048, 3), mask, BLUE, opacity=0, outline=True)[0, ..., 2]
    assert torch.equal(line, ((torch.arange(2048) >= 1000) & (torch.arange(2048) < 1004)).float().expand(64, -1))


@pytest.mark.parametrize("outline", [True, False])
def test_what_is_not_finite_is_shown_black(outline):
    picture = torch.full((1, 4, 4, 3), 0.5)
    picture[0, 0, 0, 0], picture[0, 1, 0, 1], picture[0, 2, 0, 2] = float("nan"), float("inf"), -float("inf")
    veiled = overlay(picture, torch.zeros(1, 4, 4), outline=outline)
    torch.testing.assert_close(veiled, torch.where(picture.isfinite(), picture, 0))


@pytest.mark.parametrize(("pictures", "count"), [(1, 3), (3, 1), (3, 3)])
def test_one_of_either_serves_many(pictures, count):
    image, mask = torch.rand(pictures, 5, 6, 3), torch.rand(count, 5, 6)
    veiled = overlay(image, mask, outline=True)
    each = [overlay(image[[number % pictures]], mask[[number % count]], outline=True) for number in range(3)]
    torch.testing.assert_close(veiled, torch.cat(each))
