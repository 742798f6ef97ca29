"""Feather, blur and smoothed outlines against brute force and scipy.

Mutations seen to fail here: distance to the wrong side; the half pixel at the edge left out; a linear ramp for a smooth
one; a ramp half as wide; inside and outside swapped; the edge at `> 0` or `> 0.5`; the area inverted; a Gaussian that
does not reach its ends; a blur that fades at the border or is cut at 3 sigma; smoothing with the whole width as sigma.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from scipy.spatial.distance import cdist

from inpaint.core.errors import InpaintError
from inpaint.masks import blur, feather, smooth_outline
from inpaint.masks.operators.distance import distance_to
from inpaint.masks.operators.edges import CURVES, SIDES
from tests.inpaint.masks.operators.drawing import drawn, masks, scene


def distances(area: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.from_numpy(distance_to(frame)) for frame in area.numpy()])


@pytest.mark.parametrize(
    ("side", "ramp"),
    [
        ("center", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]),
        ("inside", [0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875]),
        ("outside", [0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]),
    ],
)
def test_feather_is_a_ramp_of_that_width(side, ramp):
    """Four pixels wide, from an edge between the fourth and the fifth pixel; smoothstep of a straight line."""
    edge = drawn("....####").repeat(1, 3, 1)
    ramp = torch.tensor(ramp)
    torch.testing.assert_close(feather(edge, 4, side), (ramp**2 * (3 - 2 * ramp)).expand(1, 3, -1))


@settings(max_examples=40, deadline=None)
@given(masks(), st.floats(0.1, 20), st.sampled_from(list(SIDES)))
def test_feather_follows_the_distance_to_the_edge(mask, pixels, side):
    offset = {"inside": 0, "center": 0.5, "outside": 1}[side]
    for frame, feathered in zip(mask, feather(mask, pixels, side), strict=True):
        area = frame.numpy() >= 0.5
        inside, outside = np.argwhere(area), np.argwhere(~area)
        depth = np.where(area, np.inf, -np.inf)
        if len(inside) and len(outside):
            apart = cdist(inside, outside)
            depth[area] = apart.min(axis=1) - 0.5
            depth[~area] = 0.5 - apart.min(axis=0)
        ramp = np.clip(depth / pixels + offset, 0, 1)
        np.testing.assert_allclose(feathered, 3 * ramp**2 - 2 * ramp**3, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(masks(soft=False), st.floats(0.1, 30), st.sampled_from([torch.float16, torch.float32]))
def test_feather_has_finite_support(mask, pixels, dtype):
    mask = mask.to(dtype)
    assert torch.equal(feather(mask, pixels, "inside") > 0, mask > 0)
    assert bool((feather(mask, pixels, "outside")[mask == 1] == 1).all())
    to_mask, to_rest = distances(mask > 0), distances(mask == 0)
    assert not feather(mask, pixels, "outside")[to_mask >= pixels + 0.5].any()
    assert bool((feather(mask, pixels, "inside")[to_rest >= pixels + 0.5] == 1).all())
    centre = feather(mask, pixels, "center")
    assert not centre[to_mask >= pixels / 2 + 0.5].any()
    assert bool((centre[to_rest >= pixels / 2 + 0.5] == 1).all())


def test_feather_does_not_fade_at_the_border_of_the_picture():
    column = drawn("...###...").repeat(1, 6, 1)
    for side in SIDES:
        feathered = feather(column, 4, side)
        assert torch.equal(feathered, feathered[:, :1].expand_as(feathered))


def test_feather_by_nothing_changes_nothing():
    mask = torch.rand(1, 4, 4)
    assert torch.equal(feather(mask, 0), mask)


def test_feather_refuses_what_it_does_not_know():
    with pytest.raises(InpaintError, match=r"^pixels: expected 0 or more, got -1\. To shrink a mask, use grow"):
        feather(torch.zeros(1, 2, 2), -1)
    with pytest.raises(InpaintError, match=r"^pixels: expected 0 or more, got nan\."):
        feather(torch.zeros(1, 2, 2), math.nan)
    with pytest.raises(InpaintError, match=r"^side: expected one of inside, center, outside, got left\."):
        feather(torch.zeros(1, 2, 2), 1, "left")
    with pytest.raises(InpaintError, match=r"^curve: expected one of smooth, linear, gaussian, got cubic\."):
        feather(torch.zeros(1, 2, 2), 1, curve="cubic")


def test_feather_curves_are_what_they_are_called():
    edge = drawn("." * 12 + "#" * 12).repeat(1, 3, 1)
    way = (torch.arange(24) - 11.5) / 12 + 0.5
    expected = {
        "linear": way,
        "smooth": 3 * way**2 - 2 * way**3,
        # A straight edge blurred with a sigma of 2, its 3 sigma on either side stretched to 0 and 1.
        "gaussian": torch.from_numpy(stats.truncnorm.cdf(np.arange(24) - 11.5, -3, 3, scale=2)).float(),
    }
    assert expected.keys() == CURVES.keys()
    for curve, ramp in expected.items():
        ramp = torch.where(way <= 0, 0, torch.where(way >= 1, 1, ramp))
        torch.testing.assert_close(feather(edge, 12, curve=curve), ramp.expand(1, 3, -1), rtol=0, atol=1e-6)


# blur


@settings(max_examples=40, deadline=None)
@given(masks(), st.floats(0.2, 30), st.sampled_from([torch.float32, torch.float64]))
def test_blur_is_scipys(mask, sigma, dtype):
    for frame, blurred in zip(mask.to(dtype), blur(mask.to(dtype), sigma), strict=True):
        expected = ndimage.gaussian_filter(frame.double().numpy(), sigma, mode="nearest")
        np.testing.assert_allclose(blurred, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.8, 8, 42.5])
def test_blur_is_scipys_on_a_scene(sigma):
    mask = scene(200, 170)
    expected = ndimage.gaussian_filter(mask[0].double().numpy(), sigma, mode="nearest")
    np.testing.assert_allclose(blur(mask, sigma)[0], expected, rtol=0, atol=1e-6)


def test_blur_does_not_fade_at_the_border_of_the_picture():
    assert bool((blur(torch.ones(1, 30, 20), 7) - 1).abs().max() < 1e-6)
    column = drawn("...###...").repeat(1, 12, 1)
    blurred = blur(column, 2)
    torch.testing.assert_close(blurred, blurred[:, :1].expand_as(blurred), rtol=0, atol=1e-6)


def test_blur_refuses_a_negative_sigma():
    with pytest.raises(InpaintError, match=r"^sigma: expected 0 or more, got -1"):
        blur(torch.zeros(1, 2, 2), -1)


# smooth_outline


def test_smooth_outline_takes_a_bump_and_a_notch_and_leaves_the_edge():
    edge = torch.zeros(1, 60, 60)
    edge[:, :, 30:] = 1
    jagged = edge.clone()
    jagged[0, 20, 27:30] = 1
    jagged[0, 40, 30:33] = 0
    assert torch.equal(smooth_outline(jagged, 8), edge)
    assert torch.equal(smooth_outline(edge, 8), edge)
    assert torch.equal(smooth_outline(jagged, 0), jagged)
    assert not torch.equal(smooth_outline(jagged, 1), edge)


def test_smooth_outline_keeps_a_disc_of_its_size():
    y, x = np.mgrid[:100, :100] - 50
    disc = torch.from_numpy((np.hypot(x, y) <= 30).astype(np.float32))[None]
    changed = (smooth_outline(disc, 8) != disc).sum() / disc.sum()
    assert changed < 0.02


@settings(max_examples=30, deadline=None)
@given(masks(), st.floats(0.5, 8))
def test_smooth_outline_is_a_blur_cut_at_a_half(mask, pixels):
    for frame, smoothed in zip(mask.numpy(), smooth_outline(mask, pixels), strict=True):
        blurred = ndimage.gaussian_filter((frame >= 0.5).astype(np.float64), pixels / 2, mode="nearest")
        clear = np.abs(blurred - 0.5) > 1e-5
        np.testing.assert_array_equal(smoothed.numpy()[clear], (blurred >= 0.5)[clear])


def test_a_smooth_outline_is_the_same_in_half_precision():
    """Rounded to half precision, what the blur leaves just below 0.5 would count as masked."""
    random = torch.Generator().manual_seed(1)
    mask = (torch.rand(200, 12, 13, generator=random) < 0.3).float()
    for dtype in (torch.float16, torch.bfloat16):
        assert torch.equal(smooth_outline(mask.to(dtype), 3).float(), smooth_outline(mask, 3))
