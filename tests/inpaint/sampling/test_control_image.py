"""Pictures marked for ControlNets, against the numpy lines that their authors train and show them with.

Mutations seen to fail here: 0 instead of -1; -1 for every kind; grey; the mask inverted; a soft mask kept; alpha kept;
what was hidden multiplied away instead of replaced.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.sampling.control_image import HIDDEN, control_image


def sd15(picture, mask):
    """gradio_inpaint.py: in 0..255, then divided."""
    marked = picture * 255.0
    marked[mask > 0.5] = -255.0
    return marked / 255.0


def pro_max(picture, mask):
    """controlnet_union_test_inpainting.py: in 0..255, the mask 0 or 255."""
    marked = picture * 255.0
    marked[mask > 0] = 0
    return marked / 255.0


def masked_latent(picture, mask):
    """prepare_image_with_mask: in -1..1, as the VAE takes it."""
    marked = picture * 2.0 - 1.0
    marked[mask > 0.5] = -1
    return (marked + 1) / 2


AUTHORS = {
    "SD 1.5 inpaint": sd15,
    "SDXL Union ProMax": pro_max,
    "Flux AliMama": masked_latent,
    "SD 3 AliMama": masked_latent,
    "Qwen-Image InstantX": masked_latent,
}


def test_every_kind_has_its_author():
    assert AUTHORS.keys() == HIDDEN.keys()


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 999), batch=st.integers(1, 3), channels=st.sampled_from([3, 4]), kind=st.sampled_from([*HIDDEN])
)
def test_as_the_authors_do(seed, batch, channels, kind):
    random = np.random.default_rng(seed)
    picture, mask = random.random((batch, 5, 7, channels)), random.integers(0, 2, (batch, 5, 7)).astype(float)
    marked, hole = control_image(torch.from_numpy(picture), torch.from_numpy(mask), kind)
    assert np.array_equal(hole.numpy(), mask)
    np.testing.assert_allclose(marked.numpy(), AUTHORS[kind](picture[..., :3], mask), atol=1e-12)


@pytest.mark.parametrize("kind", HIDDEN)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_only_the_hole_changes_and_nothing_of_it_is_left(kind, dtype):
    image = torch.rand(1, 4, 4, 4).to(dtype)
    image[0, 0] = torch.nan
    soft = torch.tensor([1.0, 0.5, 0.49, 0.0]).expand(4, 4).mT[None]
    before = image.clone()
    marked, hole = control_image(image, soft, kind)
    assert marked.dtype == dtype
    assert marked.shape == (1, 4, 4, 3)
    assert torch.equal(hole, torch.tensor([1.0, 1, 0, 0]).expand(4, 4).mT[None])
    assert marked[:, :2].eq(HIDDEN[kind]).all()
    assert torch.equal(marked[:, 2:], image[:, 2:, :, :3])
    assert torch.equal(image.nan_to_num(9), before.nan_to_num(9))


@pytest.mark.parametrize("kind", HIDDEN)
def test_empty_and_full(kind):
    image = torch.rand(2, 3, 5, 3)
    assert torch.equal(control_image(image, torch.zeros(2, 3, 5), kind)[0], image)
    assert control_image(image, torch.ones(2, 3, 5), kind)[0].eq(HIDDEN[kind]).all()


def test_what_does_not_fit_is_refused_in_words():
    image = torch.rand(2, 4, 4, 3)
    with pytest.raises(InpaintError, match=r"^mask: expected \[2, 4, 4\] to fit the image, got \[1, 4, 4\]\. Resize"):
        control_image(image, torch.zeros(1, 4, 4), "SD 1.5 inpaint")
    with pytest.raises(InpaintError, match=r"^control_net: expected one of SD 1\.5 inpaint, .*, got tile\. Choose"):
        control_image(image, torch.zeros(2, 4, 4), "tile")
    with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 3 or 4\] of floats, got \[2, 4, 4\]"):
        control_image(torch.rand(2, 4, 4), torch.zeros(2, 4, 4), "SD 1.5 inpaint")
