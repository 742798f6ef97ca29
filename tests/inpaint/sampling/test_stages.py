"""What a later stage finds in the noisy latent with which it begins.

Mutations seen to fail here: kept and masked cells confused; no slack for few cells; a stage of no steps; the place of a
level below the lowest, or between two.
"""

import pytest
import torch

from inpaint.sampling.stages import Part, Rest, part_of, place_of, rest_of

MASK = torch.zeros(1, 1, 8, 8)
MASK[..., 2:6, 2:6] = 1


def noise(scale=1.0, seed=0):
    return scale * torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("values", "rest"),
    [
        (noise(), Rest.NOISE),
        (noise(1.1), Rest.NOISE),
        (noise(0), Rest.NOTHING),
        (noise(1e-3), Rest.NOTHING),
        (noise(2), Rest.ANOTHER_PICTURE),
        (noise(0.4), Rest.ANOTHER_PICTURE),
        (noise() + 40 * (MASK == 0), Rest.NOISE),  # the spread alone tells: a constant has none
        (noise() * torch.tensor([0.0, 1, 1, 1, 1, 1, 1, 1]), Rest.NOISE),  # a window was sampled
        (torch.where(MASK > 0, noise(9), noise()), Rest.NOISE),  # what is masked does not count
        (torch.where(MASK > 0, noise(), noise(9)), Rest.ANOTHER_PICTURE),
    ],
)
def test_what_is_left(values, rest):
    assert rest_of(values, MASK) is rest


def test_a_full_mask_keeps_nothing():
    assert rest_of(noise(), torch.ones(1, 1, 8, 8)) is Rest.NOTHING


def test_few_cells_vary_by_chance():
    one = torch.ones(1, 1, 8, 8)
    one[..., 0, 0] = 0
    assert {rest_of(noise(seed=seed), one) for seed in range(50)} == {Rest.NOISE}


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 50])
def test_stages_of_even_steps_are_found_exactly(steps):
    for cut in range(steps + 1):
        slack = 0.4 / steps
        for error in (-slack, 0, slack):
            for begin, end in ((0, cut), (cut, steps)):
                if begin < end:
                    estimate = (begin / steps + (begin > 0) * error, end / steps + (end < steps) * error)
                    part = part_of(*estimate, end - begin)
                    if cut in (0, steps) or error == 0:
                        assert part == Part(begin / steps, end / steps)


def test_a_part_converts_what_is_done():
    assert Part(0.25, 0.75).done(0.5) == 0.5
    assert Part(0, 1).done(0.3) == 0.3


def test_no_steps_have_no_part():
    assert part_of(0.5, 0.5, 3) == Part(0.5, 0.5)


def test_places_of_levels():
    sigmas = torch.tensor([0.1, 0.2, 0.4, 0.8])
    for sigma, place in ((0.0, 0), (0.05, 0.125), (0.1, 0.25), (0.3, 0.625), (0.8, 1), (9, 1)):
        assert place_of(sigma, sigmas) == pytest.approx(place)
