"""The tensors an inpainting model is given: masked picture, conditioning mask, masked latents."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.checks import match
from ..core.errors import InpaintError
from ..core.geometry import Size
from ..imaging.padding import pad_image, pad_mask
from ..masks import threshold

GREY = 0.5


class Prepared(NamedTuple):
    """A picture and its mask, ready for the VAE.

    pixels: [P, H, W, 3] in 0..1, no more pictures than were given. hidden: [N, H, W, 3], the same with the masked area
    grey, N the larger batch of the two. soft: [N, H, W], the mask. hard: [N, H, W] of 0 and 1, what is hidden.
    """

    pixels: Tensor
    hidden: Tensor
    soft: Tensor
    hard: Tensor


def prepare(image: Tensor, mask: Tensor, ratio: int, filled: bool = False) -> Prepared:
    """Bring a picture and its mask to whole latent cells, and hide what is masked.

    Both are padded at the right and the bottom; the padding repeats the picture's edge and is never masked.

    Args:
        image: [B, H, W, C] float, C = 3 or 4; alpha plays no part.
        mask: anything `checks.as_mask` reads; stretched to the picture's size.
        ratio: pixels to a latent cell, along each side.
        filled: the masked area already holds other content, so that all of it is hidden, however soft the mask.

    Raises:
        InpaintError: if either is not what it should be, or neither batch is 1 and they differ.
    """
    _, mask = match(image, mask)
    size = Size(image.shape[2], image.shape[1]).to_multiple(ratio)
    pixels = pad_image(image[..., :3], size)
    soft = pad_mask(mask, size).to(pixels)
    hard = (soft > 0).to(soft) if filled else binary(soft)
    return Prepared(pixels, hide(pixels, hard), soft, hard)


def binary(mask: Tensor) -> Tensor:
    """The conditioning mask: 1 where the model must not see the picture. Models are trained with 0 and 1 only.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W], 1 where mask >= 0.5, as diffusers has it.
    """
    return threshold(mask, 0.5)


def hide(image: Tensor, mask: Tensor) -> Tensor:
    """The picture with its masked pixels neutral grey, which is 0 in the -1..1 that VAEs take.

    Args:
        image: [B, H, W, 3] float in 0..1; B may be 1.
        mask: [B, H, W] of 0 and 1; B may be 1.
    """
    return torch.where(mask[..., None] > 0, GREY, image)


def replace_masked(samples: Tensor, content: Tensor, cells: Tensor) -> Tensor:
    """Latents whose masked cells hold other content.

    Args:
        samples, content: [B, C, (T,) h, w].
        cells: [B, 1, (T,) h, w], masked where above 0.
    """
    return torch.where(cells.to(samples.device) > 0, content.to(samples), samples)


def common_batch(pictures: int, **prompts: list) -> int:
    """How many pictures there will be: the most of what is given. Of everything else there is as many, or one for all.

    Args:
        pictures: the batch of picture and mask.
        prompts: CONDITIONING lists by the name of their input; each entry has a batch of its own.

    Raises:
        InpaintError: if one has another number.
    """
    lengths = {name: [len(text) for text, _ in prompt] for name, prompt in prompts.items()}
    most = max([pictures, *(length for own in lengths.values() for length in own)])
    for name, own in {"image and mask": [pictures], **lengths}.items():
        for length in own:
            if length not in (1, most):
                raise InpaintError(
                    f"{name}: expected 1 or {most}, as many as there are of the others, got {length}. "
                    "Give one for all pictures, or one for each."
                )
    return most


def repeat_to(tensor: Tensor, batch: int) -> Tensor:
    """One for all as one for each; anything else as it is. [1 or batch, ...] to [batch, ...]."""
    return tensor if len(tensor) == batch else tensor.expand(batch, *tensor.shape[1:]).contiguous()
