"""What an inpainting model is given.

Mutations seen to fail here: mask inverted; grey 0 instead of 0.5.
"""

import torch

from inpaint import conditioning


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
