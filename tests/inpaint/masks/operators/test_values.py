"""Operators on single values: threshold, snap, invert, levels.

Mutations seen to fail here: `>` for `>=` in threshold and snap; snap at one end only; gamma the wrong way round; levels
that are not cut at 0 and 1.
"""

import math

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.masks import invert, levels, snap, threshold


def test_threshold_takes_the_level_itself():
    assert torch.equal(threshold(torch.tensor([[[0.49, 0.5, 0.98]]]), 0.5), torch.tensor([[[0.0, 1.0, 1.0]]]))


@pytest.mark.parametrize("level", [0, -0.1, 1.01, math.nan])
def test_threshold_refuses_other_levels(level):
    with pytest.raises(InpaintError, match=f"^level: expected above 0 and at most 1, got {level}"):
        threshold(torch.zeros(1, 2, 2), level)


def test_invert_swaps():
    assert torch.equal(invert(torch.tensor([[[0.0, 0.25, 1.0]]])), torch.tensor([[[1.0, 0.75, 0.0]]]))


def test_snap_takes_only_what_is_near():
    given = torch.tensor([[[0.0, 0.004, 0.02, 0.03, 0.5, 0.97, 0.98, 1.0]]])
    assert torch.equal(snap(given, 0.02), torch.tensor([[[0.0, 0.0, 0.0, 0.03, 0.5, 0.97, 1.0, 1.0]]]))
    assert torch.equal(snap(given, 0), given)


@pytest.mark.parametrize("margin", [-0.01, 0.5, math.nan])
def test_snap_refuses_other_margins(margin):
    with pytest.raises(InpaintError, match=f"^margin: expected 0 or more and below 0.5, got {margin}"):
        snap(torch.zeros(1, 2, 2), margin)


def test_levels_stretch_and_bend():
    given = torch.tensor([[[0.0, 0.2, 0.3, 0.4, 0.6, 1.0]]])
    torch.testing.assert_close(levels(given, 0.2, 0.6), torch.tensor([[[0.0, 0.0, 0.25, 0.5, 1.0, 1.0]]]))
    torch.testing.assert_close(levels(given, 0.2, 0.6, 2), torch.tensor([[[0.0, 0.0, 0.5, 0.5**0.5, 1.0, 1.0]]]))
    assert torch.equal(levels(given), given)


def test_levels_refuse_what_makes_no_sense():
    with pytest.raises(InpaintError, match=r"^levels: expected black below white, got black 0.5, white 0.5"):
        levels(torch.zeros(1, 2, 2), 0.5, 0.5)
    with pytest.raises(InpaintError, match=r"^gamma: expected above 0, got 0"):
        levels(torch.zeros(1, 2, 2), gamma=0)
