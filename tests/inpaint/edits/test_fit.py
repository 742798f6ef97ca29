"""Maps fitted to pairs of places: exact ones are recovered, wrong pairs do not count, the simplest kind is taken."""

import numpy as np
import pytest

from inpaint.edits.fit import KINDS, Fit, fitted
from inpaint.edits.mapping import Mapping, far_apart

BASE = Mapping.resize((300, 400), (300, 400))
MATRICES = {
    "shift": [[1, 0, 3.3], [0, 1, -1.7], [0, 0, 1]],
    "zoom": [[1.02, 0, -4], [0, 1.02, -3], [0, 0, 1]],
    "similarity": [[0.9999, -0.0087, 1], [0.0087, 0.9999, -2], [0, 0, 1]],
    "stretch": [[0.98, 0, 4], [0, 1, 0], [0, 0, 1]],
    "affine": [[1.01, 0.02, 1], [-0.01, 0.98, 2], [0, 0, 1]],
    "homography": [[1.01, 0.02, 1], [-0.01, 0.98, 2], [5e-5, -4e-5, 1]],
}


def pairs(true: Mapping, noise: float, wrong: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    here = random.uniform((0, 0), (399, 299), (600, 2))
    there = true(here) + random.normal(0, noise, here.shape)
    there[: int(600 * wrong)] += random.uniform(-30, 30, (int(600 * wrong), 2))
    return here, there


def fit_of(true: Mapping, noise: float, wrong: float = 0.0) -> Fit:
    fit = fitted(BASE, *pairs(true, noise, wrong))
    assert fit is not None
    return fit


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_recovered_through_noise_and_wrong_pairs(kind):
    true = Mapping(np.array(MATRICES[kind], float), 400, 300)
    fit = fit_of(true, 0.1, wrong=0.35)
    assert far_apart(fit.mapping, true) < 0.1
    assert 0.6 < fit.used.mean() < 0.75
    assert far_apart(fit.mapping, true) < 4 * fit.error < 1


@pytest.mark.parametrize("kind", ["shift", "zoom", "affine", "homography"])
def test_no_richer_kind_is_taken_than_needed(kind):
    true = Mapping(np.array(MATRICES[kind], float), 400, 300)
    assert fit_of(true, 0.1).kind == kind


def test_a_bend_is_recovered_and_not_taken_without_need():
    bend = np.zeros((7, 2))
    bend[2], bend[5] = [0, 0], [3.0, -2.0]
    true = Mapping(np.array(MATRICES["zoom"], float), 400, 300, bend)
    fit = fit_of(true, 0.05, wrong=0.2)
    assert fit.kind == "bend"
    assert far_apart(fit.mapping, true) < 0.15
    assert fit_of(true.without_bend(), 0.05, wrong=0.2).kind != "bend"


def test_too_few_pairs_give_nothing():
    assert fitted(BASE, np.zeros((3, 2)), np.zeros((3, 2))) is None
