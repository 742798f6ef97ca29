"""Pictures that come back as they went in: format, depth, alpha and profile, and each pixel outside of the mask.

Files are made and read here by other means than in the functions under test.

Mutations seen to fail here: 16 bits not rounded or scaled by 256; planes, floats, LZW or white-as-zero of TIFF taken as
others; alpha left out or kept where it is the mask; the source's bits not taken; a turn the other way; tables of JPEG
not turned with the pixels; the last of several encodings taken, not the best; colors under transparency lost; 12 bits
taken for 16.
"""

import io
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from inpaint.batch.files.channels import from_bytes, to_bytes
from inpaint.batch.files.source import read_source
from inpaint.core.errors import InpaintError

from . import samples
from .samples import HEIGHT, HOLE, PAINT, SRGB, WIDTH, file_of, png16, tiff, tiff_by_opencv

LZW = 5


def all_grays():
    """Pillow reads a palette of the 256 grays in their order as none at all."""
    data = samples.saved(samples.picture("L"), "GIF", transparency=3, optimize=False)
    assert Image.open(io.BytesIO(data)).mode == "L"
    return data


# By kind: the file's ending, the file, Pillow's mode of the result, the profile.
EXACT = {
    "PNG 1": (".png", file_of("1", "PNG"), "1", None),
    "PNG L": (".png", file_of("L", "PNG"), "L", None),
    "PNG LA": (".png", file_of("LA", "PNG"), "LA", None),
    "PNG P": (".png", file_of("P", "PNG"), "RGB", None),
    "PNG P transparent": (".png", file_of("P", "PNG", transparency=3), "RGBA", None),
    "PNG RGB": (".PNG", file_of("RGB", "PNG", icc_profile=SRGB), "RGB", SRGB),
    "PNG RGB transparent": (".png", file_of("RGB", "PNG", transparency=(0, 20, 40)), "RGBA", None),
    "PNG RGBA": (".png", file_of("RGBA", "PNG", icc_profile=SRGB), "RGBA", SRGB),
    "PNG gray 16": (".png", png16(1), "I;16", SRGB),
    "PNG gray alpha 16": (".png", png16(2), "RGBA", SRGB),
    "PNG RGB 16": (".png", png16(3), "RGB", SRGB),
    "PNG RGBA 16": (".png", png16(4), "RGBA", SRGB),
    "WebP lossless": (".webp", file_of("RGB", "WEBP", lossless=True, icc_profile=SRGB), "RGB", SRGB),
    "WebP lossless alpha": (".webp", file_of("RGBA", "WEBP", lossless=True, exact=True), "RGBA", None),
    "TIFF 1": (".tif", file_of("1", "TIFF", compression="group4"), "1", None),
    "TIFF L": (".tif", file_of("L", "TIFF", compression="tiff_lzw"), "L", None),
    "TIFF LA": (".tif", file_of("LA", "TIFF"), "LA", None),
    "TIFF P": (".tif", file_of("P", "TIFF"), "RGB", None),
    "TIFF RGB": (".tiff", file_of("RGB", "TIFF", icc_profile=SRGB), "RGB", SRGB),
    "TIFF RGB planes": (".tif", tiff(3, np.uint8, planarconfig="separate"), "RGB", SRGB),
    "TIFF RGB tiles": (".tif", tiff(3, np.uint8, tile=(16, 16)), "RGB", SRGB),
    "TIFF RGBA": (".tif", file_of("RGBA", "TIFF", compression="packbits"), "RGBA", None),
    "TIFF CMYK": (".tif", file_of("CMYK", "TIFF"), "CMYK", None),
    "TIFF gray 16": (".tif", tiff(1, np.uint16), "I;16", SRGB),
    "TIFF gray alpha 16": (".tif", tiff(2, np.uint16, extrasamples=["unassalpha"]), None, SRGB),
    "TIFF RGB 16": (".tif", tiff(3, np.uint16), "RGB", SRGB),
    "TIFF RGB 16 big-endian": (".tif", tiff(3, np.uint16, byteorder=">"), "RGB", SRGB),
    "TIFF RGB 16 deflate": (".tif", tiff(3, np.uint16, compression="zlib", predictor=True), "RGB", SRGB),
    "TIFF RGB 16 LZW": (".tif", tiff_by_opencv(3, np.uint16, LZW), "RGB", None),
    "TIFF RGB 16 planes": (".tif", tiff(3, np.uint16, planarconfig="separate"), "RGB", SRGB),
    "TIFF RGB 16 tiles": (".tif", tiff(3, np.uint16, tile=(16, 16)), "RGB", SRGB),
    "TIFF RGB 16 BigTIFF": (".tif", tiff(3, np.uint16, bigtiff=True), "RGB", SRGB),
    "TIFF RGBA 16": (".tif", tiff(4, np.uint16, extrasamples=["unassalpha"]), "RGBA", SRGB),
    "TIFF gray float": (".tif", tiff(1, np.float32), "F", SRGB),
    "TIFF RGB float": (".tif", tiff(3, np.float32), None, SRGB),
    "TIFF RGB float big-endian": (".tif", tiff(3, np.float32, byteorder=">", compression="zlib"), None, SRGB),
    "TIFF RGB float LZW": (".tif", tiff_by_opencv(3, np.float32, LZW), None, None),
    "TIFF RGBA float": (".tif", tiff(4, np.float32, extrasamples=["unassalpha"]), None, SRGB),
    "BMP 1": (".bmp", file_of("1", "BMP"), "1", None),
    "BMP L": (".bmp", file_of("L", "BMP"), "L", None),
    "BMP P": (".bmp", file_of("P", "BMP"), "RGB", None),
    "BMP RGB": (".bmp", file_of("RGB", "BMP"), "RGB", None),
    "GIF": (".gif", file_of("P", "GIF"), "P", None),
    "GIF transparent": (".gif", file_of("P", "GIF", transparency=3), "P", None),
    "GIF gray": (".gif", file_of("L", "GIF"), "P", None),
    "GIF gray transparent": (".gif", all_grays, None, None),
}


@pytest.fixture
def mask(tmp_path):
    samples.mask_image().save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def restored(folder, name, data, mask):
    source = read_source(samples.written(folder, name, data), mask)
    return source.restore(samples.repainted(source.upload()))


@pytest.mark.parametrize("kind", EXACT)
def test_all_outside_the_mask_is_as_it_was(kind, tmp_path, mask):
    suffix, file, mode, profile = EXACT[kind]
    data = file()
    result = restored(tmp_path, f"photo{suffix}", data, mask)
    assert result.suffix == suffix
    before, after = samples.decoded(data), samples.decoded(result.data)
    if kind == "PNG gray alpha 16":
        assert any("replaced by RGB with alpha" in note for note in result.notes)
    assert after.dtype == before.dtype
    assert after.shape == before.shape
    outside = np.asarray(samples.mask_image()) == 0
    np.testing.assert_array_equal(after[outside], before[outside])
    if before.shape[2] in (2, 4) and "CMYK" not in kind:
        np.testing.assert_array_equal(after[..., -1], before[..., -1])  # alpha, in the mask too
    if mode is not None:
        image = Image.open(io.BytesIO(result.data))
        assert (image.mode, image.info.get("icc_profile")) == (mode, profile)
    eight_bits = before.dtype in (np.uint8, bool)
    assert any("What changed is of 8 bits" in note for note in result.notes) == (not eight_bits)


@pytest.mark.parametrize("kind", [kind for kind in EXACT if "GIF" not in kind])
def test_the_hole_is_what_came_back(kind, tmp_path, mask):
    suffix, file, _, _ = EXACT[kind]
    data = file()
    pixels = samples.decoded(restored(tmp_path, f"photo{suffix}", data, mask).data)
    hole = pixels[HOLE].reshape(-1, pixels.shape[2])
    gray = round(0.299 * PAINT[0] + 0.587 * PAINT[1] + 0.114 * PAINT[2])
    if pixels.dtype == bool:
        assert not hole.any()
        return
    if "CMYK" in kind:
        hole = 255 - hole
    is_gray = "gray" in kind or samples.decoded(data).shape[2] < 3
    expected = (gray,) * min(3, pixels.shape[2]) if is_gray else PAINT
    if pixels.shape[2] == 2:
        expected = expected[:1]
    if kind.startswith("PNG") and " 16" in kind:
        expected = expected[::-1]  # as OpenCV decodes it
    white = {"uint8": 255, "uint16": 65535, "float32": 1.0}[str(pixels.dtype)]
    wanted = np.broadcast_to(np.array(expected) * white / 255, (len(hole), len(expected)))
    np.testing.assert_allclose(hole[:, : len(expected)], wanted, atol=1e-6)


def test_a_gif_keeps_its_palette(tmp_path, mask):
    data = file_of("P", "GIF")()
    result = restored(tmp_path, "photo.gif", data, mask)
    colors = {tuple(color) for color in samples.decoded(data).reshape(-1, 3)}
    assert {tuple(color) for color in samples.decoded(result.data).reshape(-1, 3)} <= colors
    assert any("in its palette" in note for note in result.notes)


# ---- lossy formats ----

# By kind: the file, and how many percent of the pixels outside the mask come back exact, at least.
LOSSY = {
    "JPEG L": (".jpg", file_of("L", "JPEG"), 80),
    "JPEG 4:4:4": (".jpg", file_of("RGB", "JPEG", quality=92, subsampling="4:4:4", icc_profile=SRGB), 80),
    "JPEG 4:2:2": (".jpeg", file_of("RGB", "JPEG", quality=92, subsampling="4:2:2"), 40),
    "JPEG 4:2:0": (".JPG", file_of("RGB", "JPEG", quality=75, dpi=(300, 200)), 40),
    "JPEG progressive": (".jpg", file_of("RGB", "JPEG", progressive=True), 40),
    "JPEG RGB in the file": (".jpg", file_of("RGB", "JPEG", keep_rgb=True), 70),
    "JPEG CMYK": (".jpg", file_of("CMYK", "JPEG"), 70),
    "WebP": (".webp", file_of("RGB", "WEBP", icc_profile=SRGB), 0),
    "WebP alpha": (".webp", file_of("RGBA", "WEBP"), 0),
    "AVIF": (".avif", file_of("RGB", "AVIF", icc_profile=SRGB), 0),
    "AVIF alpha": (".avif", file_of("RGBA", "AVIF"), 0),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_a_lossy_format_stays_close_and_the_note_says_how_close(kind, tmp_path, mask):
    suffix, file, share = LOSSY[kind]
    data = file()
    result = restored(tmp_path, f"photo{suffix}", data, mask)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(result.data))
    assert (after.format, after.mode, after.info.get("icc_profile")) == (
        *(before.format, before.mode, before.info.get("icc_profile")),
    )
    assert after.info.get("dpi") == before.info.get("dpi")
    assert after.info.get("progressive") == before.info.get("progressive")
    assert getattr(after, "quantization", None) == getattr(before, "quantization", None)
    assert getattr(after, "layer", None) == getattr(before, "layer", None)  # subsampling
    colors = 3 if before.mode == "RGBA" else len(before.getbands())
    outside = np.asarray(samples.mask_image()) == 0
    channels = np.s_[:, :, :colors]
    old, new = samples.decoded(data)[channels][outside], samples.decoded(result.data)[channels][outside]
    difference = np.abs(old.astype(int) - new)
    exact = 100 * (difference.max(axis=1) == 0).mean()
    assert exact >= share
    assert difference.mean() < 3
    (note,) = (note for note in result.notes if "loses a little" in note)
    assert f"{exact:.3g} % of the pixels outside the mask are exact" in note
    assert f"largest difference is {difference.max()} of 255" in note
    np.testing.assert_allclose(
        np.asarray(after.convert("RGB"))[20:28, 28:36].mean(axis=(0, 1)), _painted(before), atol=6
    )


def _painted(image):
    return np.array([Image.new("RGB", (1, 1), PAINT).convert("L").getpixel((0, 0))] * 3 if image.mode == "L" else PAINT)


def textured(width, height):
    """A picture with edges and grain, far from black and white."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / 7 + channel) + np.sin(columns / (5 + channel)) for channel in range(3)]
    grain = random.normal(0, 6, (height, width, 3))
    return (128 + 30 * np.stack(waves, axis=-1) + grain).clip(0, 255).astype(np.uint8)


def saved_again(pixels, image):
    """What saving with the source's tables and subsampling gives, as programs do it."""
    return samples.saved(
        Image.fromarray(pixels), "JPEG", qtables=image.quantization, subsampling=JpegImagePlugin.get_sampling(image)
    )


# Sides, subsampling, orientation; percent of the pixels away from the mask that are exact, at least.
CLOSE = [
    ((96, 64), "4:2:0", 1, 98),
    ((96, 64), "4:4:4", 1, 98),
    ((91, 67), "4:2:0", 1, 80),  # the last blocks reach beyond the picture
    ((96, 64), "4:2:0", 3, 65),
    ((96, 64), "4:2:0", 6, 70),
    ((96, 64), "4:4:4", 6, 90),
    ((96, 64), "4:4:4", 8, 90),
    ((96, 64), "4:2:2", 1, 60),
]


@pytest.mark.parametrize(("size", "subsampling", "orientation", "share"), CLOSE)
def test_blocks_of_a_jpeg_that_were_not_touched_stay(size, subsampling, orientation, share, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = samples.saved(Image.fromarray(textured(*size)), "JPEG", quality=90, subsampling=subsampling, exif=exif)
    image = Image.open(io.BytesIO(data))
    before = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    mask = np.zeros(before.shape[:2], np.uint8)
    mask[20:30, 20:30] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    source = read_source(samples.written(tmp_path, "photo.jpg", data), tmp_path / "mask.png")
    returned = samples.repainted(source.upload())
    away = np.ones(mask.shape, bool)
    away[:48, :48] = False
    ours, theirs = (
        np.abs(samples.decoded(one) - before)[away].max(axis=1)
        for one in (source.restore(returned).data, saved_again(samples.decoded(returned), image))
    )
    assert 100 * (ours == 0).mean() >= share
    assert ours.mean() < (0.7 * theirs.mean() if subsampling != "4:4:4" else theirs.mean() + 0.05)


@pytest.mark.parametrize("quality", [90, 99])
def test_a_gray_jpeg_is_never_farther_off_than_by_saving_it_again(quality, tmp_path, mask):
    gray = Image.fromarray(textured(WIDTH, HEIGHT)).convert("L")
    data = samples.saved(gray, "JPEG", quality=quality)
    source = read_source(samples.written(tmp_path, "photo.jpg", data), mask)
    wanted = np.where(source.mask > 0, 0, samples.decoded(data)[..., 0])
    returned = samples.png(wanted.astype(np.uint8)[..., None].repeat(3, axis=2))
    image: Any = Image.open(io.BytesIO(data))
    again = samples.saved(Image.fromarray(wanted.astype(np.uint8)), "JPEG", qtables=image.quantization)
    ours, theirs = (
        np.abs(samples.decoded(one)[..., 0] - wanted.astype(int)).sum()
        for one in (source.restore(returned).data, again)
    )
    assert ours <= theirs


def test_noise_at_the_highest_quality_is_written(tmp_path, mask):
    noise = np.random.default_rng(3).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    data = samples.saved(Image.fromarray(noise), "JPEG", quality=100, subsampling=0)
    Image.new("L", (500, 400)).save(mask)
    source = read_source(samples.written(tmp_path, "photo.jpg", data), mask)
    result = source.restore(samples.repainted(source.upload()))
    assert Image.open(io.BytesIO(result.data)).size == (500, 400)
    assert not any("progressive" in note for note in result.notes)


def test_noise_that_pillow_cannot_write_as_progressive_is_noted(tmp_path, mask):
    data = file_of("RGB", "JPEG", quality=100, subsampling=0, progressive=True)()
    noise = np.random.default_rng(3).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    result = read_source(samples.written(tmp_path, "photo.jpg", data), mask).restore(samples.png(noise))
    assert Image.open(io.BytesIO(result.data)).size == (500, 400)
    assert "It is no longer progressive: it has too much detail for that." in result.notes


# ---- inks ----


def test_inks_go_through_their_profile_both_ways(tmp_path, mask):
    profile = samples.cmyk_profile()
    data = file_of("CMYK", "TIFF", icc_profile=profile)()
    source = read_source(samples.written(tmp_path, "photo.tif", data), mask)
    inks = samples.decoded(data).astype(float)
    expected = (255 - inks[..., :3]) * (255 - inks[..., 3:]) / 255
    assert np.abs(source.rgb - expected).mean() < 4
    result = source.restore(samples.repainted(source.upload()))
    assert Image.open(io.BytesIO(result.data)).info["icc_profile"] == profile
    after = samples.decoded(result.data).astype(float)
    outside = np.asarray(samples.mask_image()) == 0
    np.testing.assert_array_equal(after[outside], inks[outside])
    shown = ((255 - after[..., :3]) * (255 - after[..., 3:]) / 255)[HOLE]
    np.testing.assert_allclose(shown.mean(axis=(0, 1)), PAINT, atol=10)
    assert any("CMYK by its profile" in note for note in result.notes)


def test_a_broken_profile_of_inks_is_an_error(tmp_path, mask):
    data = file_of("CMYK", "TIFF", icc_profile=SRGB)()
    with pytest.raises(InpaintError, match=r"photo\.tif: its CMYK profile cannot be used"):
        read_source(samples.written(tmp_path, "photo.tif", data), mask)


# ---- orientation ----

UPRIGHT = {
    "JPEG": (".jpg", lambda image, exif: samples.saved(image, "JPEG", quality=100, subsampling=0, exif=exif), 12),
    "PNG": (".png", lambda image, exif: samples.saved(image, "PNG", exif=exif), 0),
    "WebP": (".webp", lambda image, exif: samples.saved(image, "WEBP", lossless=True, exif=exif), 0),
    "TIFF": (".tif", lambda image, exif: samples.saved(image, "TIFF", exif=exif), 0),
    "AVIF": (".avif", lambda image, exif: samples.saved(image, "AVIF", quality=100, exif=exif), 12),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", UPRIGHT)
def test_orientation_is_applied_once_and_reset(kind, orientation, tmp_path):
    suffix, save, tolerance = UPRIGHT[kind]
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    data = save(picture_rgb(), exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    Image.new("L", upright.size, 0).save(tmp_path / "mask.png")
    source = read_source(samples.written(tmp_path, f"photo{suffix}", data), tmp_path / "mask.png")
    np.testing.assert_array_equal(source.rgb, np.asarray(upright))
    after = Image.open(io.BytesIO(source.restore(samples.repainted(source.upload())).data))
    assert (after.getexif().get(0x0112, 1), after.getexif()[0x010F]) == (1, "Maker")
    assert np.abs(np.asarray(ImageOps.exif_transpose(after)).astype(int) - source.rgb).max() <= tolerance


def picture_rgb():
    return samples.picture("RGB")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientation_of_deep_tiffs(orientation, compression, tmp_path):
    deep = samples.ramp(1, np.uint16)[..., 0]
    tags = {274: orientation}
    data = samples.saved(Image.fromarray(deep), "TIFF", compression=compression, tiffinfo=tags)
    order = Image.fromarray(np.arange(deep.size, dtype=np.int32).reshape(deep.shape))
    order.getexif()[274] = orientation
    upright = deep.ravel()[np.asarray(ImageOps.exif_transpose(order))]
    Image.new("L", upright.shape[::-1], 0).save(tmp_path / "mask.png")
    source = read_source(samples.written(tmp_path, "photo.tif", data), tmp_path / "mask.png")
    result = source.restore(samples.repainted(source.upload()))
    np.testing.assert_array_equal(samples.decoded(result.data)[..., 0], upright)
    after: Any = Image.open(io.BytesIO(result.data))
    assert after.tag_v2[274] == 1


# ---- 8 bits ----


def test_levels_come_back_from_16_bits_and_floats():
    levels = np.arange(256, dtype=np.uint8)
    for dtype in (np.uint8, np.uint16, np.float32):
        np.testing.assert_array_equal(to_bytes(from_bytes(levels, np.dtype(dtype))), levels)


def test_levels_are_the_nearest():
    words = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(to_bytes(words), np.round(words / 65535 * 255).astype(np.uint8))
    floats = np.array([-1, 0, 0.5 / 255 - 1e-6, 0.5 / 255 + 1e-6, 1, 7, np.inf, -np.inf, np.nan], np.float32)
    assert to_bytes(floats).tolist() == [0, 0, 0, 1, 255, 255, 255, 0, 0]


# ---- alpha ----


def test_alpha_as_mask_gives_an_opaque_result(tmp_path):
    pixels = samples.ramp(4)
    pixels[..., 3] = 255
    pixels[HOLE][..., 3] = 0
    source = read_source(samples.written(tmp_path, "photo.png", samples.png(pixels)), None)
    np.testing.assert_array_equal(source.mask, np.asarray(samples.mask_image()))
    result = source.restore(samples.repainted(source.upload()))
    after = Image.open(io.BytesIO(result.data))
    assert after.mode == "RGB"
    assert after.getpixel((30, 20)) == PAINT
    assert "Its alpha is the mask, so the result is opaque." in result.notes


@pytest.mark.parametrize(("mode", "reason"), [("RGB", "the picture has no alpha"), ("RGBA", "is transparent")])
def test_a_picture_without_transparency_has_no_mask(mode, reason, tmp_path):
    image = samples.picture("RGB").convert(mode)
    with pytest.raises(InpaintError, match=rf"photo\.png: no mask: .*{reason}"):
        read_source(samples.written(tmp_path, "photo.png", samples.saved(image, "PNG")), None)


def test_a_mask_where_the_picture_is_transparent_is_noted(tmp_path, mask):
    pixels = samples.ramp(4)
    pixels[..., 3] = 255
    pixels[:20, :, 3] = 0
    result = restored(tmp_path, "photo.png", samples.png(pixels), mask)
    assert "64 pixels of the mask are transparent in the picture, whose alpha was kept." in result.notes


def test_floats_beyond_white_stay_where_nothing_was_repainted(tmp_path, mask):
    pixels = samples.ramp(3, np.float32)
    pixels[0, 0], pixels[1, 1] = 4.0, np.nan
    tifffile.imwrite(tmp_path / "photo.tif", pixels, photometric="rgb")
    source = read_source(tmp_path / "photo.tif", mask)
    result = source.restore(samples.repainted(source.upload()))
    after = samples.decoded(result.data)
    assert after[0, 0].tolist() == [4, 4, 4]
    assert np.isnan(after[1, 1]).all()
    assert any("beyond 0..1" in note for note in result.notes)


# ---- refusals ----


def preview_first():
    """Return a TIFF whose first page is a preview, and whose picture is nowhere that is read."""
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((8, 12, 3), np.uint8), photometric="rgb", subfiletype=1)
    return file.getvalue()


def frames(kind, **options):
    images = [samples.picture("RGB"), Image.new("RGB", (WIDTH, HEIGHT))]
    return samples.saved(images[0], kind, save_all=True, append_images=images[1:], **options)


def halved(data):
    return data[: len(data) // 2]


def doubles():
    file = io.BytesIO()
    tifffile.imwrite(file, samples.ramp(3).astype(np.float64), photometric="rgb")
    return file.getvalue()


def twelve_bits():
    with tifffile.TiffFile(io.BytesIO(data := tiff(1, np.uint16)())) as file:
        at = file.pages.first.tags["BitsPerSample"].valueoffset
    return data[:at] + b"\x0c\0" + data[at + 2 :]


def with_tag(name, value):
    """A TIFF of 16 bits with a wrong number in a tag."""
    with tifffile.TiffFile(io.BytesIO(data := tiff(3, np.uint16)())) as file:
        tag = file.pages.first.tags[name]
        size = {3: 2, 4: 4}[int(tag.dtype)]
        return data[: tag.valueoffset] + value.to_bytes(size, "little") + data[tag.valueoffset + size :]


def enormous():
    data = file_of("RGB", "PNG")()
    head = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + data[24:29]
    return data[:12] + head + zlib.crc32(head).to_bytes(4, "big") + data[33:]


def raw():
    """As DNG, NEF and ARW are: a small preview first, the picture in a folder of its own."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(samples.ramp(3)[::4, ::4], photometric="rgb", subfiletype=1, subifds=1)
        writer.write(samples.ramp(1, np.uint16)[..., 0], photometric="minisblack")
    return file.getvalue()


def signed():
    file = io.BytesIO()
    tifffile.imwrite(file, samples.ramp(1)[..., 0].view(np.int8), photometric="minisblack")
    return file.getvalue()


def lab():
    return samples.saved(Image.new("LAB", (WIDTH, HEIGHT)), "TIFF")


REFUSED = {
    "empty": (lambda: b"", r"it is empty \(0 bytes\)"),
    "text": (lambda: b"<html>not found</html>", "it is no picture that can be read. Expected one of PNG, JPEG"),
    "half a PNG": (lambda: halved(file_of("RGB", "PNG")()), "it is broken: .* Expected a whole PNG"),
    "half a JPEG": (lambda: halved(file_of("RGB", "JPEG")()), "it is broken: .* Expected a whole JPEG"),
    "half a TIFF": (lambda: halved(tiff(3, np.uint16)()), "it is broken: .* Expected a whole TIFF"),
    "half a deep PNG": (lambda: halved(png16(3)()), "it is broken"),
    "animated GIF": (lambda: frames("GIF"), "expected one picture, got 2 in one file"),
    "animated PNG": (lambda: frames("PNG"), "expected one picture, got 2 in one file"),
    "animated WebP": (lambda: frames("WEBP"), "expected one picture, got 2 in one file"),
    "TIFF of two pages": (lambda: frames("TIFF"), "expected one page, got 2"),
    "TIFF that begins with a preview, as camera raw": (preview_first, "it begins with a small preview"),
    "HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(50), "HEIC cannot be read. Save it as one of PNG, JPEG"),
    "JPEG XL": (lambda: b"\xff\x0a" + bytes(50), "JPEG XL cannot be read"),
    "TIFF of doubles": (doubles, "expected gray or RGB of 8 or 16 bits or of 32-bit floats"),
    "multiplied by alpha": (tiff(4, np.uint16, extrasamples=["assocalpha"]), "its colors are multiplied by its alpha"),
    "TIFF of 12 bits": (
        twelve_bits,
        r"expected gray or RGB .* got 1 channels \(MINISBLACK\) of 12-bit",
    ),
    "too many pixels": (enormous, "it has more than 178,956,970 pixels, .* Cut it up"),
    "too many deep pixels": (
        lambda: with_tag("ImageLength", 4_000_000_000),
        "it has more than 178,956,970 pixels",
    ),
    "too few channels": (lambda: with_tag("SamplesPerPixel", 2), "expected gray or RGB .* got 2 channels"),
    "camera raw": (raw, "it begins with a small preview, as camera raws do. Save it as TIFF"),
    "signed": (signed, r"expected gray or RGB .* got 1 channels \(MINISBLACK\) of 8-bit int8"),
    "LAB": (lab, "expected gray, RGB or CMYK, got LAB"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_one_sentence_with_the_name(kind, tmp_path, mask):
    file, reason = REFUSED[kind]
    with pytest.raises(InpaintError, match=rf"^my photo\.png: {reason}") as error:
        read_source(samples.written(tmp_path, "my photo.png", file()), mask)
    assert "\n" not in str(error.value)


def test_a_missing_picture_is_an_error(tmp_path, mask):
    with pytest.raises(InpaintError, match=r"gone\.png: cannot be read: No such file"):
        read_source(tmp_path / "gone.png", mask)


def test_the_format_is_the_contents_whatever_the_name(tmp_path, mask):
    result = restored(tmp_path, "photo.jpg", file_of("RGB", "PNG")(), mask)
    assert result.suffix == ".jpg"
    assert Image.open(io.BytesIO(result.data)).format == "PNG"


@pytest.mark.parametrize("answer", [b"", b"<html>Bad gateway</html>", b"\x89PNG\r\n\x1a\nhalf"])
def test_an_answer_that_is_no_picture_is_an_error(answer, tmp_path, mask):
    source = read_source(samples.written(tmp_path, "photo.png", file_of("RGB", "PNG")()), mask)
    with pytest.raises(InpaintError, match="result: expected a picture from the host"):
        source.restore(answer)


def test_changes_outside_the_mask_are_counted(tmp_path, mask):
    source = read_source(samples.written(tmp_path, "photo.png", png16(3)()), mask)
    returned = source.rgb.copy()
    returned[:2] ^= 1
    result = source.restore(samples.png(returned))
    outside = WIDTH * HEIGHT - 256
    assert f"Outside the mask {2 * WIDTH} pixels changed, {200 * WIDTH / outside:.3g} %." in result.notes
    np.testing.assert_array_equal(samples.decoded(result.data)[2:], samples.decoded(png16(3)())[2:])


def test_profiles_of_the_samples_are_read_by_littlecms():
    """Otherwise the test of inks would prove nothing."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(samples.cmyk_profile()))
    assert profile.profile.xcolor_space.strip() == "CMYK"
