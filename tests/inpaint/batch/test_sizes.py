"""Results of another size than what was sent, as from workflows that extend pictures.

Mutations seen to fail here: the first of several places taken; a place where hardly anything is equal; what is
masked looked for.
"""

import io

import numpy as np
import pytest
from PIL import Image

from inpaint.batch.files.placing import place_of
from inpaint.batch.files.source import read_source

from . import samples
from .samples import HEIGHT, WIDTH


def _noise(height, width):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("place", [(0, 0), (3, 7), (10, 20), (0, 20), (10, 0)])
def test_a_part_is_found(place):
    part, whole = _noise(40, 50), np.full((50, 70, 3), 128, np.uint8)
    whole[place[0] : place[0] + 40, place[1] : place[1] + 50] = part
    assert place_of(part, whole, np.ones((40, 50), bool)) == place


def test_a_part_is_found_by_what_is_kept():
    part, whole = _noise(40, 50), np.full((50, 70, 3), 128, np.uint8)
    whole[4:44, 9:59] = part
    whole[4:20, 9:59] = 1
    kept = np.ones((40, 50), bool)
    kept[:16] = False
    assert place_of(part, whole, kept) == (4, 9)


def test_a_soft_edge_does_not_hide_it():
    part, whole = _noise(60, 60), np.zeros((80, 80, 3), np.uint8)
    whole[10:70, 10:70] = part
    whole[10:18] ^= 1
    assert place_of(part, whole, np.ones((60, 60), bool)) == (10, 10)


NOT_FOUND = {
    "smaller": (_noise(40, 50), _noise(20, 25)),
    "another picture": (_noise(40, 50), np.zeros((60, 60, 3), np.uint8)),
    "all of one color": (np.full((40, 50, 3), 9, np.uint8), np.full((60, 60, 3), 9, np.uint8)),
    "twice": (_noise(40, 30), np.concatenate([_noise(40, 30)] * 2, axis=1)),
    "nearly all changed": (_noise(40, 50), np.pad(_noise(40, 50)[:3], ((0, 42), (0, 5), (0, 0)))),
}


@pytest.mark.parametrize("case", NOT_FOUND)
def test_what_is_not_clear_is_not_found(case):
    part, whole = NOT_FOUND[case]
    assert place_of(part, whole, np.ones(part.shape[:2], bool)) is None


def test_nothing_is_found_where_nothing_is_kept():
    part = _noise(40, 50)
    assert place_of(part, np.pad(part, ((1, 1), (1, 1), (0, 0))), np.zeros((40, 50), bool)) is None


@pytest.fixture
def source(tmp_path):
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "mask.png")

    def read(name, data):
        return read_source(samples.written(tmp_path, name, data), tmp_path / "mask.png")

    return read


def test_an_extended_deep_picture_keeps_its_bits_where_it_lies(source):
    read = source("photo.png", samples.png16(4)())
    returned = np.pad(read.rgb, ((5, 0), (9, 11), (0, 0)), constant_values=77)
    result = read.restore(samples.png(returned))
    before, after = samples.decoded(samples.png16(4)()), samples.decoded(result.data)
    assert after.shape == (HEIGHT + 5, WIDTH + 20, 4)
    np.testing.assert_array_equal(after[5:, 9 : 9 + WIDTH], before)
    assert after[0, 0].tolist() == [77 * 257] * 3 + [65535]
    assert f"The result is 84 x 53, the picture {WIDTH} x {HEIGHT}: it lies at column 9, row 5." in result.notes


def test_a_large_mask_does_not_hide_where_it_lies(tmp_path):
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:, :40] = 0
    mask[30:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    read = read_source(samples.written(tmp_path, "photo.png", samples.png16(3)()), tmp_path / "mask.png")
    returned = np.pad(np.where(mask[..., None] > 0, np.uint8(255), read.rgb), ((4, 4), (6, 6), (0, 0)))
    after = samples.decoded(read.restore(samples.png(returned)).data)
    np.testing.assert_array_equal(after[4:34, 6:46], samples.decoded(samples.png16(3)())[:30, :40])


def test_a_scaled_result_is_of_8_bits_and_that_is_said(source):
    read = source("photo.tif", samples.tiff(3, np.uint16)())
    smaller = np.asarray(Image.fromarray(read.rgb).resize((32, 24)))
    result = read.restore(samples.png(smaller))
    np.testing.assert_array_equal(samples.decoded(result.data), smaller.astype(np.uint16) * 257)
    assert any("was not found in it: all pixels are the result's, of 8 bits" in note for note in result.notes)


def test_alpha_that_does_not_fit_goes_and_that_is_said(source):
    read = source("photo.png", samples.png(samples.ramp(4)))
    result = read.restore(samples.png(np.zeros((10, 10, 3), np.uint8)))
    assert Image.open(io.BytesIO(result.data)).mode == "RGB"
    assert "Its alpha was left out: it does not fit the result's size." in result.notes


def test_a_gif_may_grow(source):
    read = source("photo.gif", samples.file_of("P", "GIF")())
    result = read.restore(samples.png(np.pad(read.rgb, ((0, 0), (0, 8), (0, 0)), mode="edge")))
    assert Image.open(io.BytesIO(result.data)).size == (WIDTH + 8, HEIGHT)
