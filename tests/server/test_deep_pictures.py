"""Pictures of 16 bits through a running host and back: what was not repainted keeps all its bits."""

import cv2
import numpy as np
import pytest

from devtools.hosts import prompts
from inpaint.batch.files.source import read_source


@pytest.fixture
def source(tmp_path, picture, mask):
    random = np.random.default_rng(2)
    deep = np.asarray(picture).astype(np.uint16) * 257
    deep = np.clip(deep + random.integers(-100, 100, deep.shape), 0, 65535).astype(np.uint16)
    (tmp_path / "photo.png").write_bytes(cv2.imencode(".png", deep[..., ::-1])[1].tobytes())
    mask.save(tmp_path / "mask.png")
    return deep, read_source(tmp_path / "photo.png", tmp_path / "mask.png")


def _restored(client, tmp_path, source, prompt):
    (tmp_path / "upload.png").write_bytes(source.upload())
    prompts.set_input(prompt, "LoadImage", image=client.upload_image(tmp_path / "upload.png", name="deep.png"))
    run = client.run(prompt)
    assert run.status == "success"
    (image,) = run.outputs[prompts.node_of(prompt, "SaveImage")]["images"]
    result = source.restore(client.view(image))
    pixels = cv2.imdecode(np.frombuffer(result.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.dtype == np.uint16
    return pixels[..., ::-1], result.notes


def test_what_was_not_repainted_keeps_its_bits(client, tmp_path, source):
    deep, read = source
    after, notes = _restored(client, tmp_path, read, prompts.load("remove-without-model"))
    changed = (after != deep).any(axis=2)
    painted = read.mask > 0
    assert changed[painted].mean() > 0.9
    grown = cv2.dilate(painted.astype(np.uint8), np.ones((25, 25))) > 0
    assert not changed[~grown].any()
    assert (after[changed] % 257 == 0).all()
    assert any("What changed is of 8 bits" in note for note in notes)


def test_an_extended_picture_keeps_its_bits_where_it_lies(client, tmp_path, source, small_models):
    deep, read = source
    prompt = prompts.load("extend")
    small_models.use(prompt, "extend")
    prompts.set_input(prompt, "MendInpaint", seed=1, **prompts.INPAINT)
    after, notes = _restored(client, tmp_path, read, prompt)
    side = int(prompts.INPAINT["extend_by"])
    assert after.shape == (deep.shape[0], deep.shape[1] + 2 * side, 3)
    assert any(f"it lies at column {side}, row 0." in note for note in notes)
    middle = after[:, side:-side]
    same = (middle == deep).all(axis=2)
    # The soft edges of what was added reach far into so small a picture. These columns they leave whole.
    assert same[:, 31:40].all()
    assert ((after % 257 == 0).all(axis=2) | np.pad(same, ((0, 0), (side, side)))).all()
