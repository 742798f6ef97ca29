"""What an inpainting model is given.

Mutations seen to fail here: mask inverted; grey 0 instead of 0.5.
"""

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.sampling import conditioning


def test_hidden_pixels_are_grey_and_the_others_untouched():
    image = torch.rand(2, 4, 4, 3)
    soft = torch.tensor([[0.0, 0.49, 0.5, 1.0]]).expand(4, 4)[None]
    hard = conditioning.binary(soft)
    assert torch.equal(hard[0, 0], torch.tensor([0.0, 0, 1, 1]))
    hidden = conditioning.hide(image, hard)
    assert torch.equal(hidden[:, :, :2], image[:, :, :2])
    assert hidden[:, :, 2:].eq(0.5).all()


def test_replace_masked():
    samples, content = torch.rand(2, 4, 3, 3), torch.rand(2, 4, 3, 3)
    cells = torch.zeros(1, 1, 3, 3)
    cells[..., 1, 2] = 0.01
    replaced = conditioning.replace_masked(samples, content, cells)
    assert torch.equal(replaced[..., 1, 2], content[..., 1, 2])
    replaced[..., 1, 2] = samples[..., 1, 2]
    assert torch.equal(replaced, samples)


@pytest.mark.parametrize(("images", "masks"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_prepared(images, masks):
    """Padded and never moved; no picture more than was given; each hidden by its own mask."""
    image = torch.rand(images, 13, 9, 4)
    mask = 0.01 + 0.99 * torch.rand(masks, 13, 9)  # less would be near zero
    prepared = conditioning.prepare(image, mask, 8)
    assert prepared.pixels.shape == (images, 16, 16, 3)
    assert prepared.hidden.shape == (max(images, masks), 16, 16, 3)
    assert torch.equal(prepared.pixels[:, :13, :9], image[..., :3])
    assert torch.equal(prepared.pixels[:, 13:, :9], image[:, 12:, :, :3].expand(-1, 3, -1, -1))
    assert torch.equal(prepared.soft[:, :13, :9], mask.expand(max(images, masks), -1, -1))
    assert not prepared.soft[:, 13:].any()
    assert not prepared.soft[:, :, 9:].any()
    for index in range(max(images, masks)):
        picture, hard = prepared.pixels[index % images], mask[index % masks] >= 0.5
        assert torch.equal(prepared.hard[index, :13, :9], hard.float())
        shown = torch.where(hard[..., None], 0.5, picture[:13, :9])
        assert torch.equal(prepared.hidden[index, :13, :9], shown)


def test_of_a_filled_area_nothing_is_shown():
    mask = torch.tensor([[[0.0, 0.2, 0.5, 1.0]]])
    prepared = conditioning.prepare(torch.rand(1, 1, 4, 3), mask, 1, filled=True)
    assert prepared.hard.tolist() == [[[0, 1, 1, 1]]]


def _prompt(*lengths):
    return [[torch.zeros(length, 2, 4), {}] for length in lengths]


@pytest.mark.parametrize(
    ("pictures", "positive", "negative", "most"),
    [(1, _prompt(1), _prompt(1), 1), (3, _prompt(1), _prompt(1), 3), (1, _prompt(1, 4), [], 4), (2, [], _prompt(2), 2)],
)
def test_one_for_all_or_one_for_each(pictures, positive, negative, most):
    assert conditioning.common_batch(pictures, positive=positive, negative=negative) == most


@pytest.mark.parametrize(
    ("pictures", "positive", "named"), [(2, _prompt(1, 3), "image and mask"), (3, _prompt(3, 2), "positive")]
)
def test_other_numbers_are_refused(pictures, positive, named):
    with pytest.raises(InpaintError, match=f"^{named}: expected a batch of 1 or 3 .*, got 2"):
        conditioning.common_batch(pictures, positive=positive, negative=_prompt(1))
