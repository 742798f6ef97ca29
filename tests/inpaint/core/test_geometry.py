"""Sizes and boxes.

Mutations seen to fail here: rounding down; a whole multiple more where it already fits; boxes that touch meet.
"""

from hypothesis import given
from hypothesis import strategies as st

from inpaint.core.geometry import Box, Sides, Size, ceil_to_multiple, join


@given(st.integers(0, 5000), st.integers(1, 129))
def test_ceil_to_multiple_is_the_first_multiple_reached(value, multiple):
    assert ceil_to_multiple(value, multiple) == next(n for n in range(value, value + multiple) if n % multiple == 0)


def test_size_to_multiple():
    assert Size(513, 512).to_multiple(8) == Size(520, 512)
    assert Size(1, 65).to_multiple(64) == Size(64, 128)


def test_boxes_join_and_meet():
    left, right = Box(0, 2, 4, 4), Box(3, 1, 5, 2)
    assert left.join(right) == Box(0, 1, 8, 5)
    assert left.meet(right) == Box(3, 2, 1, 1)
    assert left.meet(Box(4, 2, 4, 4)) is None
    assert join([None, left, None, right]) == left.join(right)
    assert join([None]) is None


def test_a_box_knows_what_lies_on_the_picture():
    box = Box(-3, 2, 20, 4)
    assert box.within(Size(10, 10)) == Box(0, 2, 10, 4)
    assert box.overhang(Size(10, 10)) == Sides(3, 0, 7, 0)
    assert box.widened(1, 2) == Box(-4, 0, 22, 8)
