"""The clean-up as a whole: order, sentences, and that a step at zero does nothing.

Mutations seen to fail here: any two neighbouring steps swapped; a step run although it is off; a sentence told for a
step that changed nothing; gamma alone passed over, or not told; max_hole not passed on, or 0 read as none; a radius
told for a width; snap before the threshold.
"""

from dataclasses import replace

import pytest
import torch

from inpaint import masks
from inpaint.masks.clean import SHAPES, CleanUp, clean, coverage
from tests.inpaint.masks.operators.drawing import drawn, scene

NOTHING = CleanUp(threshold=0, snap_tolerance=0, fill_holes=False, min_area=0, grow=0)


def test_nothing_to_do_says_nothing():
    mask = torch.rand(2, 9, 9)
    cleaned, messages = clean(mask, NOTHING)
    assert torch.equal(cleaned, mask)
    assert messages == []
    block = torch.zeros(1, 40, 40)
    block[0, 10:30, 10:30] = 1
    assert clean(block, CleanUp(grow=0))[1] == []


def test_every_step_tells_what_it_changed():
    mask = torch.zeros(1, 60, 60)
    mask[0, 20:40, 20:40] = 0.9
    mask[0, 30, 30] = 0  # a pinhole
    mask[0, 5, 5] = 1  # a speck
    given = mask.clone()
    cleaned, messages = clean(mask, CleanUp(grow=4))
    assert messages == [
        "set values of 0.5 and above to 1, others to 0 (399 px)",
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
    mask[0, 30:40, 30:40] = 1
    cleaned, _ = clean(mask, CleanUp(min_area=4, grow=8))
    assert not cleaned[0, :20, :20].any()


def test_a_speck_that_is_all_there_is_stays():
    """A touch-up of a grain of dust, beside a mask that holds more."""
    mask = torch.zeros(2, 60, 60)
    mask[:, 5, 5] = 1
    mask[1, 30:40, 30:40] = 1
    cleaned, messages = clean(mask, CleanUp(grow=0))
    assert torch.equal(cleaned[0], mask[0])
    assert not cleaned[1, 5, 5]
    assert messages == ["removed specks under 16 px (1 px)"]


def test_feather_comes_last():
    mask = torch.zeros(1, 60, 60)
    mask[0, 20:40, 20:40] = 1
    cleaned, _ = clean(mask, CleanUp(grow=5, feather=6))
    assert cleaned[0, 30, 15:18].tolist() == sorted(cleaned[0, 30, 15:18].tolist())
    assert 0 < cleaned[0, 30, 13] < 0.5 < cleaned[0, 30, 16] < 1
    assert cleaned[0, 30, 11] == 0
    assert cleaned[0, 30, 18] == 1


@pytest.mark.parametrize(
    ("mask", "steps", "message", "cleaned"),
    [
        ("#.", {"invert": True}, "inverted (2 px)", ".#"),
        ("#+.", {"black": 0.5}, "stretched values from 0.5 to 1 (1 px)", "#.."),
        ("#+.", {"white": 0.5}, "stretched values from 0 to 0.5 (1 px)", "##."),
        ("#+.", {"gamma": 1e-3}, "stretched values from 0 to 1 with gamma 0.001 (1 px)", "#.."),
        ("#+.", {"threshold": 0.5}, "set values of 0.5 and above to 1, others to 0 (1 px)", "##."),
        ("#+.", {"threshold": 0.6}, "set values of 0.6 and above to 1, others to 0 (1 px)", "#.."),
        ("### #.# ###", {"fill_holes": True}, "filled holes (1 px)", "### ### ###"),
        (
            "####### #.##..# #######",
            {"fill_holes": True, "max_hole": 1},
            "filled holes up to 1 px (1 px)",
            "####### ####..# #######",
        ),
        ("##.#", {"min_area": 2}, "removed specks under 2 px (1 px)", "##.."),
        ("##.#.###", {"keep_largest": 2}, "kept the 2 largest (1 px)", "##...###"),
        ("####..#### ####..####", {"close": 1.5}, "closed gaps under 3 px (4 px)", "########## ##########"),
        (".###.#. .###.#.", {"open": 1}, "removed strokes under 2 px (2 px)", ".###... .###..."),
        (
            "..... ..#.. ##### #####",
            {"smooth_outline": 4},
            "smoothed the outline by 4 px (1 px)",
            "..... ..... ##### #####",
        ),
        ("#..# .... #...", {"shape": "convex hull"}, "replaced the mask by its convex hull (4 px)", "#### ##.. #..."),
        ("#..# .... #...", {"shape": "box"}, "replaced the mask by its box (9 px)", "#### #### ####"),
        ("..#..", {"grow": 1}, "grew by 1 px (2 px)", ".###."),
        (".###.", {"grow": -1}, "shrank by 1 px (2 px)", "..#.."),
        ("..++#", {"feather": 1}, "feathered over 1 px (2 px)", "..###"),
    ],
)
def test_each_step_alone_does_and_tells_what_it_is_for(mask, steps, message, cleaned):
    found, messages = clean(drawn(mask), replace(NOTHING, **steps))
    assert messages == [message]
    assert torch.equal(found, drawn(cleaned))


def test_a_flicker_goes_before_the_threshold_and_is_told():
    video = torch.zeros(7, 1, 2)
    video[:, 0, 0] = 1
    video[3] = 1 - video[3]
    cleaned, messages = clean(video, replace(NOTHING, smooth_time=1, threshold=0.5))
    assert cleaned[:, 0, 0].all()
    assert not cleaned[:, 0, 1].any()
    assert messages[0] == "averaged over 1 frames (14 px)"
    assert messages[1] == "set values of 0.5 and above to 1, others to 0 (14 px)"


def test_snap_is_for_masks_that_no_threshold_makes_hard():
    mask = torch.tensor([[[0.01, 0.02, 0.5, 0.6, 0.98]]])
    cleaned, messages = clean(mask, replace(NOTHING, snap_tolerance=0.02))
    assert torch.equal(cleaned, torch.tensor([[[0.0, 0.0, 0.5, 0.6, 1.0]]]))
    assert messages == ["rounded values within 0.02 of 0 or 1 (3 px)"]
    cleaned, messages = clean(mask, replace(NOTHING, snap_tolerance=0.1, threshold=0.99))
    assert not cleaned.any()
    assert messages == ["set values of 0.99 and above to 1, others to 0 (5 px)"]


def test_the_largest_are_chosen_before_the_mask_grows():
    assert torch.equal(
        clean(drawn("##.#..... ........."), replace(NOTHING, keep_largest=1, grow=1))[0],
        drawn("###...... ##......."),
    )


def test_a_box_grows_round_corners():
    mask = drawn("......... ......... ...#..... .....#... ......... .........")
    grown = drawn("......... ...###... ..#####.. ..#####.. ...###... .........")
    assert torch.equal(clean(mask, replace(NOTHING, shape="box", grow=1))[0], grown)


def test_the_steps_run_in_the_order_in_which_they_are_listed():
    """Every step changes this video, so that each says so, and any two of them swapped would give another."""
    video = 1 - masks.blur(torch.cat([scene(90, 120, seed) for seed in range(4)]), 1.5)
    cleaned, messages = clean(
        video,
        CleanUp(
            invert=True,
            black=0.1,
            white=0.9,
            gamma=1.5,
            smooth_time=0.6,
            threshold=0.6,
            max_hole=100,
            min_area=80,
            keep_largest=2,
            close=2,
            open=3,
            smooth_outline=6,
            shape="convex hull",
            grow=3,
            feather=5,
        ),
    )
    verbs = ["inverted", "stretched", "averaged", "set values", "filled", "removed specks", "kept", "closed"]
    verbs += ["removed strokes", "smoothed", "replaced the mask", "grew", "feathered"]
    assert len(messages) == len(verbs)
    assert all(sentence.startswith(verb) for sentence, verb in zip(messages, verbs, strict=True))
    expected = masks.smooth_over_time(masks.levels(masks.invert(video), 0.1, 0.9, 1.5), 0.6)
    expected = masks.fill_holes(masks.threshold(expected, 0.6), 100)
    expected = masks.keep_largest(masks.remove_specks(expected, 80), 2)
    expected = masks.smooth_outline(masks.open(masks.close(expected, 2), 3), 6)
    expected = masks.feather(masks.grow(masks.convex_hull(expected), 3), 5)
    assert torch.equal(cleaned, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_empty_and_full_stay_so_whatever_is_done(shape, dtype):
    steps = CleanUp(gamma=2, keep_largest=1, close=3, open=3, smooth_outline=5, shape=shape, grow=-3, feather=5)
    for value in (0, 1):
        mask = torch.full((3, 20, 30), value, dtype=dtype)
        cleaned, messages = clean(mask, steps)
        assert torch.equal(cleaned, mask)
        assert messages == []


def test_coverage():
    mask = torch.zeros(1, 10, 10)
    assert "empty" in coverage(mask)
    mask[0, 0, :5] = 0.2
    assert "5.0%" in coverage(mask)
    assert "full" in coverage(torch.ones(1, 4, 4))
