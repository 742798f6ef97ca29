"""Smoothing over time against scipy.

Mutations seen to fail here: frames beyond the ends taken as 0; sigma doubled; the smoothed frames fed back in.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from inpaint.core.errors import InpaintError
from inpaint.masks import smooth_over_time, threshold


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.floats(0.1, 4), st.sampled_from([torch.float16, torch.float32, torch.float64]))
def test_it_is_scipys(length, frames, dtype):
    video = torch.rand(length, 3, 4, generator=torch.Generator().manual_seed(length)).to(dtype)
    before = video.clone()
    smoothed = smooth_over_time(video, frames)
    expected = gaussian_filter1d(video.double().numpy(), frames, axis=0, mode="nearest")
    np.testing.assert_allclose(smoothed.double(), expected, rtol=0, atol=1e-3 if dtype == torch.float16 else 1e-6)
    assert smoothed.dtype == dtype
    assert torch.equal(video, before)


@pytest.mark.parametrize(("frames", "gone"), [(0.8, 1), (1.5, 2)])
def test_a_flicker_goes(frames, gone):
    video = torch.ones(12, 2, 2)
    video[5 : 5 + gone] = 0
    assert threshold(smooth_over_time(video, frames), 0.5).all()
    assert not threshold(smooth_over_time(1 - video, frames), 0.5).any()


def test_a_still_stays_as_it_is():
    still = torch.rand(1, 3, 3).expand(5, -1, -1)
    torch.testing.assert_close(smooth_over_time(still, 2), still)
    assert torch.equal(smooth_over_time(still, 0), still)


@pytest.mark.parametrize("frames", [0.8, 1, 1.5, 3, 10])
def test_full_stays_exactly_full(frames):
    assert smooth_over_time(torch.ones(5, 2, 2), frames).eq(1).all()


def test_a_negative_time_is_refused():
    with pytest.raises(InpaintError, match=r"^frames: expected 0 or more, got -1"):
        smooth_over_time(torch.zeros(3, 2, 2), -1)
