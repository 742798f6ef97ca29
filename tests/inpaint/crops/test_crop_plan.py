"""Where to crop: `plan_box`.

Mutations seen to fail here: width and height swapped; the long side grown; the other side rounded down, or up; 3 to 1;
a strip grown beyond the picture; the factor applied on both sides in full, or after the pixels; the context mask left
out; context beyond the picture; overhang split, or always on the right; shifted in on one side only; grown to the right
alone; an area rounded down, or to nothing; a size or a kept scale not rounded to the multiple; megapixels of 10^6.
"""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Area, Box, Sides, Size
from inpaint.crops.crop_plan import Context, Plan, plan_box

SMALL, WIDE = Size(100, 80), Size(1000, 800)
MASK = Box(40, 30, 20, 10)
FAR_LEFT, FAR_CORNER = Box(0, 30, 20, 10), Box(90, 75, 10, 5)

# What is asked for; the box; what it is scaled to; what overhangs.
CASES: dict[str, tuple[dict[str, Any], Box, Size, Sides]] = {
    "the mask alone": (dict(mask=MASK, multiple=1), Box(40, 30, 20, 10), Size(20, 10), Sides(0, 0, 0, 0)),
    "a factor": (
        dict(mask=MASK, context=Context(1.5), multiple=1),
        Box(35, 27, 30, 16),
        Size(30, 16),
        Sides(0, 0, 0, 0),
    ),
    "pixels": (
        dict(mask=MASK, context=Context(pixels=3), multiple=1),
        Box(37, 27, 26, 16),
        Size(26, 16),
        Sides(0, 0, 0, 0),
    ),
    "a factor, then pixels": (
        dict(mask=MASK, context=Context(2, 5), multiple=1),
        Box(25, 20, 50, 30),
        Size(50, 30),
        Sides(0, 0, 0, 0),
    ),
    "a context mask": (
        dict(mask=MASK, also=Box(10, 50, 5, 5), multiple=1),
        Box(10, 30, 50, 25),
        Size(50, 25),
        Sides(0, 0, 0, 0),
    ),
    "context ends with the picture": (
        dict(mask=FAR_LEFT, context=Context(pixels=10), multiple=1),
        Box(0, 20, 30, 30),
        Size(30, 30),
        Sides(0, 0, 0, 0),
    ),
    "a multiple widens what keeps its scale": (
        dict(mask=MASK, multiple=16),
        Box(34, 27, 32, 16),
        Size(32, 16),
        Sides(0, 0, 0, 0),
    ),
    "shifted in from the left": (dict(mask=FAR_LEFT, multiple=16), Box(0, 27, 32, 16), Size(32, 16), Sides(0, 0, 0, 0)),
    "shifted in from the right and below": (
        dict(mask=FAR_CORNER, multiple=16),
        Box(84, 64, 16, 16),
        Size(16, 16),
        Sides(0, 0, 0, 0),
    ),
    "a wide box grows in height to a square": (
        dict(mask=MASK, target=Size(64, 64)),
        Box(40, 25, 20, 20),
        Size(64, 64),
        Sides(0, 0, 0, 0),
    ),
    "a wide box grows in width to one still wider": (
        dict(mask=MASK, target=Size(128, 32)),
        Box(30, 30, 40, 10),
        Size(128, 32),
        Sides(0, 0, 0, 0),
    ),
    "grown, then shifted": (
        dict(mask=FAR_CORNER, target=Size(64, 128)),
        Box(90, 60, 10, 20),
        Size(64, 128),
        Sides(0, 0, 0, 0),
    ),
    "a size is rounded up to the multiple": (
        dict(mask=MASK, target=Size(60, 30)),
        Box(40, 30, 20, 10),
        Size(64, 32),
        Sides(0, 0, 0, 0),
    ),
    "a size smaller than the box": (
        dict(mask=Box(0, 0, 100, 80), target=Size(64, 48)),
        Box(0, 0, 107, 80),
        Size(64, 48),
        Sides(0, 0, 7, 0),
    ),
    "an area takes the box's aspect": (
        dict(mask=Box(200, 200, 300, 200), picture=WIDE, target=Area.square(512)),
        Box(200, 200, 300, 200),
        Size(624, 416),
        Sides(0, 0, 0, 0),
    ),
    "an area rounds to the nearest multiple": (
        dict(mask=Box(200, 200, 300, 200), picture=WIDE, target=Area.megapixels(1), multiple=64),
        Box(196, 200, 308, 200),
        Size(1280, 832),
        Sides(0, 0, 0, 0),
    ),
    "a strip grows to 2 to 1": (
        dict(mask=Box(200, 200, 400, 10), picture=WIDE, target=Area.square(512), multiple=1),
        Box(200, 105, 400, 200),
        Size(724, 362),
        Sides(0, 0, 0, 0),
    ),
    "a panorama stays as wide as it is": (
        dict(mask=None, picture=Size(1024, 128), target=Area.square(512)),
        Box(0, 0, 1024, 130),
        Size(1448, 184),
        Sides(0, 0, 0, 2),
    ),
    "a picture too low overhangs below": (
        dict(mask=Box(10, 5, 80, 10), target=Size(64, 128)),
        Box(10, 0, 80, 160),
        Size(64, 128),
        Sides(0, 0, 0, 80),
    ),
    "and above where the mask is low": (
        dict(mask=Box(10, 60, 80, 10), target=Size(64, 128)),
        Box(10, -80, 80, 160),
        Size(64, 128),
        Sides(0, 80, 0, 0),
    ),
    "a picture too narrow overhangs on the right": (
        dict(mask=FAR_LEFT, context=Context(pixels=80), target=Size(128, 64)),
        Box(0, 0, 160, 80),
        Size(128, 64),
        Sides(0, 0, 60, 0),
    ),
    "an empty mask takes the whole picture": (
        dict(mask=None, multiple=1),
        Box(0, 0, 100, 80),
        Size(100, 80),
        Sides(0, 0, 0, 0),
    ),
    "a whole picture of an odd size": (
        dict(mask=None, picture=Size(101, 79)),
        Box(0, 0, 104, 80),
        Size(104, 80),
        Sides(0, 0, 3, 1),
    ),
    "a picture of one pixel": (
        dict(mask=Box(0, 0, 1, 1), picture=Size(1, 1)),
        Box(0, 0, 8, 8),
        Size(8, 8),
        Sides(0, 0, 7, 7),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_plan(case):
    asked, box, target, padding = CASES[case]
    asked = {"picture": SMALL, **asked}
    plan = plan_box(**asked)
    assert (plan.box, plan.target, plan.padding) == (box, target, padding)


@st.composite
def asked(draw):
    picture = Size(draw(st.integers(1, 300)), draw(st.integers(1, 300)))

    def box() -> Box:
        x, y = draw(st.integers(0, picture.width - 1)), draw(st.integers(0, picture.height - 1))
        return Box(x, y, draw(st.integers(1, picture.width - x)), draw(st.integers(1, picture.height - y)))

    side = st.integers(1, 600)
    return dict(
        mask=box(),
        picture=picture,
        context=Context(draw(st.floats(1, 4)), draw(st.integers(0, 60))),
        target=draw(st.one_of(st.none(), st.builds(Size, side, side), st.builds(Area.square, side))),
        multiple=draw(st.sampled_from([1, 2, 8, 64])),
        also=draw(st.sampled_from([None, box()])),
    )


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(asked())
def test_every_plan(given_):
    plan = plan_box(**given_)
    picture, target, multiple = given_["picture"], given_["target"], given_["multiple"]
    shown = given_["context"].around(given_["mask"], picture, given_["also"])
    assert plan.box.join(shown) == plan.box
    assert shown.join(given_["mask"]) == shown
    assert plan.target.width % multiple == plan.target.height % multiple == 0
    # One side is that of what is shown, or both follow from the multiple.
    if target is None:
        assert plan.box.size == plan.target == shown.size.to_multiple(multiple)
    else:
        assert plan.box.width == shown.width or plan.box.height == shown.height
        # The aspect is exact but for half a pixel on the side that grew.
        stretch = plan.box.width * plan.target.height - plan.box.height * plan.target.width
        assert abs(stretch) <= max(plan.target.width, plan.target.height) / 2
    if isinstance(target, Area):
        # Either side is at most half a multiple off what area and aspect ask for, and at least a multiple.
        aspect = max(shown.width, min(shown.height / 2, picture.width)) / max(
            shown.height, min(shown.width / 2, picture.height)
        )
        for side, exact in (
            (plan.target.width, math.sqrt(target.pixels * aspect)),
            (plan.target.height, math.sqrt(target.pixels / aspect)),
        ):
            assert side == multiple or abs(side - exact) <= multiple / 2 + 1e-9
    for side, count, first, length in (
        (plan.box.width, picture.width, plan.box.x, plan.inside.width),
        (plan.box.height, picture.height, plan.box.y, plan.inside.height),
    ):
        if side <= count:
            assert 0 <= first <= count - side
        else:
            assert length == count
            assert first in (0, count - side)


def test_a_mirrored_picture_has_the_same_plan_mirrored():
    target = Size(64, 128)
    for x in (3, 60):
        box = plan_box(Box(x, 10, 20, 10), SMALL, target=target).box
        other = plan_box(Box(100 - x - 20, 10, 20, 10), SMALL, target=target).box
        assert (other.x, other.right) == (100 - box.right, 100 - box.x)


def test_a_plan_is_a_value():
    plan = plan_box(MASK, SMALL)
    assert plan == Plan(plan.box, plan.target, SMALL)
    with pytest.raises(AttributeError):
        plan.box = MASK  # type: ignore[misc]


def test_what_no_plan_is_made_of():
    with pytest.raises(InpaintError, match=r"^context factor: expected 1 or more, got 0\.5"):
        Context(0.5)
    with pytest.raises(InpaintError, match=r"^context factor: .* got nan"):
        Context(math.nan)
    with pytest.raises(InpaintError, match=r"^context pixels: expected 0 or more, got -1"):
        Context(pixels=-1)
    for target in (Size(0, 8), Area(0), Area(math.nan)):
        with pytest.raises(InpaintError, match=r"^target: expected a size and a multiple of 1 or more, got "):
            plan_box(MASK, SMALL, target=target)
    with pytest.raises(InpaintError, match=r"^target: .*, 0\."):
        plan_box(MASK, SMALL, multiple=0)
