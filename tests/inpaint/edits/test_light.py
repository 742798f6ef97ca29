"""Changes of light, fitted and applied: those of the whole picture are followed, edits are not."""

import numpy as np
import pytest

from inpaint.edits.light import WAVES, fit_light

RANDOM = np.random.default_rng(3)
# Smooth colors without black and white, and with all of what lies between.
Y, X = np.mgrid[:90, :120] / 100
PICTURE = np.stack([0.1 + 0.6 * X, 0.15 + 0.7 * Y, 0.5 + 0.3 * np.sin(6 * X + 4 * Y)], axis=-1).astype(np.float32)
ALL = np.ones(PICTURE.shape[:2], bool)
CHANGES = {
    "nothing": lambda picture: picture,
    "gain": lambda picture: 0.9 * picture,
    "lift": lambda picture: picture + 0.06,
    "gamma": lambda picture: picture**1.2,
    "tint": lambda picture: picture * np.array([1.05, 1.0, 0.9]),
    "field": lambda picture: picture * (1 + 0.1 * np.cos(np.pi * X / 1.2))[..., None],
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_change_of_the_whole_picture_is_followed(change):
    changed = CHANGES[change](PICTURE).clip(0, 1).astype(np.float32)
    light = fit_light(PICTURE, changed, ALL)
    assert np.abs(light(PICTURE) - changed).max() < 2.5 / 255
    assert light.waves == WAVES


def test_an_edit_is_not_followed():
    changed = (0.9 * PICTURE).astype(np.float32)
    edited = changed.copy()
    edited[20:50, 30:70] = [0.9, 0.1, 0.2]
    light = fit_light(PICTURE, edited, ALL)
    assert np.abs(light(PICTURE) - changed).max() < 1 / 255


def test_two_fifths_replaced_are_not_followed_where_the_rest_is_known_to_be_the_same():
    changed = (0.9 * PICTURE).astype(np.float32)
    edited, same = changed.copy(), ALL.copy()
    edited[:36], same[:36] = PICTURE[::-1][:36] ** 2, False
    light = fit_light(PICTURE, edited, ALL, same)
    assert np.abs(light(PICTURE) - changed)[36:].max() < 1 / 255


def test_too_few_pixels_change_nothing():
    light = fit_light(PICTURE, 0.5 * PICTURE, ~ALL)
    assert light(PICTURE) is PICTURE or np.array_equal(light(PICTURE), PICTURE)
