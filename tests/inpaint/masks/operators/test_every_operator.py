"""What all operators on masks have in common.

Mutations seen to fail here: an input changed in place; float16 given back as float32; frames mixed up; the window
around a mask one pixel too small; a border that feeds or eats the mask.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from inpaint import masks
from inpaint.core.errors import InpaintError
from inpaint.masks.operators.edges import CURVES, SIDES
from tests.inpaint.masks.operators.drawing import scene

OPERATORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "threshold": lambda mask: masks.threshold(mask, 0.5),
    "snap": lambda mask: masks.snap(mask, 0.05),
    "invert": masks.invert,
    "levels": lambda mask: masks.levels(mask, 0.1, 0.8, 1.5),
    "grow": lambda mask: masks.grow(mask, 2.5),
    "shrink": lambda mask: masks.grow(mask, -1.5),
    "close": lambda mask: masks.close(mask, 2),
    "open": lambda mask: masks.open(mask, 2),
    **{f"feather {side}": partial(masks.feather, pixels=4, side=side) for side in SIDES},
    **{f"feather {kind}": partial(masks.feather, pixels=5, curve=kind) for kind in CURVES},
    "blur": lambda mask: masks.blur(mask, 1.5),
    "smooth_outline": lambda mask: masks.smooth_outline(mask, 3),
    "fill_holes": masks.fill_holes,
    "fill_holes up to": lambda mask: masks.fill_holes(mask, 3),
    "remove_specks": lambda mask: masks.remove_specks(mask, 5),
    "keep_largest": lambda mask: masks.keep_largest(mask, 2),
    "keep_at": lambda mask: masks.keep_at(mask, 0, 0),
    "convex_hull": masks.convex_hull,
    "bounding_box": masks.bounding_box,
    "combine": lambda mask: masks.combine(mask, torch.zeros(1, 3, 3), "add"),
}
every_operator = pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())
# These see nothing but the values around a pixel, so that what is far away cannot matter.
LOCAL = [name for name in OPERATORS if name not in ("keep_at", "convex_hull", "bounding_box", "combine")]


@every_operator
def test_input_is_left_as_it_was_and_dtype_is_kept(operator):
    for dtype in (torch.float16, torch.float32, torch.float64):
        mask = (torch.rand(2, 9, 11) * 8).round().div(8).to(dtype)
        before = mask.clone()
        assert operator(mask).dtype == dtype
        assert torch.equal(mask, before)


@every_operator
def test_frames_do_not_see_each_other(operator):
    mask = torch.stack([torch.zeros(9, 11), torch.rand(9, 11).round(), torch.ones(9, 11), torch.rand(9, 11)])
    alone = torch.cat([operator(frame[None]) for frame in mask])
    # Powers are not computed alike in long and short rows.
    torch.testing.assert_close(operator(mask), alone, rtol=0, atol=1e-6)


@every_operator
def test_half_precision_gives_the_same_as_single(operator):
    mask = (torch.rand(1, 12, 13) * 8).round() / 8
    torch.testing.assert_close(operator(mask.half()).float(), operator(mask), rtol=0, atol=1e-3)


@every_operator
def test_what_is_no_mask_is_refused(operator):
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\].*, got \[7\]\. Connect a MASK"):
        operator(torch.zeros(7))


@every_operator
def test_empty_and_full_stay_what_they_are(operator):
    """The picture's border neither feeds a mask nor eats it. Only inverting swaps the two."""
    for value in (0.0, 1.0):
        result = operator(torch.full((2, 8, 12), value))
        assert bool((result == (1 - value if operator is masks.invert else value)).all())


@every_operator
def test_a_mask_of_odd_memory_is_taken(operator):
    """Transposed, expanded, one pixel wide: what slicing and broadcasting leave behind."""
    mask = scene(40, 24)
    turned = mask.mT.contiguous().mT
    assert torch.equal(operator(turned), operator(mask))
    assert torch.equal(operator(mask.expand(3, -1, -1)), operator(mask).expand(3, -1, -1))
    for shape in ((1, 1, 1), (1, 1, 30), (1, 30, 1)):
        assert operator((torch.rand(shape) * 4).round() / 4).isfinite().all()


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("soft", [False, True])
def test_room_around_a_mask_changes_nothing_in_it(name, soft):
    """A margin of zeros wider than any reach: the border of the picture behaves as the inside does."""
    mask = scene(48, 40, seed=3)
    mask[:, [0, -1]], mask[:, :, [0, -1]] = 0, 0
    mask = F.pad(mask, (16, 16, 16, 16))
    if soft:
        mask = masks.blur(mask, 1.2)
    operator = OPERATORS[name]
    wide = operator(F.pad(mask, (21, 30, 17, 9)))[:, 17:-9, 21:-30]
    torch.testing.assert_close(wide, operator(mask), rtol=0, atol=1e-6)
