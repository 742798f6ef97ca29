"""The mask doctor: what it finds, what it mends, and what it must leave alone.

Mutations seen to fail here: any of the numbers a matter is told by, larger or smaller; masks added up divided by 255;
mended without being asked, or said to be; a NaN mended in place; the last masks of too many used, the first for too
few; width and height swapped; a rectangle, or one with a pinhole beside it, called inverted; inverted before it is cut;
one frame that covers the border for all; a stroke called thin by its soft edge; only one pixel about a cell's middle
looked at; cells counted up or of an even size; a lost blob that is wide enough passed over; strokes widened by one
pixel only, or all as far as the thinnest; pinholes left by widening; specks and pinholes looked for after it.
"""

import math
import re
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from inpaint.core.checks import NOTHING_MASKED, as_mask, match_mask
from inpaint.core.errors import InpaintError
from inpaint.masks import blur, feather, grow, split, threshold
from inpaint.masks.doctor import examine
from tests.inpaint.masks.operators.drawing import masks, scene

NOTHING = "Nothing is odd about this mask."


def disc(radius: float = 20) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(96), torch.arange(128), indexing="ij")
    return ((y - 48) ** 2 + (x - 64) ** 2 <= radius**2).float()[None]


def block(top: int, bottom: int, left: int, right: int, value: float = 1, on: torch.Tensor | None = None):
    """A mask [1, 96, 128] with a rectangle of one value on it; top and left belong to it, bottom and right do not."""
    mask = torch.zeros(1, 96, 128) if on is None else on.clone()
    mask[:, top:bottom, left:right] = value
    return mask


def picture(count: int = 1, height: int = 96, width: int = 128) -> torch.Tensor:
    return torch.zeros(count, height, width, 3)


def names(mask: torch.Tensor, **how) -> list[str]:
    return [finding.name for finding in examine(mask, **how).findings]


def mended_by(mask: torch.Tensor, **how) -> list[str]:
    """Names of what the doctor did something about."""
    return [finding.name for finding in examine(mask, **how).findings if finding.repair]


DISC = disc()
AREA = int(DISC.sum())
SPECK = block(2, 5, 4, 9)
LINE = block(40, 41, 20, 100)
# Between the two middle rows of one row of cells and those of the next.
UNSEEN = block(5, 11, 20, 100)
ODD = DISC.clone()
ODD[0, 0, :3] = torch.tensor([math.nan, -math.inf, math.nan])
ODD[0, 48, 64] = math.inf


@dataclass(frozen=True)
class Matter:
    """mended: the mask that is to come out; `how` is how it is examined."""

    name: str
    mask: torch.Tensor
    problem: str
    done: str
    mended: torch.Tensor
    how: dict = field(default_factory=dict)


READ = [
    Matter("dimensions", DISC[0], "It has 2 dimensions, [96, 128], instead of [B, H, W].", "Read as one mask.", DISC),
    Matter(
        "dimensions",
        torch.stack([DISC, DISC]),
        "It has 4 dimensions, [2, 1, 96, 128], instead of [B, H, W].",
        "Read as 2 masks.",
        torch.cat([DISC, DISC]),
    ),
    Matter("type", DISC.bool(), "Its values are bool instead of float.", "Read as 0 and 1.", DISC),
    Matter("type", DISC.int(), "Its values are int32 instead of float.", "Read as 0 and 1.", DISC),
    Matter("type", (DISC * 255).byte(), "Its values are uint8 instead of float.", "Read as 0 to 255.", DISC),
    Matter("not finite", ODD, "4 values are NaN or infinite.", "NaN and -infinity became 0, infinity 1.", DISC),
    Matter("range", DISC * 255, "Its values go from 0 to 255 instead of 0 to 1.", "Divided by 255.", DISC),
    Matter("range", DISC * 51, "Its values go from 0 to 51 instead of 0 to 1.", "Divided by 255.", DISC * 51 / 255),
    Matter("range", DISC * 1.2, "Its values go from 0 to 1.2 instead of 0 to 1.", "Clamped to 0..1.", DISC),
    Matter("range", DISC * 3, "Its values go from 0 to 3 instead of 0 to 1.", "Clamped to 0..1.", DISC),
    Matter("range", DISC * 256, "Its values go from 0 to 256 instead of 0 to 1.", "Divided by 255.", DISC),
    Matter("range", DISC * 99 - 9, "Its values go from -9 to 90 instead of 0 to 1.", "Clamped to 0..1.", DISC),
]
MENDED = [
    Matter(
        "batch",
        torch.cat([disc(25), DISC, DISC]),
        "There are 3 masks for 2 pictures.",
        "Only the first 2 are used.",
        torch.cat([disc(25), DISC]),
        {"image": picture(2)},
    ),
    Matter(
        "batch",
        torch.cat([disc(25), DISC]),
        "There are 2 masks for 4 pictures.",
        "The last is used for the rest.",
        torch.cat([disc(25), DISC, DISC, DISC]),
        {"image": picture(4)},
    ),
    Matter(
        "nearly binary",
        DISC * 0.98,
        f"{AREA:,} pixels are nearly 0 or nearly 1 (within 0.02).",
        "Rounded to 0 or 1.",
        DISC,
    ),
    Matter(
        "nearly binary",
        block(0, 1, 0, 1, 0.01, on=DISC),
        "1 pixel is nearly 0 or nearly 1 (within 0.02).",
        "Rounded to 0 or 1.",
        DISC,
    ),
    Matter(
        "soft",
        block(44, 48, 60, 64, 0.5, on=block(10, 20, 20, 30, 0.49, on=DISC)),
        "116 pixels are soft where a hard mask is needed.",
        "Thresholded at 0.5.",
        DISC,
        {"binary": True},
    ),
    Matter(
        "inverted",
        1 - DISC,
        f"It covers the border all round and {1 - AREA / (96 * 128):.0%} of the picture, so it looks inverted.",
        "Inverted.",
        DISC,
    ),
    Matter(
        "specks",
        block(91, 92, 10, 11, on=block(90, 91, 9, 10, on=torch.maximum(DISC, SPECK))),
        "There are 2 specks of fewer than 16 pixels.",
        "Removed.",
        DISC,
    ),
    Matter(
        "pinholes",
        # Side by side at a corner, they are two.
        block(43, 44, 65, 66, 0, on=block(40, 43, 60, 65, 0, on=DISC)),
        "There are 2 pinholes of fewer than 16 pixels.",
        "Filled.",
        DISC,
    ),
    Matter(
        "thin strokes",
        UNSEEN,
        "1 stroke is thinner than a latent cell of 8 pixels. "
        "It would vanish where a mask is resized without pooling, as ComfyUI does.",
        "Widened to about a cell.",
        grow(UNSEEN, 1),
    ),
    # The 6 pixels of one are widened by 1, the single pixel of the other by 3.
    Matter(
        "thin strokes",
        UNSEEN + block(51, 52, 20, 100),
        "2 strokes are thinner than a latent cell of 8 pixels. "
        "1 of them would vanish where a mask is resized without pooling, as ComfyUI does.",
        "Widened to about a cell.",
        grow(UNSEEN, 1) + grow(block(51, 52, 20, 100), 3),
    ),
    Matter(
        "thin strokes",
        block(50, 60, 20, 100),
        "1 stroke is thinner than a latent cell of 16 pixels.",
        "Widened to about a cell.",
        grow(block(50, 60, 20, 100), 3),
        {"cell": 16},
    ),
]
REPORTED = [
    Matter(
        "soft",
        block(10, 20, 20, 30, 0.4, on=DISC),
        "100 pixels are soft. Models with inpainting inputs take 0.5 and above as masked.",
        "",
        block(10, 20, 20, 30, 0.4, on=DISC),
    ),
    Matter("empty or full", torch.zeros(1, 9, 9), NOTHING_MASKED, "", torch.zeros(1, 9, 9)),
    Matter("empty or full", torch.ones(2, 9, 9), "It is full: everything is repainted.", "", torch.ones(2, 9, 9)),
    Matter(
        "empty or full",
        torch.cat([DISC, 0 * DISC, 0 * DISC]),
        "2 of 3 masks are empty: nothing is repainted there.",
        "",
        torch.cat([DISC, 0 * DISC, 0 * DISC]),
    ),
    Matter(
        "border",
        block(0, 20, 0, 30),
        "It touches the picture's border (top and left), where Mend does not fade it.",
        "",
        block(0, 20, 0, 30),
    ),
    Matter(
        "border",
        block(20, 96, 0, 128),
        "It touches the picture's border (bottom, left and right), where Mend does not fade it.",
        "",
        block(20, 96, 0, 128),
    ),
]


def each(*matters: Matter):
    return pytest.mark.parametrize("matter", matters, ids=lambda matter: matter.problem[:40])


@each(*READ, *MENDED, *REPORTED)
def test_it_is_found_and_mended(matter):
    examined = examine(matter.mask, **matter.how)
    first = examined.findings[0]
    assert (first.name, first.problem, first.repair) == (matter.name, matter.problem, matter.done)
    assert examined.report().startswith(f"{matter.problem} {matter.done}".strip())
    torch.testing.assert_close(examined.mask, matter.mended, rtol=0, atol=1e-6)
    assert mended_by(matter.mask, **matter.how) == ([matter.name] if matter.done else [])


@each(*MENDED)
def test_it_is_only_said_where_no_repair_is_asked_for(matter):
    examined = examine(matter.mask, **matter.how, repair=False)
    problems = [(finding.name, finding.problem, finding.repair) for finding in examined.findings]
    assert (matter.name, matter.problem, "") in problems
    assert torch.equal(examined.mask, matter.mask)


@each(*READ)
def test_what_is_no_mask_is_made_one_though_no_repair_is_asked_for(matter):
    examined = examine(matter.mask, repair=False)
    assert (examined.findings[0].name, examined.findings[0].repair) == (matter.name, matter.done)
    assert torch.equal(examined.mask, matter.mended)


@each(*READ, *MENDED, *REPORTED)
def test_the_mask_that_was_given_stays_as_it_was(matter):
    given_mask = matter.mask.clone()
    examine(matter.mask, **matter.how)
    torch.testing.assert_close(matter.mask, given_mask, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "mask", "how"),
    [
        ("dimensions", DISC, {}),
        ("type", DISC.half(), {}),
        ("range", DISC * (1 + 1e-6) - 1e-7, {}),
        ("placeholder", torch.zeros(1, 64, 64), {}),
        ("placeholder", torch.zeros(1, 64, 64), {"image": picture(1, 64, 64)}),
        ("placeholder", block(0, 64, 0, 64)[:, :64, :64], {"image": picture()}),
        ("placeholder", torch.zeros(1, 48, 64), {"image": picture()}),
        ("size", DISC, {}),
        ("size", DISC, {"image": picture()}),
        ("batch", torch.cat([DISC, DISC]), {}),
        ("batch", torch.cat([DISC, DISC]), {"image": picture(2)}),
        ("batch", torch.cat([DISC, DISC]), {"image": picture(1)}),
        ("batch", DISC, {"image": picture(3)}),
        ("nearly binary", DISC * 0.975, {}),
        ("nearly binary", block(0, 9, 0, 9, 0.025, on=DISC), {}),
        ("soft", DISC * 0.985, {"binary": True}),
        # An extended picture, with and without what a brush may leave in its border.
        ("inverted", 1 - block(20, 76, 16, 112), {}),
        ("inverted", block(2, 3, 2, 3, 0, on=1 - block(20, 76, 16, 112)), {}),
        ("inverted", 1 - torch.maximum(DISC, block(48, 96, 34, 94)), {}),
        ("inverted", 1 - disc(45), {}),
        ("inverted", torch.ones(1, 96, 128), {}),
        ("inverted", torch.cat([DISC] + 9 * [torch.ones_like(DISC)]), {}),
        ("inverted", 1 - 0.5 * torch.maximum(DISC, block(0, 96, 0, 64)), {}),
        ("specks", block(2, 6, 4, 8, on=DISC), {}),
        ("specks", block(76, 77, 40, 56, on=DISC), {}),
        ("pinholes", block(40, 44, 60, 64, 0, on=DISC), {}),
        ("pinholes", block(0, 2, 10, 15, 0, on=block(0, 40, 0, 60)), {}),
        ("thin strokes", block(40, 48, 20, 100), {}),
        ("thin strokes", block(40, 48, 60, 68), {}),
        ("thin strokes", block(0, 4, 0, 128), {}),
        ("thin strokes", torch.maximum(DISC, LINE), {}),
        ("thin strokes", LINE, {"cell": 1}),
        ("thin strokes", LINE * 0.4, {}),
        ("empty or full", torch.full((1, 9, 9), 0.5), {}),
        ("border", block(1, 95, 1, 127), {}),
        ("border", torch.ones(1, 9, 9), {}),
    ],
)
def test_what_is_near_is_not_taken_for_it(name, mask, how):
    assert name not in names(mask, **how)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("how", [{}, {"image": picture()}, {"binary": True}, {"repair": False}, {"cell": 16}])
def test_nothing_is_odd_about_a_clean_mask(dtype, how):
    examined = examine(DISC.to(dtype), **how)
    assert examined.report() == NOTHING
    assert torch.equal(examined.mask, DISC.to(dtype))


def test_load_images_mask_of_a_picture_without_transparency_is_known():
    examined = examine(torch.zeros(1, 64, 64), picture())
    assert [finding.name for finding in examined.findings] == ["placeholder", "empty or full"]
    assert "Load Image gives that for a picture without transparency" in examined.findings[0].problem
    assert examined.findings[0].repair == "Replaced by an empty mask of the picture's size."
    assert torch.equal(examined.mask, torch.zeros(1, 96, 128))
    examined = examine(torch.zeros(1, 64, 64), picture(), repair=False)
    assert [finding.name for finding in examined.findings] == ["placeholder", "empty or full"]


def test_a_feather_is_not_nearly_binary():
    """Its tails pass the values near 0 and 1 on their way; snapped, they would jump."""
    soft = feather(block(20, 20, 60, 80), 24)
    assert "nearly binary" not in [finding.name for finding in examine(soft).findings]
    assert torch.equal(examine(soft).mask, soft)


def test_a_lone_speck_is_a_touch_up():
    assert "specks" not in [finding.name for finding in examine(SPECK, cell=1).findings]


def test_only_the_inverted_of_a_batch_are_inverted():
    batch = torch.cat([1 - DISC, DISC, DISC])
    examined = examine(batch)
    assert examined.findings[0].problem.startswith("1 of 3 masks cover the border all round and most of the picture")
    assert torch.equal(examined.mask, DISC.expand(3, -1, -1))


def test_a_mask_of_another_size_is_stretched():
    small = torch.zeros(2, 48, 64)
    small[:, 10:30, 10:40] = 1
    size = examine(small, picture(2), binary=True).findings[0]
    assert (size.name, size.problem, size.repair) == (
        "size",
        "It is 64x48, the picture is 128x96.",
        "Stretched to the picture's size.",
    )
    assert torch.equal(examine(small, picture(2), binary=True).mask, threshold(match_mask(small, 96, 128, 2), 0.5))
    assert torch.equal(examine(small, picture(2), repair=False).mask, small)
    (problem,) = [finding.problem for finding in examine(small, picture(1, 128, 96)).findings if finding.name == "size"]
    assert problem == "It is 64x48, the picture is 96x128. Their proportions differ: is it the mask of this picture?"


@pytest.mark.parametrize(("width", "pointed_out"), [(101, False), (103, True), (97, True)])
def test_other_proportions_are_pointed_out(width, pointed_out):
    size = examine(torch.zeros(1, 50, 50), picture(1, 100, width)).findings[0]
    assert size.problem.endswith("is it the mask of this picture?") == pointed_out


@pytest.mark.parametrize("repair", [True, False])
def test_what_rounding_left_outside_0_to_1_is_cut_off_without_a_word(repair):
    mended = examine(DISC * (1 + 1e-6) - 1e-7, repair=repair).mask
    assert bool(((mended >= 0) & (mended <= 1)).all())


def test_a_mask_of_halves_is_cut_before_it_is_inverted():
    assert torch.equal(examine((1 - DISC) / 2, binary=True).mask, DISC)


def test_all_that_is_odd_is_told_in_one_report():
    mask = 255 * (1 - DISC[0])
    mask[0, 0] = math.nan
    mask[44:46, 60:62] = 255
    assert examine(mask.half(), picture()).report().splitlines() == [
        "It has 2 dimensions, [96, 128], instead of [B, H, W]. Read as one mask.",
        "1 value is NaN or infinite. NaN and -infinity became 0, infinity 1.",
        "Its values go from 0 to 255 instead of 0 to 1. Divided by 255.",
        "It covers the border all round and 90% of the picture, so it looks inverted. Inverted.",
        "There is 1 speck of fewer than 16 pixels. Removed.",
        "There is 1 pinhole of fewer than 16 pixels. Filled.",
    ]


def test_a_batch_is_examined_as_a_whole():
    frames = torch.cat(
        [torch.maximum(DISC, SPECK), DISC, torch.maximum(DISC, block(2, 3, 20, 30)), 0 * DISC, 1 + 0 * DISC]
    )
    examined = examine(frames)
    assert examined.report().splitlines() == [
        "There are 2 specks of fewer than 16 pixels. Removed.",
        "1 of 5 masks is empty: nothing is repainted there. 1 of 5 masks is full: everything is repainted there.",
        "It touches the picture's border (top, bottom, left and right), where Mend does not fade it.",
    ]
    assert torch.equal(examined.mask, torch.cat([DISC, DISC, DISC, 0 * DISC, 1 + 0 * DISC]))


@each(*READ, *MENDED, *REPORTED)
def test_dtype_is_kept_and_no_nan_comes_out(matter):
    for dtype in (torch.float16, torch.float64):
        given_mask = matter.mask.to(dtype) if matter.mask.is_floating_point() else matter.mask
        for repair in (True, False):
            examined = examine(given_mask, **matter.how, repair=repair).mask
            assert examined.dtype == (dtype if matter.mask.is_floating_point() else torch.float32)
            assert examined.shape == (matter.mended if repair else as_mask(matter.mask)).shape
            assert bool(((examined >= 0) & (examined <= 1)).all())


# thin strokes


def vanishes(mask: torch.Tensor, cell: int) -> bool:
    """mask: [1, H, W]. Whether nothing of it is left at a latent's resolution, resized as ComfyUI does."""
    size = [max(length // cell, 1) for length in mask.shape[1:]]
    return bool((F.interpolate(mask[None].double(), size=size, mode="bilinear") < 1e-9).all())


def vanished(mask: torch.Tensor, cell: int) -> int:
    """How many strokes the doctor says would vanish."""
    text = " ".join(
        one.problem for one in examine(mask, repair=False, cell=cell).findings if one.name == "thin strokes"
    )
    counted = re.search(r"(It|\d+)( of them)? would vanish", text)
    return 0 if counted is None else 1 if counted[1] == "It" else int(counted[1])


@st.composite
def strokes(draw, cell: int):
    """One straight stroke [1, 96, 96] of any width, place and direction; a short one is a blob."""
    width, length = draw(st.floats(1, 1.2 * cell)), draw(st.floats(5, 60))
    y, x = (draw(st.floats(0, 95)) for _ in range(2))
    angle = draw(st.sampled_from([0, 30, 45, 90, 135, 160])) * math.pi / 180
    rows, columns = torch.meshgrid(torch.arange(96) - y, torch.arange(96) - x, indexing="ij")
    along = rows * math.sin(angle) + columns * math.cos(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle)
    return ((along.abs() <= length / 2) & (across.abs() <= width / 2)).float()[None]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([8, 16]))
def test_the_strokes_said_to_vanish_are_those_that_a_resize_loses(data, cell):
    stroke = data.draw(strokes(cell))
    patches = split(stroke).masks
    assert vanished(stroke, cell) == sum(vanishes(patch[None], cell) for patch in patches)
    mended = examine(stroke, cell=cell).mask
    assert not mended.any() or not vanishes(mended, cell)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(masks(soft=False), st.sampled_from([2, 3, 4, 5, 8]))
def test_the_patches_said_to_vanish_are_those_that_a_resize_loses_at_any_size(mask, cell):
    assert vanished(mask, cell) == sum(vanishes(patch[None], cell) for patch in split(mask, max_regions=1000).masks)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [8, 16])
def test_a_stroke_is_thin_below_a_cells_width_in_every_place(cell):
    for top in range(1, 2 * cell):
        for columns in (slice(None), slice(7, 60)):
            for width in (1, cell // 2, cell - 2, cell):
                stroke = torch.zeros(1, 96, 96)
                stroke[:, top : top + width, columns] = 1
                for mask in (stroke, stroke.mT):
                    assert ("thin strokes" in names(mask, cell=cell)) == (width < cell)


# A mask that was mended


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@example(5555, False, 1.5, {"cell": 16})
@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.sampled_from([0, 1.5]),
    st.sampled_from([{}, {"binary": True}, {"cell": 16}, {"image": picture(1, 110, 200)}]),
)
def test_a_second_examination_finds_nothing_to_mend(seed, inverted, sigma, how):
    """But for masks of most of the picture: strokes along the border, widened, may close the gap that spoke against
    their being inverted."""
    mask = blur(scene(96, 160, seed), sigma)
    mask = 1 - mask if inverted else mask
    assume(mask.mean() < 0.5 or "inverted" in names(mask, **how))
    mended = examine(mask, **how).mask
    assert mended_by(mended, **how) == []


@each(*READ, *MENDED)
def test_what_was_mended_is_not_found_again(matter):
    assert mended_by(examine(matter.mask, **matter.how).mask, **matter.how) == []


def test_a_ring_that_is_widened_is_left_without_a_pinhole():
    """Its 8 x 8 pixels of inside become 2 x 2, which nobody painted."""
    ring = block(20, 30, 20, 30) - block(21, 29, 21, 29)
    assert torch.equal(examine(ring).mask, grow(block(20, 30, 20, 30), 3))


def test_what_is_no_mask_and_what_is_no_picture_is_refused():
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\], got \[7\]"):
        examine(torch.zeros(7))
    with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 3 or 4\]"):
        examine(DISC, torch.zeros(96, 128, 3))


def test_labels_are_named():
    mask = DISC.byte()
    mask[0, 0, 0] = 2
    examined = examine(mask, repair=False)
    assert examined.findings[0].name == "type"
    assert examined.report().startswith(
        "Its values are whole numbers up to 2, like the labels of a segmentation. Read as parts of 255, which masks "
        "next to nothing: connect a mask of one label instead."
    )
    torch.testing.assert_close(examined.mask, mask / 255)
