"""Which part of a latent is sampled, and how what covers the picture is cut to it.

Mutations seen to fail here: columns and rows swapped; the last cell left out; context on one side only; a window off
the grid; areas not clipped, or moved the wrong way; the whole changed in place.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inpaint.core.geometry import Box
from inpaint.sampling.window import GRID, cut, cut_area, paste, plan_window


def _mask(height, width, *cells, batch=1):
    mask = torch.zeros(batch, 1, height, width)
    for number, (y, x) in enumerate(cells):
        mask[number % batch, 0, y, x] = 0.01
    return mask


@pytest.mark.parametrize(
    ("mask", "context", "window"),
    [
        pytest.param(_mask(64, 64), 8, None, id="nothing masked"),
        pytest.param(_mask(64, 64, (32, 32)), 0, Box(32, 32, 8, 8), id="one cell: one cell of the grid"),
        pytest.param(_mask(64, 64, (31, 40)), 8, Box(32, 16, 24, 24), id="rows are y"),
        pytest.param(_mask(64, 96, (3, 90)), 16, Box(72, 0, 24, 24), id="cut off by the picture's edges"),
        pytest.param(_mask(61, 61, (60, 60)), 4, Box(56, 56, 5, 5), id="a latent off the grid ends where it ends"),
        pytest.param(_mask(64, 64, (32, 32)), 64, None, id="all of it is the whole"),
        pytest.param(_mask(24, 64, (12, 32)), 8, Box(24, 0, 24, 24), id="whole one way only"),
        pytest.param(_mask(64, 64, (8, 8), (40, 48), batch=2), 0, Box(8, 8, 48, 40), id="of all pictures together"),
    ],
)
def test_windows(mask, context, window):
    assert plan_window(mask, context) == window
    assert plan_window(mask[:, :, None], context) == window  # a video


@pytest.mark.parametrize(
    ("side", "context"), [(1, 8), (16, 8), (17, 9), (40, 20), (64, 32), (90, 32)], ids=lambda value: str(value)
)
def test_context_follows_the_masks_longer_side(side, context):
    mask = _mask(256, 256, (100, 100), (100, 100 + side - 1))
    assert plan_window(mask) == plan_window(mask, context)
    assert plan_window(mask.mT) == plan_window(mask.mT, context)


def test_a_window_has_whole_patches():
    mask = torch.zeros(1, 1, 128, 160)
    mask[..., 70:75, 33:50] = 1
    assert plan_window(mask, 2, patch=32) == Box(0, 64, 64, 32)
    assert plan_window(mask, 2, patch=2) == plan_window(mask, 2) == Box(24, 64, 32, 16)


@given(st.integers(9, 90), st.integers(9, 90), st.integers(0, 40), st.data())
def test_a_window_holds_the_mask_and_its_context(height, width, context, data):
    cells = data.draw(
        st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), min_size=1, max_size=4)
    )
    window = plan_window(_mask(height, width, *cells), context) or Box(0, 0, width, height)
    for y, x in cells:
        assert window.x <= max(0, x - context)
        assert window.y <= max(0, y - context)
        assert window.x + window.width >= min(width, x + context + 1)
        assert window.y + window.height >= min(height, y + context + 1)
    assert window.x % GRID == window.y % GRID == 0
    ends = (window.x + window.width, width), (window.y + window.height, height)
    assert all(end % GRID == 0 or end == whole for end, whole in ends)
    # No cell of the grid more than needed.
    assert window.x + GRID > max(0, min(x for _, x in cells) - context)
    assert window.y + window.height - GRID < max(y for y, _ in cells) + context + 1


def test_cut_takes_the_same_place_at_every_resolution():
    cells = torch.arange(24 * 32.0).view(1, 1, 24, 32)
    window = Box(8, 16, 16, 8)
    part = cut(cells, window, (24, 32))
    assert part[0, 0, 0, 0] == 16 * 32 + 8
    assert part.shape == (1, 1, 8, 16)
    pixels = cells.repeat_interleave(8, -1).repeat_interleave(8, -2)
    assert torch.equal(cut(pixels, window, (24, 32))[..., ::8, ::8], part)


def test_paste_puts_it_back_and_changes_nothing_else():
    whole = torch.rand(2, 4, 3, 24, 32)
    before, window = whole.clone(), Box(8, 16, 16, 8)
    assert torch.equal(paste(whole, cut(whole, window, (24, 32)), window), whole)
    pasted = paste(whole, torch.full((2, 4, 3, 8, 16), 7.0, dtype=torch.float64), window)
    assert (pasted == 7).sum() == 2 * 4 * 3 * 8 * 16
    assert (cut(pasted, window, (24, 32)) == 7).all()
    assert torch.equal(whole, before)


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ((8, 16, 16, 8), (8, 16, 0, 0)),
        ((64, 64, 0, 0), (16, 24, 0, 0)),
        ((10, 10, 20, 20), (10, 10, 4, 12)),
        ((4, 4, 0, 0), None),
        ((8, 8, 8, 8), None),
        ((16, 5, 8, 30), (8, 2, 0, 22)),
        ((3, 8, 16, 1, 16, 8), (3, 8, 16, 1, 0, 0)),
    ],
)
def test_areas(area, expected):
    assert cut_area(area, Box(8, 16, 24, 16)) == expected
