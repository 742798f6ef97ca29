"""Masks from files of any kind and size.

Mutations seen to fail here: alpha not turned into a mask; eight pixels of rounding; thin strokes lost.
"""

import io

import numpy as np
import pytest
from PIL import Image

from inpaint.batch.files.source import read_source
from inpaint.core.errors import InpaintError

from . import samples
from .samples import HEIGHT, HOLE, WIDTH

ONES = np.asarray(samples.mask_image())


@pytest.fixture
def source(tmp_path):
    """Read a picture with a mask made from a Pillow image."""
    samples.picture("RGB").save(tmp_path / "photo.png")

    def read(mask: Image.Image, name: str = "mask.png", **options):
        mask.save(tmp_path / name, **options)
        return read_source(tmp_path / "photo.png", tmp_path / name)

    return read


def _with_alpha(gray: int):
    """A mask whose strokes are of one gray, on a transparent ground."""
    return Image.merge("LA", (Image.new("L", (WIDTH, HEIGHT), gray), samples.mask_image()))


KINDS = {
    "1 bit": lambda: samples.mask_image().convert("1"),
    "gray": samples.mask_image,
    "RGB": lambda: samples.mask_image().convert("RGB"),
    "palette": lambda: samples.mask_image().convert("P"),
    "16 bit": lambda: Image.fromarray(ONES.astype(np.uint16) * 257),
    "opaque": lambda: samples.mask_image().convert("RGBA"),
    "white on transparent": lambda: _with_alpha(255),
}


@pytest.mark.parametrize("kind", KINDS)
def test_white_is_repainted(kind, source):
    np.testing.assert_array_equal(source(KINDS[kind]()).mask, ONES)


def test_gray_is_between(source):
    soft = Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, 1)))
    np.testing.assert_array_equal(source(soft).mask, np.asarray(soft))


def test_floats_are_read_as_0_to_1(source):
    assert source(Image.fromarray(ONES.astype(np.float32) / 510), "mask.tif").mask.max() == 128


def test_black_strokes_on_transparency_are_unclear(source):
    with pytest.raises(InpaintError, match=r"mask\.png: mask: it is black and partly transparent.*Expected white"):
        source(_with_alpha(0))


def test_a_black_mask_is_noted(source):
    read = source(Image.new("L", (WIDTH, HEIGHT)))
    assert not read.mask.any()
    assert read.notes == ("The mask is black: nothing is to be repainted.",)


def test_a_mask_that_is_nowhere_black_is_noted(source):
    """Otherwise a report that names no change outside the mask would say that there was none."""
    floor = source(Image.fromarray(np.maximum(ONES, 5)))
    assert floor.notes == ("The mask is nowhere black, its least is 5 of 255: no pixel counts as outside of it.",)
    assert source(Image.new("L", (WIDTH, HEIGHT), 255)).notes == ()


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 3])
def test_another_size_of_the_same_shape_is_resized_and_noted(factor, source):
    size = round(WIDTH * factor), round(HEIGHT * factor)
    read = source(samples.mask_image().resize(size, Image.Resampling.NEAREST))
    corners = 4 if factor < 0.5 else 0  # are rounded
    assert np.count_nonzero(read.mask != ONES) <= corners
    assert set(np.unique(read.mask)) == {0, 255}
    assert read.notes == (f"The mask was resized from {size[0]} x {size[1]} to the picture's {WIDTH} x {HEIGHT}.",)


def test_a_thin_stroke_survives_a_smaller_size(source):
    large = Image.new("L", (WIDTH * 8, HEIGHT * 8))
    large.paste(255, (201, 0, 202, HEIGHT * 8))
    mask = source(large).mask
    assert (mask[:, 201 // 8] == 255).all()
    assert np.count_nonzero(mask) == HEIGHT


@pytest.mark.parametrize("size", [(33, 24), (32, 25), (31, 23), (65, 48), (64, 49)])
def test_a_pixel_of_rounding_is_the_same_shape(size, source):
    assert source(Image.new("L", size, 255)).mask.shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (64, 40), (128, 64), (32, 30)])
def test_another_shape_is_refused(size, source):
    expected = rf"mask\.png: mask: expected the picture's size 64 x 48 or shape, got {size[0]} x {size[1]}\. Make"
    with pytest.raises(InpaintError, match=expected):
        source(Image.new("L", size, 255))


def test_a_mask_that_lies_as_the_file_does_is_refused_with_the_reason(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    samples.picture("RGB").save(tmp_path / "photo.jpg", exif=exif)
    samples.mask_image().save(tmp_path / "mask.png")
    with pytest.raises(InpaintError, match=r"before its EXIF orientation: turn the mask"):
        read_source(tmp_path / "photo.jpg", tmp_path / "mask.png")


def test_orientation_of_the_mask_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (HEIGHT, WIDTH)).save(tmp_path / "photo.png")
    samples.mask_image().save(tmp_path / "mask.png", exif=exif)
    mask = read_source(tmp_path / "photo.png", tmp_path / "mask.png").mask
    np.testing.assert_array_equal(mask, np.rot90(ONES, -1))


def test_uploads_hold_picture_and_mask(source):
    soft = Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, 1)))
    read = source(soft)
    both, picture, mask = (
        np.asarray(Image.open(io.BytesIO(data))) for data in (read.upload(), read.upload_picture(), read.upload_mask())
    )
    np.testing.assert_array_equal(both, np.dstack([samples.ramp(3), 255 - np.asarray(soft)]))
    np.testing.assert_array_equal(picture, samples.ramp(3))
    np.testing.assert_array_equal(mask, np.dstack([*[np.asarray(soft)] * 3, 255 - np.asarray(soft)]))


def test_a_broken_mask_is_named(tmp_path):
    samples.picture("RGB").save(tmp_path / "photo.png")
    with pytest.raises(InpaintError, match=r"my mask\.png: it is empty"):
        read_source(tmp_path / "photo.png", samples.written(tmp_path, "my mask.png", b""))


def test_the_hole_of_samples_is_a_part():
    assert ONES[HOLE].all()
    assert 0 < np.count_nonzero(ONES) < ONES.size
