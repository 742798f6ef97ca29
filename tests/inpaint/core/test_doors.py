"""How often the checks run: once for each input of a public function, whatever it calls and however many pictures.

Mutations seen to fail here: a public function where one without checks is meant (`crop_like` in `crop`, `resample` and
`mask_boxes` for each crop, `match_color` in `Finish`, `grow` in `ring_of`, `threshold` in `clean`); the settings of a
clean-up or a finish not checked.
"""

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from math import inf

import pytest
import torch

from inpaint.compositing import Finish, composite_mask, match_color, paste, register
from inpaint.compositing.registration import registered
from inpaint.core import Area, Size, checks, join
from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Sides
from inpaint.crops import Context, crop, crop_like, crop_regions, pad_for_outpaint, plan_box, stitch, stitch_regions
from inpaint.fills import fill_harmonic, fill_noise
from inpaint.masks import CleanUp, clean, examine, inpaint_masks, mask_boxes, ring_around, smooth_outline

CHECKS = ("check_image", "check_mask", "check_fits", "check_amount")
FITS = {"check_fits": 1, "check_image": 1, "check_mask": 1}
PAIR = {"check_image": 2, "check_mask": 1}
EVERY_STEP = CleanUp(
    invert=True,
    black=0.1,
    smooth_time=1,
    keep_largest=1,
    close=2,
    open=1,
    smooth_outline=2,
    shape="convex hull",
    grow=3,
    feather=4,
)

IMAGE, MASK = torch.rand(2, 60, 90, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 60, 90)
MASK[:, 20:40, 30:55] = 1
SCALED, UNSCALED = (
    plan_box(join(mask_boxes(MASK)), Size(90, 60), Context(1.5, 8), target) for target in (Area.square(128), None)
)
CROPPED = crop(IMAGE, MASK, SCALED)
REGIONS = crop_regions(IMAGE, MASK, target=Area.square(64))


FINISH = Finish("multiband", "mean-std", ring=12, align=partial(registered, ring=12))

CASES: dict[str, tuple[Callable[[], object], dict[str, int]]] = {
    "crop": (lambda: crop(IMAGE, MASK, SCALED), {"check_image": 1, "check_mask": 1}),
    "crop at the picture's scale": (lambda: crop(IMAGE, MASK, UNSCALED), {"check_image": 1, "check_mask": 1}),
    "crop_like": (lambda: crop_like(IMAGE, [SCALED]), {"check_image": 1}),
    "crop_regions": (lambda: crop_regions(IMAGE, MASK), FITS),
    "stitch": (lambda: stitch(CROPPED.stitch, CROPPED.image), {"check_image": 1, "check_amount": 1}),
    "stitch with a finish": (
        lambda: stitch(CROPPED.stitch, CROPPED.image, 8, FINISH),
        {"check_image": 1, "check_amount": 1},
    ),
    "stitch_regions": (
        lambda: stitch_regions(REGIONS.stitch, REGIONS.image, 8, FINISH),
        {"check_image": 1, "check_amount": 1},
    ),
    # The only amount among its settings is the ring's width.
    "Finish": (lambda: Finish("multiband", "mean-std"), {"check_amount": 1}),
    "pad_for_outpaint": (
        lambda: pad_for_outpaint(IMAGE, Sides(8, 0, 0, 0), MASK),
        {"check_image": 1, "check_amount": 1},
    ),
    "paste": (lambda: paste(IMAGE, IMAGE, MASK, "poisson"), PAIR),
    "composite_mask": (lambda: composite_mask(MASK, 4), {"check_mask": 1, "check_amount": 1}),
    "match_color": (lambda: match_color(IMAGE, IMAGE, MASK), {**PAIR, "check_amount": 1}),
    "register": (lambda: register(IMAGE, IMAGE, MASK), {**PAIR, "check_amount": 1}),
    "clean": (lambda: clean(MASK, CleanUp()), {"check_mask": 1}),
    "clean with every step": (
        lambda: clean(MASK, EVERY_STEP),
        # One for each width in `CleanUp`, except `grow`, which may be negative.
        {"check_mask": 1, "check_amount": 5},
    ),
    "smooth_outline": (lambda: smooth_outline(MASK, 3), {"check_mask": 1, "check_amount": 1}),
    "ring_around": (lambda: ring_around(MASK, 3), {"check_mask": 1, "check_amount": 1}),
    "inpaint_masks": (lambda: inpaint_masks(MASK, 2, 4, 4), {"check_mask": 1}),
    "examine": (lambda: examine(MASK, IMAGE), {"check_image": 1}),
    "fill_noise": (lambda: fill_noise(IMAGE, MASK), FITS),
    "fill_harmonic": (lambda: fill_harmonic(IMAGE, MASK), FITS),
}


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each check has run since the test began."""
    counts: Counter[str] = Counter()
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "inpaint"]
    for name in CHECKS:
        check = getattr(checks, name)

        def counted(*args, name=name, check=check, **settings):
            counts[name] += 1
            return check(*args, **settings)

        for module in modules:
            if vars(module).get(name) is check:
                monkeypatch.setattr(module, name, counted)
    return counts


@pytest.mark.parametrize(("call", "expected"), CASES.values(), ids=CASES.keys())
def test_each_input_is_checked_once(call, expected, counts):
    call()
    assert counts == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (CleanUp(white=0), "levels: expected black below white, got black 0.0, white 0. Raise white."),
        (CleanUp(gamma=0), "gamma: expected above 0, got 0. 1 changes nothing."),
        (
            CleanUp(threshold=1.5),
            "level: expected above 0 and at most 1, got 1.5. Use 0.5 for the middle of a soft edge.",
        ),
        (
            CleanUp(threshold=0, snap_tolerance=0.5),
            "margin: expected 0 or more and below 0.5, got 0.5. Threshold a mask to make it hard.",
        ),
        (
            CleanUp(max_hole=-1),
            "max_area: expected 0 or more pixels, got -1. Give the pixels of the largest hole to fill.",
        ),
        (CleanUp(grow=-inf), "pixels: expected a finite number, got -inf. Use 0 to leave the mask as it is."),
        (CleanUp(smooth_time=inf), "frames: expected 0 or more, got inf. Use 0 to leave the mask as it is."),
        (CleanUp(close=inf), "pixels: expected 0 or more, got inf. Use 0 to leave the mask as it is."),
        (CleanUp(open=inf), "pixels: expected 0 or more, got inf. Use 0 to leave the mask as it is."),
        (CleanUp(smooth_outline=inf), "pixels: expected 0 or more, got inf. Use 0 to leave the mask as it is."),
        (CleanUp(feather=inf), "pixels: expected 0 or more, got inf. To shrink a mask, use grow below zero."),
    ],
)
def test_a_wrong_setting_of_a_clean_up_is_refused(settings, message):
    with pytest.raises(InpaintError) as error:
        clean(MASK, settings)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "mix"}, "method: expected one of feather, multiband, poisson, got mix. Choose one of these."),
        ({"color": "mkl"}, "method: expected one of auto, none, mean-std, field, got mkl. Choose one of these."),
        ({"strength": 1.5}, "strength: expected 0 to 1, got 1.5. Use 0 to leave colors as they are."),
        ({"ring": -1}, "ring: expected 0 or more, got -1. Use 0 for none."),
    ],
)
def test_a_wrong_setting_of_a_finish_is_refused(settings, message):
    with pytest.raises(InpaintError) as error:
        Finish(**{"method": "feather", "color": "field", **settings})
    assert str(error.value) == message


def test_an_unknown_border_is_refused_at_any_scale():
    for plan in (SCALED, UNSCALED):
        with pytest.raises(InpaintError, match=r"^border: expected one of reflect, edge, got black"):
            crop_like(IMAGE, [plan], "black")
