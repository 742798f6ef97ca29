"""What a host does to 8-bit values: its own Load Image, Load Image Mask and Save Image, around what a batch sends.

The host reads value / 255 as float32 and writes 255 * x without rounding. Should that ever lose a level, pictures of
16 bits would lose theirs.
"""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from inpaint.batch.files.source import read_source

LEVELS = np.arange(256)


@pytest.fixture
def sent(tmp_path):
    """A picture of 16 bits with each level in each channel, and a mask with each level."""
    deep = np.stack([LEVELS, LEVELS[::-1], np.roll(LEVELS, 99)], axis=-1).astype(np.uint16) * 257
    deep = np.stack([deep, np.clip(deep.astype(int) + 100, 0, 65535).astype(np.uint16)])
    (tmp_path / "photo.png").write_bytes(_png16(deep))
    Image.fromarray(np.stack([LEVELS, LEVELS]).astype(np.uint8)).save(tmp_path / "mask.png")
    return deep, read_source(tmp_path / "photo.png", tmp_path / "mask.png")


def _png16(pixels):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def uploaded(base, sent):
    """The names of the uploads in the host's input folder: both in one, the picture, the mask."""
    _, source = sent
    files = {"both.png": source.upload(), "picture.png": source.upload_picture(), "mask.png": source.upload_mask()}
    for name, data in files.items():
        (base / "input" / name).write_bytes(data)
    yield tuple(files)
    for name in files:
        (base / "input" / name).unlink()


def _saved(host_nodes, base, images):
    reference = host_nodes.SaveImage().save_images(images, "levels")["ui"]["images"][0]
    path = base / "output" / reference["subfolder"] / reference["filename"]
    data = path.read_bytes()
    path.unlink()
    return data


def _run(node, *inputs):
    return getattr(node, node.FUNCTION)(*inputs)


@pytest.mark.parametrize("upload", [0, 1])
def test_each_level_comes_back_and_with_it_each_bit(host_nodes, base, sent, uploaded, upload):
    deep, source = sent
    images, _ = host_nodes.LoadImage().load_image(uploaded[upload])
    returned = _saved(host_nodes, base, images)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(returned))), source.rgb)
    assert set(source.rgb[..., 0].ravel()) == set(range(256))
    result = source.restore(returned)
    assert "Nothing in it changed." in result.notes
    after = cv2.imdecode(np.frombuffer(result.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert after is not None
    np.testing.assert_array_equal(after[..., ::-1], deep)


def test_the_mask_arrives(host_nodes, sent, uploaded):
    _, source = sent
    expected = torch.from_numpy(source.mask.copy()).float()[None] / 255
    _, from_alpha = host_nodes.LoadImage().load_image(uploaded[0])
    masks = [from_alpha]
    for channel in ("alpha", "red", "green", "blue"):
        masks += _run(host_nodes.LoadImageMask(), uploaded[2], channel)
    for mask in masks:
        assert torch.equal(mask == 0, expected == 0)
        assert torch.equal(mask == 1, expected == 1)
        torch.testing.assert_close(mask, expected, atol=1e-7, rtol=0)
