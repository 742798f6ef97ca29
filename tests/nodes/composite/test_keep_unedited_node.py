"""Keep Unedited Pixels on the host: its outputs, its report and its choices.

Mutations seen to fail here: original and edited swapped; the mask not passed on; an advanced input without effect.
"""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

HEIGHT, WIDTH = 150, 200


@pytest.fixture(scope="module")
def photo():
    return torch.from_numpy(np.asarray(Image.fromarray(skimage.data.astronaut()).resize((WIDTH, HEIGHT))) / 255)[None]


@pytest.fixture(scope="module")
def edited(photo):
    """A green square, and the whole a little darker."""
    result = 0.9 * photo
    result[:, 50:90, 60:110] = torch.tensor([0.1, 0.7, 0.2], dtype=photo.dtype)
    return result


def test_the_edit_is_put_back_in_the_originals_light(run, photo, edited):
    ran = run("MendKeepUnedited", original=photo, edited=edited)
    image, mask, aligned, confidence = ran.outputs
    assert torch.equal(image[mask == 0], photo[mask == 0])
    assert bool((mask[0, 54:86, 64:106] == 1).all())
    assert float((mask > 0).float().mean()) < 0.15
    assert float((aligned - photo)[mask == 0].abs().mean()) < 0.01
    assert 0.8 < confidence <= 1
    assert "In place" in ran.text
    assert "Change of color undone: red " in ran.text
    assert "Largest change outside: 0." in ran.text


def test_without_matching_color_the_edit_is_put_back_as_it_came(run, photo, edited):
    image = run("MendKeepUnedited", original=photo, edited=edited, match_color=False, blend="feather").outputs[0]
    assert torch.allclose(image[0, 60:80, 70:100], edited[0, 60:80, 70:100].to(image), atol=1e-6)


def test_without_aligning_a_shift_stays(run, photo, edited):
    moved = torch.roll(edited, (3, 5), (1, 2))
    shifted, kept = (run("MendKeepUnedited", original=photo, edited=moved, align=align) for align in (True, False))
    assert "+5.0 px right, +3.0 px down" in shifted.text
    assert "px right" not in kept.text
    assert bool((shifted.outputs[1][0, 54:86, 64:106] == 1).all())


def test_a_mask_limits_what_is_put_back(run, photo, edited):
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, 50:70, 60:110] = 1
    found = run("MendKeepUnedited", original=photo, edited=edited, mask=mask, mask_use="only inside").outputs[1]
    assert bool(found[0, 60, 80])
    assert not found[mask == 0].any()


def test_what_is_no_choice_is_refused(host_nodes):
    node = host_nodes.NODE_CLASS_MAPPINGS["MendKeepUnedited"]
    assert node.validate_inputs(mask_use="replace") is not True
    assert node.validate_inputs(mask_use="add", blend="poisson") is True
