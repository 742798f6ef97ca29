"""The tensors that inpainting models take: masked picture, conditioning mask, masked latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.checks import is_finite, match
from ..core.errors import InpaintError
from ..core.geometry import Size
from ..core.notes import note
from ..imaging.padding import pad_image, pad_mask
from ..masks import threshold

GREY = 0.5


class Prepared(NamedTuple):
    """A picture and its mask, ready for the VAE."""

    pixels: Tensor
    """[B, H, W, 3] float in 0..1; B as in the input, not repeated for several masks."""
    hidden: Tensor
    """[N, H, W, 3] float in 0..1; `pixels` with the masked area grey. N is the larger batch of picture and mask."""
    soft: Tensor
    """[N, H, W] float in 0..1; the mask."""
    hard: Tensor
    """[N, H, W] of 0 and 1; 1 = hidden."""


def prepare(image: Tensor, mask: Tensor, multiple: int, filled: bool = False) -> Prepared:
    """Pad a picture and its mask to whole latent cells or patches, and grey out the masked area.

    The padding is at the right and the bottom. It repeats the picture's edge and is never masked. Pixels that are NaN
    or infinite become grey.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4; alpha is ignored.
        mask: any mask that `checks.as_mask` takes; scaled to the picture's size.
        multiple: pixels per latent cell or patch, along each side.
        filled: the masked area already holds new content. All pixels with a mask above 0 are then hidden, instead of
            those with 0.5 or more.

    Raises:
        InpaintError: if `image` is no IMAGE, `mask` is no mask, or the batches differ and neither is 1.
    """
    _, mask = match(image, mask)
    pixels = padded(image, multiple)
    soft = pad_mask(mask, Size(pixels.shape[2], pixels.shape[1])).to(pixels)
    hard = (soft > 0).to(soft) if filled else binary(soft)
    return Prepared(pixels, hide(pixels, hard), soft, hard)


def padded(image: Tensor, multiple: int) -> Tensor:
    """Pad a picture for the VAE as `prepare` does.

    Args:
        image, multiple: as in `prepare`.

    Returns:
        [B, H, W, 3] float in 0..1.
    """
    size = Size(image.shape[2], image.shape[1]).to_multiple(multiple)
    return _finite(pad_image(image[..., :3], size))


def check_decoded(got: Size, picture: Size, multiples: Sequence[int]) -> None:
    """Check that a decoded picture has the size to which `prepare` padded the original.

    Args:
        got: size of the decoded picture.
        picture: size of the original.
        multiples: the pixels per latent cell along each side, then those of the patches of some models.

    Raises:
        InpaintError: if it has another; the advice depends on what happened to the latent.
    """
    ratio = multiples[0]
    expected = picture.to_multiple(ratio)
    if got in [picture.to_multiple(multiple) for multiple in multiples]:
        return
    whole_cells = Size(picture.width // ratio * ratio, picture.height // ratio * ratio)
    if got == whole_cells:
        advice = "Encode the image with Encode for Inpainting: ComfyUI's own VAE Encode crops odd sizes."
    elif got.is_like(expected):
        scale = got.width / expected.width
        advice = (
            f"The latent was scaled by {scale:.3g} after encoding: scale image and mask by the same factor, or decode "
            "the latent at its own size with VAE Decode."
        )
    else:
        advice = "Connect the image that was encoded, or one that was scaled as the latent was."
    raise InpaintError(f"latent: expected {expected} pixels for an image of {picture}, got {got}. {advice}")


def binary(mask: Tensor) -> Tensor:
    """Return the conditioning mask: 1 = hidden from the model. Models are trained with 0 and 1 only.

    Args:
        mask: [B, H, W] float.

    Returns:
        [B, H, W], 1 where mask >= 0.5, as in diffusers.
    """
    return threshold(mask, 0.5)


def hide(image: Tensor, mask: Tensor) -> Tensor:
    """Set the masked pixels to neutral grey, which is 0 in the -1..1 range of VAEs.

    Args:
        image: [B, H, W, 3] float in 0..1; B may be 1.
        mask: [B, H, W] of 0 and 1; B may be 1.
    """
    return torch.where(mask[..., None] > 0, GREY, image)


def _finite(pixels: Tensor) -> Tensor:
    """Return pixels [B, H, W, 3] with grey for those that are NaN or infinite, and leave a note of it.

    A VAE would spread one of them over the whole latent.
    """
    if is_finite(pixels):
        return pixels
    usable = pixels.isfinite().all(dim=-1, keepdim=True)
    note("image: pixels that are NaN or infinite are encoded as grey.")
    return torch.where(usable, pixels, GREY)


def replace_masked(samples: Tensor, content: Tensor, cells: Tensor) -> Tensor:
    """Replace the masked cells of latents by other content.

    Args:
        samples, content: [B, C, (T,) h, w].
        cells: [B, 1, (T,) h, w]; above 0 = masked.
    """
    return torch.where(cells.to(samples.device) > 0, content.to(samples), samples)


def common_batch(pictures: int, **prompts: list) -> int:
    """Return the batch size to sample: the largest given. All other batches have this size or 1.

    Args:
        pictures: the batch size of picture and mask.
        prompts: CONDITIONING lists by input name; each entry has its own batch size.

    Raises:
        InpaintError: if a batch has another size.
    """
    lengths = {name: [len(text) for text, _ in prompt] for name, prompt in prompts.items()}
    largest = max([pictures, *(length for own in lengths.values() for length in own)])
    for name, own in {"image and mask": [pictures], **lengths}.items():
        for length in own:
            if length not in (1, largest):
                raise InpaintError(
                    f"{name}: expected a batch of 1 or {largest} (the largest batch given), got {length}. "
                    "Give one for all pictures, or one for each."
                )
    return largest


def repeat_to(tensor: Tensor, batch: int) -> Tensor:
    """Repeat a batch of 1 to `batch`, and return any other unchanged. [1 or batch, ...] -> [batch, ...]."""
    return tensor if len(tensor) == batch else tensor.expand(batch, *tensor.shape[1:]).contiguous()
