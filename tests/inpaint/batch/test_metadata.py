"""EXIF, XMP, resolution, comments and makers' notes in files that come back, and what has to go.

A preview of the old picture would still show what was removed.

Mutations seen to fail here: orientation left as it was; previews in EXIF, of Photoshop, layers or credentials kept; XMP
copied as it is; resolutions not exchanged; further pictures of a JPEG announced and not there.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inpaint.batch.files.metadata import fit_exif, fit_photoshop
from inpaint.batch.files.source import read_source

from . import samples
from .samples import HEIGHT, WIDTH

OLD_PREVIEW = b"\xff\xd8 the old picture, small \xff\xd9"
MAKER_NOTE = b"Maker\0 with an offset to its own place"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="Harbor"/></x:xmpmeta>'


def exif(order: str = ">", orientation: int = 6, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """EXIF with size, resolutions, a maker's note and a preview, made by hand."""
    entries: list[tuple[int, int, int, bytes]]

    def folder(at: int, entries: list[tuple[int, int, int, bytes]], then: int) -> bytes:
        head, body = struct.pack(order + "H", len(entries)), b""
        for tag, kind, count, value in entries:
            if len(value) > 4:
                place = at + 2 + 12 * len(entries) + 4 + len(body)
                body += value
                value = struct.pack(order + "I", place)
            head += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
        return head + struct.pack(order + "I", then) + body

    def short(value: int) -> bytes:
        return struct.pack(order + "H", value)

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    inner_at, second_at, preview_at = 200, 400, 500
    first = folder(
        8,
        [
            (0x0100, 4, 1, long(size[0])),
            (0x0101, 4, 1, long(size[1])),
            (0x010F, 2, 6, b"Maker\0"),
            (0x0112, 3, 1, short(orientation)),
            (0x011A, 5, 1, long(300) + long(1)),
            (0x011B, 5, 1, long(200) + long(1)),
            (0x8769, 4, 1, long(inner_at)),
        ],
        second_at,
    )
    entries = [
        (0x927C, 7, len(MAKER_NOTE), MAKER_NOTE),
        (0xA002, 3, 1, short(size[0])),
        (0xA003, 3, 1, short(size[1])),
    ]
    inner = folder(inner_at, entries, 0)
    preview = [(0x0201, 4, 1, long(preview_at)), (0x0202, 4, 1, long(len(OLD_PREVIEW)))]
    head = {">": b"MM\0*", "<": b"II*\0"}[order] + long(8)
    block = (head + first).ljust(inner_at, b"\0") + inner
    block = block.ljust(second_at, b"\0") + folder(second_at, preview, 0)
    return block.ljust(preview_at, b"\0") + OLD_PREVIEW


@pytest.fixture
def restored(tmp_path):
    """Read a file with an empty mask and restore it with what was sent."""

    def restore(name: str, data: bytes):
        path = samples.written(tmp_path, name, data)
        source = read_source(path, _mask(tmp_path, path))
        return source.restore(samples.repainted(source.upload()))

    return restore


def _mask(folder, path):
    with Image.open(path) as image:
        turned = image.getexif().get(0x0112, 1) >= 5 and image.format != "TIFF"
        size = image.size[::-1] if turned else image.size
    mask = np.zeros(size[::-1], np.uint8)
    mask[4:12, 4:12] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return folder / "mask.png"


# ---- EXIF ----


@pytest.mark.parametrize("order", "<>")
def test_exif_is_fitted_in_place(order):
    old = exif(order)
    changed = fit_exif(old, (HEIGHT, WIDTH), turned_by=6)
    image = Image.Exif()
    image.load(b"Exif\0\0" + changed.data)
    inner = image.get_ifd(0x8769)
    assert (image[0x0112], image[0x0100], image[0x0101]) == (1, HEIGHT, WIDTH)
    assert (inner[0xA002], inner[0xA003], inner[0x927C]) == (HEIGHT, WIDTH, MAKER_NOTE)
    assert (float(image[0x011A]), float(image[0x011B])) == (200, 300)
    assert changed.data.index(MAKER_NOTE) == old.index(MAKER_NOTE)
    assert b"the old picture" not in changed.data
    assert not image.get_ifd(1)
    assert len(changed.notes) == 1
    assert len(changed.data) == len(old)


@pytest.mark.parametrize("length", range(0, 520, 13))
def test_broken_exif_stays_and_raises_nothing(length):
    old = exif()[:length]
    assert len(fit_exif(old, (5, 5), 1).data) == length


CARRIERS = {
    "JPEG": lambda image: samples.saved(image, "JPEG", exif=b"Exif\0\0" + exif(), xmp=XMP, comment=b"a comment"),
    "PNG": lambda image: samples.saved(image, "PNG", exif=b"Exif\0\0" + exif(), pnginfo=_png_texts(), dpi=(300, 200)),
    "WEBP": lambda image: samples.saved(image, "WEBP", lossless=True, exif=exif(), xmp=XMP),
    "AVIF": lambda image: samples.saved(image, "AVIF", exif=exif(orientation=1), xmp=XMP),
}


def _png_texts():
    texts = PngInfo()
    texts.add_text("parameters", "a boat, steps 20")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return texts


@pytest.mark.parametrize("kind", CARRIERS)
def test_metadata_come_along(kind, restored):
    before = Image.open(io.BytesIO(data := CARRIERS[kind](samples.picture("RGB"))))
    assert MAKER_NOTE in data
    after = Image.open(io.BytesIO((result := restored(f"photo.{kind.lower()}", data)).data))
    assert after.getexif().get(0x0112, 1) == 1
    assert after.getexif().get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert b"the old picture" not in result.data
    xmp = after.info["xmp"]
    assert (xmp if isinstance(xmp, bytes) else xmp.encode()) == XMP.replace(b'Orientation="6"', b'Orientation="1"')
    for key in ("comment", "parameters"):
        assert after.info.get(key) == before.info.get(key)
    if kind == "PNG":  # lies on its side
        assert after.info["dpi"] == pytest.approx(before.info["dpi"][::-1], abs=0.1)


def test_an_edited_png_has_no_second_set_of_chunks(restored):
    names = [name for name, _ in _chunks(restored("photo.png", CARRIERS["PNG"](samples.picture("RGB"))).data)]
    assert (names[0], names[-1]) == (b"IHDR", b"IEND")
    assert len(set(names)) == len([name for name in names if name != b"IDAT"]) + 1
    assert names.index(b"eXIf") < names.index(b"IDAT")


def _chunks(data):
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


# ---- JPEG ----


def _with_segments(*segments):
    data = samples.saved(samples.picture("RGB"), "JPEG")
    packed = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return data[:2] + packed + data[2:]


def _resource(number, content):
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + b"\0\0"
        + struct.pack(">I", len(content))
        + content
        + b"\0" * (len(content) % 2)
    )


def test_photoshops_preview_goes_and_its_captions_stay(restored):
    caption, preview = _resource(0x0404, b"caption"), _resource(1036, OLD_PREVIEW)
    result = restored("photo.jpg", _with_segments((0xED, b"Photoshop 3.0\0" + preview + caption)))
    assert caption in result.data
    assert b"the old picture" not in result.data


def test_resources_of_photoshop_that_are_broken_end_there():
    caption = _resource(0x0404, b"caption")
    assert fit_photoshop(caption + b"8BI") == caption
    assert fit_photoshop(b"") == b""


def test_a_preview_in_the_jfif_header_goes(restored):
    data = samples.saved(samples.picture("RGB"), "JPEG", dpi=(300, 200))
    at = data.index(b"JFIF\0")
    old = b"JFIF\0" + data[at + 5 : at + 12] + b"\x01\x01" + b"old"
    data = data[: at - 2] + struct.pack(">H", len(old) + 2) + old + data[at + 14 :]
    after = restored("photo.jpg", data).data
    assert after[6:20] == old[:12] + b"\0\0"
    assert Image.open(io.BytesIO(after)).info["dpi"] == (300, 200)


def test_resolutions_turn_with_the_picture(restored):
    exif = Image.Exif()
    exif[0x0112] = 8
    data = samples.saved(samples.picture("RGB"), "JPEG", dpi=(300, 200), exif=exif)
    assert Image.open(io.BytesIO(restored("photo.jpg", data).data)).info["dpi"] == (200, 300)


def test_content_credentials_go_and_that_is_said(restored):
    result = restored("photo.jpg", _with_segments((0xEB, b"JP\0\x01 c2pa manifest"), (0xEB, b"JP\0\x01 and more")))
    assert b"c2pa" not in result.data
    assert [note for note in result.notes if "content credentials" in note] == [
        "Its content credentials were left out, since they are about the picture before this edit."
    ]


def test_of_several_pictures_in_a_jpeg_the_first_comes_back(restored):
    first, second = samples.picture("RGB"), Image.new("RGB", (8, 8))
    data = samples.saved(first, "MPO", save_all=True, append_images=[second])
    result = restored("photo.jpg", data)
    after = Image.open(io.BytesIO(result.data))
    assert (after.format, after.size, getattr(after, "n_frames", 1)) == ("JPEG", first.size, 1)
    assert any("A second picture in the file" in note for note in result.notes)


@pytest.mark.parametrize("progressive", [False, True])
def test_what_follows_a_jpeg_in_its_file_goes_and_that_is_said(restored, progressive):
    data = samples.saved(samples.picture("RGB"), "JPEG", progressive=progressive)
    note = "What follows the picture in its file, 24 bytes, was left out: of a motion photo the video."
    assert note in restored("photo.jpg", data + b"\0\0\0\x18ftypmp42" + b"video frames").notes
    for padding in (b"", bytes(24)):
        assert not any("What follows" in each for each in restored("photo.jpg", data + padding).notes)


# ---- PNG ----


def test_chunks_of_color_come_along(restored):
    data = samples.saved(samples.picture("RGB"), "PNG")
    extra = {b"gAMA": struct.pack(">I", 45455), b"cICP": bytes((9, 16, 0, 1)), b"tIME": bytes((7, 230, 1, 2, 3, 4, 5))}
    packed = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in {**extra, b"caBX": b"c2pa", b"sBIT": b"\5\5\5"}.items()
    )
    after = dict(_chunks(restored("photo.png", data[:33] + packed + data[33:]).data))
    assert {name: after.get(name) for name in extra} == extra
    assert b"caBX" not in after
    assert b"sBIT" not in after


# ---- TIFF ----


def _rich_tiff(**options):
    """A TIFF of 16 bits with EXIF, as a raw converter writes it."""
    inner = {0x829A: 1 / 250, 0x927C: MAKER_NOTE, 0xA002: WIDTH, 0xA003: HEIGHT}
    places = {1: "N", 2: (52.0, 30.0, 0.5)}
    previews = _resource(0x0404, b"caption") + _resource(1036, OLD_PREVIEW)
    names = {0x010F: "Maker", 0x013B: "A. Photographer", 33432: "(c) A. P."}
    deep = Image.fromarray(samples.ramp(1, np.uint16)[..., 0])
    tags = {**names, 700: XMP, 34377: previews, 0x8769: inner, 0x8825: places}
    return samples.saved(deep, "TIFF", tiffinfo=tags, icc_profile=samples.SRGB, dpi=(300, 200), **options)


def _tags(image: Any) -> Any:
    return image.tag_v2


def test_tags_of_a_deep_tiff_come_along(restored):
    data = _rich_tiff()
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO((result := restored("photo.tif", data)).data))
    assert after.mode == before.mode == "I;16"
    for tag in (0x010F, 0x013B, 33432):
        assert _tags(after)[tag] == _tags(before)[tag]
    assert after.info["dpi"] == (300, 200)
    assert after.info["icc_profile"] == samples.SRGB
    assert bytes(_tags(after)[700]) == XMP.replace(b'Orientation="6"', b'Orientation="1"')
    for folder in (0x8769, 0x8825):
        assert after.getexif().get_ifd(folder) == before.getexif().get_ifd(folder) != {}
    assert after.getexif().get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert b"the old picture" not in result.data
    assert b"caption" in result.data


@pytest.mark.parametrize("order", "<>")
def test_a_tiff_is_as_another_reader_takes_it(order, restored):
    pixels = samples.ramp(3, np.uint16)
    file = io.BytesIO()
    tags = [(37724, 7, 20, b"layers, old picture ", True), (315, 2, 6, "A. P.", True)]
    tifffile.imwrite(file, pixels, photometric="rgb", byteorder=order, compression="zlib", extratags=tags)
    result = restored("photo.tif", file.getvalue())
    with tifffile.TiffFile(io.BytesIO(result.data)) as whole:
        page: Any = whole.pages.first
        assert (len(whole.pages), whole.byteorder, page.compression.name) == (1, order, "ADOBE_DEFLATE")
        assert page.tags[315].value == "A. P."
        assert page.photometric.name == "RGB"
        after = page.asarray()
    kept = np.ones(pixels.shape[:2], bool)
    kept[4:12, 4:12] = False
    np.testing.assert_array_equal(after[kept], pixels[kept])
    assert b"old picture" not in result.data
    assert any("Its layers were left out" in note for note in result.notes)


def test_a_preview_page_of_a_tiff_is_no_second_page(restored):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(samples.ramp(3), photometric="rgb")
        writer.write(samples.ramp(3)[::4, ::4], photometric="rgb", subfiletype=1)
    with tifffile.TiffFile(io.BytesIO(restored("photo.tif", file.getvalue()).data)) as whole:
        assert [page.shape for page in whole.pages] == [(HEIGHT, WIDTH, 3)]


def test_white_as_zero_is_turned(restored):
    file = io.BytesIO()
    tifffile.imwrite(file, samples.ramp(1, np.uint16)[..., 0], photometric="miniswhite")
    after = samples.decoded(restored("photo.tif", file.getvalue()).data)
    kept = np.ones(after.shape[:2], bool)
    kept[4:12, 4:12] = False
    np.testing.assert_array_equal(after[kept], 65535 - samples.ramp(1, np.uint16)[kept])


def test_channels_without_a_meaning_go_and_that_is_said(restored):
    for dtype in (np.uint8, np.uint16):
        file = io.BytesIO()
        tifffile.imwrite(file, samples.ramp(4, dtype), photometric="rgb", extrasamples=["unspecified"])
        result = restored("photo.tif", file.getvalue())
        assert samples.decoded(result.data).shape[2] == 3
        assert any("not marked as alpha" in note for note in result.notes)
