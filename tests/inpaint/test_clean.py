"""The clean-up as a whole: order, sentences, and that a step at zero does nothing.

Mutations seen to fail here: feather before grow; specks removed after growing; a step run although it is off; a
sentence told for a step that changed nothing.
"""

import torch

from inpaint.clean import CleanUp, clean, coverage
from inpaint.overlay import overlay

NOTHING = CleanUp(invert=False, threshold=0, fill_holes=False, min_area=0, grow=0, feather=0)


def test_nothing_to_do_says_nothing():
    mask = torch.rand(2, 9, 9)
    cleaned, told = clean(mask, NOTHING)
    assert torch.equal(cleaned, mask)
    assert told == []
    block = torch.zeros(1, 40, 40)
    block[0, 10:30, 10:30] = 1
    assert clean(block, CleanUp(grow=0))[1] == []


def test_every_step_tells_what_it_changed():
    mask = torch.zeros(1, 60, 60)
    mask[0, 20:40, 20:40] = 0.9
    mask[0, 30, 30] = 0  # a pinhole
    mask[0, 5, 5] = 1  # a speck
    given = mask.clone()
    cleaned, told = clean(mask, CleanUp(grow=4))
    assert told == [
        "made values from 0.5 up 1, others 0 (399 px)",
        "filled holes (1 px)",
        "removed specks under 16 px (1 px)",
        "grew by 4 px (352 px)",
    ]
    assert cleaned[0, 30, 30] == 1
    assert cleaned[0, 5, 5] == 0
    assert cleaned.sum() == 400 + 4 * 20 * 4 + 4 * 8  # sides, and in each corner a quarter of the disc
    assert torch.equal(mask, given)


def test_a_speck_is_gone_before_the_mask_grows():
    mask = torch.zeros(1, 60, 60)
    mask[0, 5, 5] = 1
    assert not clean(mask, CleanUp(min_area=4, grow=8))[0].any()


def test_feather_comes_last():
    mask = torch.zeros(1, 60, 60)
    mask[0, 20:40, 20:40] = 1
    cleaned, _ = clean(mask, CleanUp(grow=5, feather=6))
    assert cleaned[0, 30, 15:18].tolist() == sorted(cleaned[0, 30, 15:18].tolist())
    assert 0 < cleaned[0, 30, 13] < 0.5 < cleaned[0, 30, 16] < 1
    assert cleaned[0, 30, 11] == 0
    assert cleaned[0, 30, 18] == 1


def test_coverage():
    mask = torch.zeros(1, 10, 10)
    assert "empty" in coverage(mask)
    mask[0, 0, :5] = 0.2
    assert "5.0%" in coverage(mask)
    assert "full" in coverage(torch.ones(1, 4, 4))


def test_overlay_veils_only_the_mask():
    image = torch.full((2, 1, 2, 4), 0.5)
    veiled = overlay(image, torch.tensor([[[0.0, 1.0]]]))
    assert veiled.shape == (2, 1, 2, 3)
    assert torch.equal(veiled[:, :, 0], image[:, :, 0, :3])
    assert veiled[0, 0, 1, 0] > 0.7 > 0.4 > veiled[0, 0, 1, 2]
