"""Progress of long loops, and that a cancellation stops them.

Mutations seen to fail here: no report before an item; none after the last; a pulse that moves the bar; the context left
set after an error; no pulse in the bands of rows, in pull-push, in Poisson's grids, in color, in registration's levels,
in the proof; frames of a stitch or crop not counted.
"""

import pytest
import torch

from inpaint.compositing import blend, match_color, max_change, register, seam
from inpaint.core.geometry import Box, Size
from inpaint.core.progress import pulse, reporting, steps
from inpaint.crops.crop import crop
from inpaint.crops.crop_plan import Context, plan_box
from inpaint.crops.stitch import stitch


class Cancelled(Exception):
    pass


class Counter:
    """Counts reports and pulses, and cancels at the pulse of a number."""

    def __init__(self, cancel_at=None):
        self.reports, self.pulses, self.cancel_at = [], 0, cancel_at

    def progress(self, done, total):
        self.reports.append((done, total))

    def check(self):
        self.pulses += 1
        if self.pulses == self.cancel_at:
            raise Cancelled

    def run(self, work):
        with reporting(self.progress, self.check):
            return work()


def test_items_and_their_reports():
    counter = Counter()
    assert counter.run(lambda: list(steps(["a", "b"]))) == ["a", "b"]
    assert counter.reports == [(0, 2), (1, 2), (2, 2)]
    assert counter.run(lambda: list(steps([]))) == []
    assert len(counter.reports) == 3
    counter.run(pulse)
    assert counter.pulses == 1
    assert len(counter.reports) == 3


def test_without_a_listener_nothing_is_reported():
    assert list(steps(range(3))) == [0, 1, 2]
    pulse()
    counter = Counter(cancel_at=1)
    with pytest.raises(Cancelled):
        counter.run(pulse)
    pulse()
    assert counter.pulses == 1


@pytest.fixture
def photo():
    return torch.rand(4, 96, 128, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask():
    mask = torch.zeros(1, 96, 128)
    mask[:, 32:64, 40:80] = 1
    return mask


def test_films_report_each_frame(photo, mask):
    plan = plan_box(Box(40, 32, 40, 32), Size(128, 96), Context(1.5))
    counter = Counter()
    cropped = counter.run(lambda: crop(photo, mask, plan))
    assert (3, 4) in counter.reports or (2, 3) in counter.reports
    counter = Counter()
    counter.run(lambda: stitch(cropped.stitch, cropped.image))
    assert counter.reports == [(number, 4) for number in range(5)]


@pytest.mark.parametrize("work", ["feather", "multiband", "poisson", "color", "register", "proof", "score"])
def test_what_takes_long_can_be_cancelled_inside_a_frame(photo, mask, work):
    first, second = photo[:1], photo[:1] * 0.9
    works = {
        "feather": lambda: blend(first, second, mask, "feather"),
        "multiband": lambda: blend(first, second, mask, "multiband"),
        "color": lambda: match_color(first, second, mask),
        "poisson": lambda: blend(first, second, mask, "poisson"),
        "register": lambda: register(first, second, mask),
        "proof": lambda: max_change(first, second, mask == 0),
        "score": lambda: seam(first, mask),
    }
    counter = Counter()
    counter.run(works[work])
    least = {"feather": 1, "multiband": 6, "poisson": 20, "color": 2, "register": 10, "proof": 1, "score": 1}
    assert counter.pulses >= least[work]
    with pytest.raises(Cancelled):
        Counter(cancel_at=counter.pulses).run(works[work])
