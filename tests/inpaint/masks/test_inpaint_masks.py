"""The three masks of an inpaint: their exact distances, and how they lie in each other.

Mutations seen to fail here: a soft edge on another side of the outline; grow left out; the conditioning's edge at the
end of the denoise mask's; the composite as wide as asked for, or its width told wrong; the composite from the denoise
mask cut at 0.5; the object not put back; another cut than 0.5; float16 given back as float32; frames joined.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.masks import feather
from inpaint.masks.inpaint_masks import inpaint_masks
from tests.inpaint.masks.operators.drawing import drawn, masks, scene


def half(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """[1, 3, 80]: the object is the right half, so that column 39 - n is n pixels beside its outermost one."""
    mask = torch.zeros(1, 3, 80, dtype=dtype)
    mask[:, :, 40:] = 1
    return mask


def beside(mask: torch.Tensor) -> torch.Tensor:
    """Values beside the object of `half`, from its outline outwards: [40], at half a pixel, one and a half, ..."""
    assert torch.equal(mask, mask[:, :1].expand_as(mask))
    return mask[0, 0, :40].flip(0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize(("grow", "soft", "paste"), [(4, 8, 8), (0, 10, 4), (7, 6, 13), (12, 2, 3), (3, 4, 7)])
def test_distances_from_a_straight_edge(grow, soft, paste, dtype):
    made = inpaint_masks(half(dtype), grow, soft, paste)
    distance = torch.arange(40) + 0.5
    denoise, conditioning, composite = (beside(each) for each in (made.denoise, made.conditioning, made.composite))
    assert torch.equal(denoise == 1, distance <= grow)
    assert torch.equal(denoise == 0, distance >= grow + soft)
    assert torch.equal(conditioning == 1, distance <= grow + soft / 2)
    assert torch.equal(conditioning, (denoise >= 0.5).to(dtype))
    assert torch.equal(composite == 0, denoise == 0)
    assert torch.equal(composite == 1, distance <= grow + soft - paste)
    for ramp, start, width in ((denoise, grow, soft), (composite, grow + soft - paste, paste)):
        way = 1 - ((distance - start) / width).clamp(0, 1)
        torch.testing.assert_close(ramp.float(), way**2 * (3 - 2 * way), rtol=0, atol=1e-3)
    for each in (made.denoise, made.conditioning, made.composite):
        assert each.dtype == dtype
        assert bool((each[:, :, 40:] == 1).all())
    assert made.composite_feather == paste


@pytest.mark.parametrize(
    ("grow", "soft", "paste", "used"), [(4, 8, 12, 12), (4, 8, 13, 12), (0, 0, 8, 0), (2.5, 0, 3, 2.5), (4, 8, 0, 0)]
)
def test_the_composites_soft_edge_is_no_wider_than_there_is_room(grow, soft, paste, used):
    made = inpaint_masks(half(), grow, soft, paste)
    assert made.composite_feather == used
    assert torch.equal(made.composite, inpaint_masks(half(), grow, soft, used).composite)


def test_without_feather_all_edges_are_hard_and_in_one_place():
    made = inpaint_masks(half(), 5, 0, 0)
    expected = (torch.arange(40) < 5).float()
    for each in (made.denoise, made.conditioning, made.composite):
        assert torch.equal(beside(each), expected)


def test_with_nothing_around_it_the_object_itself_is_all_three():
    mask = drawn("....... .##+... .###... ...#... .......")
    made = inpaint_masks(mask, 0, 0, 0)
    for each in (made.denoise, made.conditioning, made.composite):
        assert torch.equal(each, (mask > 0).float())


def test_the_object_is_where_the_mask_reaches_a_half():
    soft = feather(scene(60, 80), 6)
    of_soft, of_hard = inpaint_masks(soft, 3, 4, 5), inpaint_masks((soft >= 0.5).float(), 3, 4, 5)
    assert torch.equal(of_soft.denoise, of_hard.denoise)
    assert torch.equal(of_soft.conditioning, of_hard.conditioning)
    assert torch.equal(of_soft.composite, of_hard.composite)


def test_even_a_single_pixel_is_pasted_in_full():
    """On the pixel grid 3 pixels around it are less than 3 on the diagonals."""
    pixel = torch.zeros(1, 15, 15)
    pixel[0, 7, 7] = 1
    assert torch.equal(inpaint_masks(pixel, 3, 0, 3).composite == 1, pixel == 1)


def test_nothing_fades_where_the_object_runs_off_the_picture():
    column = drawn("......####......").repeat(1, 12, 1)
    made = inpaint_masks(column, 1, 4, 3)
    for each in (made.denoise, made.conditioning, made.composite):
        assert torch.equal(each, each[:, 5:6].expand_as(each))
        assert bool((each[:, :, 6:10] == 1).all())


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    masks(),
    *(st.floats(0.1, 12) | st.integers(0, 6) for _ in range(3)),
    st.sampled_from([torch.float16, torch.float32, torch.float64]),
)
def test_what_holds_for_every_object(mask, grow, soft, paste, dtype):
    mask = mask.to(dtype)
    before = mask.clone()
    made = inpaint_masks(mask, grow, soft, paste)
    area = mask >= 0.5
    for each in (made.denoise, made.conditioning, made.composite):
        assert (each.dtype, each.shape) == (dtype, mask.shape)
        assert bool(((each >= 0) & (each <= 1)).all())
        assert bool((each[area] == 1).all())
        # Nothing comes of nothing, and in a batch only of a mask's own frame.
        assert not each[~area.flatten(1).any(dim=1)].any()
    assert torch.equal(made.composite == 0, made.denoise == 0)
    assert bool(((made.conditioning == 0) | (made.conditioning == 1)).all())
    assert bool((made.conditioning >= (made.denoise == 1).to(dtype)).all())
    assert bool((made.conditioning <= (made.denoise > 0).to(dtype)).all())
    assert made.composite_feather == min(paste, grow + soft)
    assert torch.equal(mask, before)


def test_empty_stays_empty_and_full_stays_full():
    for value in (0.0, 1.0):
        mask = torch.full((2, 9, 11), value)
        made = inpaint_masks(mask, 4, 8, 8)
        for each in (made.denoise, made.conditioning, made.composite):
            assert torch.equal(each, mask)


def test_each_mask_of_a_batch_is_on_its_own():
    batch = torch.cat([scene(40, 50, seed) for seed in range(3)])
    made = inpaint_masks(batch, 2, 4, 3)
    for number in range(3):
        alone = inpaint_masks(batch[[number]], 2, 4, 3)
        assert torch.equal(made.denoise[[number]], alone.denoise)
        assert torch.equal(made.conditioning[[number]], alone.conditioning)
        assert torch.equal(made.composite[[number]], alone.composite)


@pytest.mark.parametrize("name", ["grow", "feather", "composite_feather"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_other_widths_are_refused(name, value):
    widths = {"grow": 1, "feather": 1, "composite_feather": 1, name: value}
    with pytest.raises(InpaintError, match=f"^{name}: expected 0 or more pixels, got {value}"):
        inpaint_masks(torch.zeros(1, 2, 2), **widths)


def test_what_is_no_mask_is_refused():
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\].*, got \[7\]"):
        inpaint_masks(torch.zeros(7), 1, 1, 1)
