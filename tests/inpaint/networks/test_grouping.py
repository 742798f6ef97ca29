"""Which holes are filled together, and what is shown of the picture: literal cases, and what holds for every mask.

Mutations seen to fail here: near holes left apart; holes joined beyond the native crop; a thin hole reduced; a thick
one cut; a cell's box not made tight; the native square left out; a crop that fits enlarged or reduced; a side that is
no multiple; a reduced crop that cuts its context.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from inpaint.core.geometry import Box, Size
from inpaint.crops.crop_plan import Context
from inpaint.networks.grouping import LEAST, Windows, parts_of
from inpaint.networks.network import Grid

ANY, FIXED = Grid(native=128, multiple=8, fixed=False), Grid(native=128, multiple=128, fixed=True)


def windows(width: int, height: int, grid: Grid = ANY, context: float = 2.0, most: int = 256) -> Windows:
    return Windows(Size(width, height), grid, Context(context), most)


def hole(width: int, height: int, *boxes: Box) -> torch.Tensor:
    made = torch.zeros(height, width, dtype=torch.bool)
    for box in boxes:
        made[box.slices] = True
    return made


def test_near_holes_are_taken_together_and_far_ones_are_not():
    near = hole(600, 600, Box(10, 10, 20, 20), Box(40, 30, 20, 20))
    parts = parts_of(near, windows(600, 600))
    assert (parts.boxes, parts.holes) == ([Box(10, 10, 50, 40)], 2)
    assert torch.equal(parts.numbers > 0, near)
    far = hole(600, 600, Box(10, 10, 20, 20), Box(400, 30, 20, 20), Box(30, 300, 5, 5))
    parts = parts_of(far, windows(600, 600))
    assert parts.boxes == [Box(10, 10, 20, 20), Box(400, 30, 20, 20), Box(30, 300, 5, 5)]
    assert [int(parts.numbers[box.y, box.x]) for box in parts.boxes] == [1, 2, 3]


def test_holes_are_joined_as_far_as_one_native_crop_shows_them():
    # In pairs: 44 pixels and their context fit into 128, 84 do not.
    row = hole(900, 300, *(Box(100 + 40 * n, 100, 4, 4) for n in range(6)))
    boxes = parts_of(row, windows(900, 300)).boxes
    assert boxes == [Box(100, 100, 44, 4), Box(180, 100, 44, 4), Box(260, 100, 44, 4)]


def test_a_diagonal_line_is_one_hole():
    assert parts_of(torch.eye(20, dtype=torch.bool), windows(20, 20)).holes == 1


@pytest.mark.parametrize(("grid", "cell"), [(ANY, 128), (FIXED, 64)])
def test_a_long_thin_hole_is_filled_cell_by_cell(grid, cell):
    scratch = hole(1000, 400, Box(20, 200, 960, 6))
    shown = windows(1000, 400, grid)
    parts = parts_of(scratch, shown)
    assert parts.holes == 1
    assert len(parts.boxes) == -(-960 // cell)
    assert parts.boxes[0] == Box(20, 200, cell, 6)
    assert [int(parts.numbers[203, 20 + cell * n]) for n in range(3)] == [1, 2, 3]
    for box in parts.boxes:
        plan = shown.plan(box)
        assert plan.box.size == plan.target


def test_cells_fit_what_lies_in_them():
    ring = hole(1000, 1000, Box(20, 20, 900, 900))
    ring[30:910, 30:910] = False
    parts = parts_of(ring, windows(1000, 1000))
    assert parts.holes == 1
    assert len(parts.boxes) > 20
    for number, box in enumerate(parts.boxes, 1):
        (rows, columns) = (parts.numbers == number).nonzero().unbind(1)
        assert box == Box.between(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def test_a_large_thick_hole_is_one_part_and_reduced():
    box = Box(100, 100, 700, 300)
    shown = windows(1000, 600)
    parts = parts_of(hole(1000, 600, box), shown)
    assert parts.boxes == [box]
    plan = shown.plan(box)
    assert plan.target == Size(256, 144)
    assert plan.box.x <= 0
    assert plan.box.right >= 1000


def test_the_native_square_is_shown():
    assert windows(600, 600).plan(Box(300, 300, 10, 10)).box == Box(241, 241, 128, 128)
    assert windows(600, 600).plan(Box(0, 590, 10, 10)).box == Box(0, 472, 128, 128)
    assert windows(600, 600, most=96).plan(Box(300, 300, 10, 10)).box == Box(257, 257, 96, 96)


def test_a_small_picture_is_not_enlarged():
    plan = windows(50, 40).plan(Box(5, 5, 10, 10))
    assert (plan.box, plan.target) == (Box(0, 0, 64, 64), Size(64, 64))
    plan = windows(50, 40, FIXED).plan(Box(30, 5, 15, 10))
    assert (plan.box, plan.target) == (Box(-78, 0, 128, 128), Size(128, 128))


SIZES = st.integers(1, 700)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    SIZES, SIZES, st.data(), st.sampled_from([ANY, FIXED]), st.sampled_from([1.0, 2.0, 5.0]), st.sampled_from([64, 256])
)
def test_every_plan(width, height, data, grid, context, most):
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    shown = windows(width, height, grid, context, most)
    plan = shown.plan(box)
    wanted = Context(context).around(box, Size(width, height))
    assert plan.box.meet(wanted) == wanted
    assert plan.target.width % grid.multiple == plan.target.height % grid.multiple == 0
    if grid.fixed:
        assert plan.target == Size(128, 128)
        assert plan.box.width == plan.box.height >= 128
    else:
        assert min(plan.target.width, plan.target.height) >= LEAST
        assert max(plan.target.width, plan.target.height) <= max(most, LEAST)
    if shown.holds(box, shown.longest - 7):
        assert plan.box.size == plan.target
    across, down = plan.target.width / plan.box.width, plan.target.height / plan.box.height
    assert across <= 1
    assert abs(across / down - 1) < 0.1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 12), st.sampled_from([ANY, FIXED]))
def test_every_pixel_of_every_hole_is_in_one_part(seed, share, coarse, grid):
    random = np.random.default_rng(seed)
    made = np.kron(random.random((30, 50)) < share, np.ones((coarse, coarse))) > 0
    height, width = made.shape
    parts = parts_of(torch.from_numpy(made), windows(width, height, grid))
    numbers = parts.numbers.numpy()
    assert ((numbers > 0) == made).all()
    assert parts.holes == ndimage.label(made, np.ones((3, 3)))[1]
    assert set(np.unique(numbers)) - {0} == set(range(1, len(parts.boxes) + 1))
    for place, box in zip(ndimage.find_objects(numbers), parts.boxes, strict=True):
        assert place == box.slices
