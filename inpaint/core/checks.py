"""What an image, a mask and a setting must look like, and how what people connect becomes that."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from .alloc import one_of_equal
from .errors import InpaintError

NEAR_ZERO = 1.5 / 255
_GET_A_MASK = "Connect a MASK output, or convert an image with Image to Mask."


def check_image(image: Tensor, name: str = "image") -> None:
    """Accept only what an IMAGE may be.

    Args:
        image: [B, H, W, C] floating point, C = 3 or 4, nothing empty.
        name: the input's name, for the message.

    Raises:
        InpaintError: if it is anything else.
    """
    shape = tuple(getattr(image, "shape", ()))
    usable = len(shape) == 4 and shape[-1] in (3, 4) and 0 not in shape
    if not usable or not image.is_floating_point():
        raise InpaintError(
            f"{name}: expected [B, H, W, 3 or 4] of floats, got {_describe(image)}. "
            "Connect an IMAGE output, such as Load Image."
        )


def check_mask(mask: Tensor, name: str = "mask") -> None:
    """Accept only [B, H, W] floating point: what `as_mask` returns and every operator here takes.

    Raises:
        InpaintError: if it is anything else.
    """
    shape = tuple(getattr(mask, "shape", ()))
    if len(shape) != 3 or 0 in shape or not mask.is_floating_point():
        raise InpaintError(f"{name}: expected [B, H, W] of floats, got {_describe(mask)}. {_GET_A_MASK}")


def check_fits(image: Tensor, mask: Tensor) -> None:
    """Accept a picture with a mask for each, of its size.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float.

    Raises:
        InpaintError: if either is something else, or they differ in size or number.
    """
    check_image(image)
    check_mask(mask)
    if mask.shape != image.shape[:3]:
        raise InpaintError(
            f"mask: expected {list(image.shape[:3])} to fit the image, got {list(mask.shape)}. "
            "Resize the mask to the image, and give as many masks as pictures."
        )


def check_amount(name: str, value: float, advice: str) -> None:
    """Accept 0 and any finite number above it.

    Raises:
        InpaintError: if it is anything else, with `advice` as its second sentence.
    """
    if not 0 <= value < math.inf:
        raise InpaintError(f"{name}: expected 0 or more, got {value}. {advice}")


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Accept one of these words.

    Raises:
        InpaintError: if it is another.
    """
    known = list(known)
    if value not in known:
        raise InpaintError(f"{name}: expected one of {', '.join(known)}, got {value}.")


def as_bhw(mask: Tensor, name: str = "mask") -> Tensor:
    """Bring what people connect as a mask to one shape, whatever its values.

    Args:
        mask: [H, W], [B, H, W], [B, 1, H, W] or [B, H, W, 1] of real numbers.
        name: the input's name, for the message.

    Returns:
        [B, H, W], a view.

    Raises:
        InpaintError: if the shape is none of these, is empty, or the values are not real numbers.
    """
    shape = tuple(getattr(mask, "shape", ()))
    if 0 not in shape and isinstance(mask, Tensor) and not mask.is_complex():
        if len(shape) == 2:
            return mask[None]
        if len(shape) == 3:
            return mask
        if len(shape) == 4 and shape[1] == 1:
            return mask[:, 0]
        if len(shape) == 4 and shape[3] == 1:
            return mask[..., 0]
    raise InpaintError(f"{name}: expected [B, H, W], got {_describe(mask)}. {_GET_A_MASK}")


def as_values(mask: Tensor) -> Tensor:
    """Bring a mask's values to 0..1, whatever its shape.

    Args:
        mask: floats are taken as 0..1, with NaN as 0 and the rest clamped; bools as 0 and 1; integers as 0..1, 0..255
            or 0..65535, the smallest of these that holds them.

    Returns:
        the same shape and device; floats keep their dtype, the rest become float32. The mask itself where nothing is
        to be done.
    """
    if not mask.is_floating_point():
        mask = mask.float() / full_value(mask)
    low, high = mask.aminmax()
    if low >= 0 and high <= 1:  # which NaN is not
        return mask
    return mask.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0).clamp_(0, 1)


def full_value(mask: Tensor) -> int:
    """The value that stands for "repaint" in a mask of bools or integers: the smallest of 1, 255, 65535 that none of
    its values exceeds."""
    largest = mask.max()
    return 1 if largest <= 1 else 255 if largest <= 255 else 65535


def as_mask(mask: Tensor, name: str = "mask") -> Tensor:
    """Read what people connect as a mask: any shape that `as_bhw` takes, any values that `as_values` takes.

    Returns:
        [B, H, W] in 0..1, on the same device; floats keep their dtype, the rest become float32.

    Raises:
        InpaintError: if it is no mask.
    """
    return as_values(as_bhw(mask, name))


def match_mask(mask: Tensor, height: int, width: int, batch: int, name: str = "mask") -> Tensor:
    """Read a mask and bring it to a picture's size and batch.

    A mask of another size is stretched over the picture: averaged with antialiasing where it shrinks, bilinear where
    it grows. One mask serves a whole batch; otherwise there must be one per picture.

    Args:
        mask: anything `as_mask` reads.
        height, width: of the picture, in pixels.
        batch: number of pictures.
        name: the input's name, for the message.

    Returns:
        [batch, height, width] in 0..1; one mask for many pictures comes back as an expanded view.

    Raises:
        InpaintError: if it is not a mask, or its batch is neither 1 nor `batch`.
    """
    mask = as_mask(mask, name)
    if len(mask) not in (1, batch):
        wanted = "1 mask" if batch == 1 else f"1 mask or {batch} (one per picture)"
        raise InpaintError(
            f"{name}: expected {wanted}, got {len(mask)}. Give one mask for all pictures, or as many masks as pictures."
        )
    if mask.shape[1:] != (height, width):
        given, mask = mask, mask.new_empty(len(mask), height, width)
        for one, frame in zip(given.split(1), mask, strict=True):
            # The filter's weights add up to 1 only after rounding. In float64 that rounding vanishes on the way back,
            # so a full mask stays exactly full and its complement exactly empty.
            stretched = F.interpolate(
                one[None].double(), size=(height, width), mode="bilinear", align_corners=False, antialias=True
            )
            frame.copy_(stretched[0, 0].clamp(0, 1))
    return mask.expand(batch, -1, -1)


def clear_near_zero(mask: Tensor) -> Tensor:
    """The mask with values under 1.5 of 255 made 0: what a JPEG or a detector leaves where nothing was meant.

    Args:
        mask: [B, H, W] float in 0..1.

    Returns:
        [B, H, W], same dtype and device.
    """
    return torch.nn.functional.threshold(mask, NEAR_ZERO, 0)


def match(image: Tensor, mask: Tensor, name: str = "mask") -> tuple[Tensor, Tensor]:
    """Check a picture, read its mask, and bring both to one batch: one of either serves many of the other.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: anything `as_mask` reads.
        name: the mask's name, for the message.

    Returns:
        the image [N, H, W, C] and the mask [N, H, W] in 0..1 and without haze, N the larger of the two batches; one for
        all comes back as an expanded view.

    Raises:
        InpaintError: if either is not what it should be, or neither batch is 1 and they differ.
    """
    check_image(image)
    batch, height, width = image.shape[:3]
    if batch == 1:
        batch = len(as_bhw(mask, name))
    mask = one_of_equal(match_mask(mask, height, width, batch, name))
    return image.expand(batch, -1, -1, -1), clear_near_zero(mask).expand(batch, -1, -1)


def _describe(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    dtype = "" if value.dtype == torch.float32 else f" of {str(value.dtype).removeprefix('torch.')}"
    return f"{list(value.shape)}{dtype}"
