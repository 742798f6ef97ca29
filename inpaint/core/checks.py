"""Validation of images, masks and settings, and the conversion of what users connect to one form."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from .alloc import unexpand
from .counting import count_above, count_nonzero
from .errors import InpaintError
from .mask_floor import without_floor
from .notes import note
from .threads import one_thread

# Mask values of at most this are set to 0. JPEG compression and detectors leave them in unmasked areas.
NEAR_ZERO = 1.5 / 255
# For a mask that is 0 everywhere, which is most often one that was never painted.
NOTHING_MASKED = "Nothing is masked: right-click the picture in Load Image, Open in MaskEditor, paint."
# Up to this maximum, integers above 1 are taken for labels: a mask of 255ths has higher ones.
MOST_LABELS = 21
_GET_A_MASK = "Connect a MASK output, or convert an image with Image to Mask."


def check_image(image: Tensor, name: str = "image") -> None:
    """Check that a value is an IMAGE.

    Args:
        image: [B, H, W, C] floating point, C = 3 or 4, no dimension 0.
        name: the input's name, for the error message.

    Raises:
        InpaintError: if it is anything else.
    """
    shape = shape_of(image)
    # Nothing can be computed in floats of 8 bits.
    usable = len(shape) == 4 and shape[-1] in (3, 4) and 0 not in shape
    if not usable or not image.is_floating_point() or image.itemsize == 1:
        raise InpaintError(
            f"{name}: expected [B, H, W, 3 or 4] of floats, got {describe(image)}. "
            "Connect an IMAGE output, such as Load Image."
        )


def is_finite(values: Tensor) -> bool:
    """Whether no value is NaN or infinite. Several times faster than to look at each."""
    return all(bool(end.isfinite()) for end in values.aminmax())


def note_unusable(values: Tensor, name: str, unit: str) -> None:
    """Leave a note of pixels, or other values, that are NaN or infinite.

    Args:
        values: [B, ...] float. With the unit "pixel" the last axis holds the channels of a pixel.
        name: the input's name, for the note.
        unit: "pixel" or "value".
    """
    values = unexpand(values)
    if is_finite(values):
        return
    usable = values.isfinite()
    usable = usable.all(dim=-1) if unit == "pixel" else usable
    count = count_nonzero(~usable)
    are = "is" if count == 1 else "are"
    note(f"{name}: {count:,} of {usable.numel():,} {unit}s {are} NaN or infinite. Find the node that made them.")


def check_mask(mask: Tensor, name: str = "mask") -> None:
    """Check that a mask is [B, H, W] floating point: what `as_mask` returns and every operator takes.

    Args:
        mask: [B, H, W] floating point, no dimension 0.
        name: the input's name, for the error message.

    Raises:
        InpaintError: if it is anything else.
    """
    shape = shape_of(mask)
    if len(shape) != 3 or 0 in shape or not mask.is_floating_point():
        raise InpaintError(f"{name}: expected [B, H, W] of floats, got {describe(mask)}. {_GET_A_MASK}")


def check_fits(image: Tensor, mask: Tensor) -> None:
    """Check that there is one mask per picture, of the same height and width.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: [B, H, W] float.

    Raises:
        InpaintError: if either has another shape or dtype, or they differ in batch, height or width.
    """
    check_image(image)
    check_mask(mask)
    if mask.shape != image.shape[:3]:
        raise InpaintError(
            f"mask: expected {list(image.shape[:3])} to fit the image, got {list(mask.shape)}. "
            "Resize the mask to the image, and give as many masks as pictures."
        )


def check_amount(name: str, value: float, advice: str) -> None:
    """Check that a number is finite and 0 or more.

    Raises:
        InpaintError: if it is not; `advice` is the second sentence of the message.
    """
    if not 0 <= value < math.inf:
        raise InpaintError(f"{name}: expected 0 or more, got {value}. {advice}")


def check_point(x: int, y: int, height: int, width: int) -> None:
    """Check that a pixel lies in a picture.

    Args:
        x, y: its column and row; (0, 0) is the upper left one.
        height, width: size of the picture in pixels.

    Raises:
        InpaintError: if it lies outside.
    """
    for name, value, size in (("x", x, width), ("y", y, height)):
        if not 0 <= value < size:
            raise InpaintError(
                f"{name}: expected 0 to {size - 1} in a picture of {width}x{height}, got {value}. "
                "Give a pixel of the picture, counted from its upper left corner."
            )


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Check that a value is one of the known choices.

    Raises:
        InpaintError: if it is not.
    """
    known = list(known)
    if value not in known:
        raise InpaintError(f"{name}: expected one of {', '.join(known)}, got {value}. Choose one of these.")


def as_bhw(mask: Tensor, name: str = "mask") -> Tensor:
    """Reshape a mask to [B, H, W]. Values are not checked or changed.

    Args:
        mask: [H, W], [B, H, W], [B, 1, H, W] or [B, H, W, 1] of real numbers.
        name: the input's name, for the error message.

    Returns:
        [B, H, W], a view of `mask`.

    Raises:
        InpaintError: if the shape is none of these, is empty, or the values are not real numbers.
    """
    shape = shape_of(mask)
    if 0 not in shape and shape and not mask.is_complex():
        if len(shape) == 2:
            return mask[None]
        if len(shape) == 3:
            return mask
        if len(shape) == 4 and shape[1] == 1:
            return mask[:, 0]
        if len(shape) == 4 and shape[3] == 1:
            return mask[..., 0]
    raise InpaintError(f"{name}: expected [B, H, W], got {describe(mask)}. {_GET_A_MASK}")


@one_thread()
def as_values(mask: Tensor) -> Tensor:
    """Convert a mask's values to floats in 0..1.

    Args:
        mask: any shape. Floats are clamped to 0..1; NaN becomes 0. Bools become 0 and 1. Integers are divided by the
            smallest of 1, 255 and 65535 that no value exceeds.

    Returns:
        Same shape and device. Floats keep their dtype; all others become float32. Returns `mask` itself if its values
        are floats in 0..1 already.
    """
    if not mask.is_floating_point():
        mask = mask.float() / full_value(mask)
    elif mask.itemsize == 1:
        mask = mask.float()
    low, high = mask.aminmax()
    if low >= 0 and high <= 1:  # False with NaN
        return mask
    return mask.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0).clamp_(0, 1)


def full_value(mask: Tensor) -> int:
    """Return the value that means "repaint" in a mask of bools or integers.

    It is the smallest of 1, 255 and 65535 that no value of the mask exceeds.
    """
    largest = mask.to(torch.int64).max()  # torch has no maximum of unsigned numbers
    return 1 if largest <= 1 else 255 if largest <= 255 else 65535


def as_mask(mask: Tensor, name: str = "mask") -> Tensor:
    """Convert any mask to [B, H, W] in 0..1.

    Args:
        mask: any shape that `as_bhw` takes, with any values that `as_values` takes. A background that is not quite
            black is brought to 0 (`without_floor`). Leaves a note of that, of values that are NaN or infinite, and of
            what looks like a map of labels.
        name: the input's name, for messages.

    Returns:
        [B, H, W] in 0..1, same device. Floats keep their dtype; all others become float32.

    Raises:
        InpaintError: if `mask` is no mask.
    """
    return read_values(as_bhw(mask, name), name)


def read_values(mask: Tensor, name: str) -> Tensor:
    """Convert a mask's values as `as_mask` does, with its notes, for a mask of any shape."""
    values = as_values(mask)
    # `as_values` returns the mask itself if there is nothing to say of its values.
    if values is not mask:
        for problem, repair in (unusable_values(mask), labels(mask)):
            if problem:
                note(f"{name}: {problem} {repair}")
    return without_floor(values, name)


def unusable_values(mask: Tensor) -> tuple[str, str]:
    """Describe a mask's values that are NaN or infinite, and how `as_values` reads them; ("", "") if there are none."""
    if not mask.is_floating_point():
        return "", ""
    values = mask.float() if mask.itemsize == 1 else mask
    if is_finite(values):
        return "", ""
    count = count_nonzero(~values.isfinite())
    problem = "1 value is NaN or infinite." if count == 1 else f"{count:,} values are NaN or infinite."
    return problem, "NaN and -infinity became 0, infinity 1."


def labels(mask: Tensor) -> tuple[str, str]:
    """Describe a mask of integers whose values look like labels, and what to do; ("", "") for any other mask."""
    if mask.is_floating_point() or mask.dtype == torch.bool:
        return "", ""
    largest = int(mask.to(torch.int64).max())
    if not 1 < largest <= MOST_LABELS:
        return "", ""
    problem = f"Its values are whole numbers up to {largest}, like the labels of a segmentation."
    return problem, (
        f"Read as parts of {full_value(mask)}, which masks next to nothing: connect a mask of one label instead."
    )


def match_mask(mask: Tensor, height: int, width: int, batch: int, name: str = "mask") -> Tensor:
    """Convert a mask to a picture's height, width and batch.

    A mask of another size is stretched over the picture: with antialiasing if it shrinks, bilinearly if it grows.

    Args:
        mask: any mask that `as_mask` takes. Its batch is 1 (one mask for all pictures) or `batch`.
        height, width: size of the picture in pixels.
        batch: number of pictures.
        name: the input's name, for the error message.

    Returns:
        [batch, height, width] in 0..1. One mask for many pictures is returned as an expanded view.

    Raises:
        InpaintError: if `mask` is no mask, or its batch is neither 1 nor `batch`.
    """
    mask = as_mask(mask, name)
    if len(mask) not in (1, batch):
        valid = "1 mask" if batch == 1 else f"1 mask or {batch} (one per picture)"
        raise InpaintError(
            f"{name}: expected {valid}, got {len(mask)}. Give one mask for all pictures, or as many masks as pictures."
        )
    if mask.shape[1:] != (height, width):
        source, mask = mask, mask.new_empty(len(mask), height, width)
        for source_frame, frame in zip(source.split(1), mask, strict=True):
            # The filter's weights sum to 1 only up to rounding. Computed in float64, the error vanishes in the
            # conversion back, so a full mask stays exactly 1 and an empty one exactly 0.
            stretched = F.interpolate(
                source_frame[None].double(), size=(height, width), mode="bilinear", align_corners=False, antialias=True
            )
            frame.copy_(stretched[0, 0].clamp(0, 1))
    return mask.expand(batch, -1, -1)


def clear_near_zero(mask: Tensor) -> Tensor:
    """Set near-zero values (1.5 / 255 or less) to 0. JPEG compression and detectors leave them in unmasked areas.

    Args:
        mask: [B, H, W] float in 0..1.

    Returns:
        [B, H, W], same dtype and device; `mask` itself if there are none, as in most masks.
    """
    if count_above(mask, NEAR_ZERO) == count_nonzero(mask):
        return mask
    return torch.nn.functional.threshold(mask, NEAR_ZERO, 0)


def match(image: Tensor, mask: Tensor, name: str = "mask") -> tuple[Tensor, Tensor]:
    """Check a picture, convert its mask, and bring both to one batch. A batch of 1 is repeated.

    Args:
        image: [B, H, W, C] float, C = 3 or 4.
        mask: any mask that `as_mask` takes.
        name: the mask's name, for the error message.

    Returns:
        Image [N, H, W, C] and mask [N, H, W] in 0..1, N the larger of the two batches. Near-zero values of the mask are
        set to 0. A repeated one is an expanded view.

    Raises:
        InpaintError: if `image` is no IMAGE, `mask` is no mask, or the batches differ and neither is 1.
    """
    check_image(image)
    batch, height, width = image.shape[:3]
    if batch == 1:
        batch = len(as_bhw(mask, name))
        if batch > 1:
            note(f"{batch} masks of one picture. To repaint all of them in one picture, unite them with Combine Masks.")
    mask = clear_near_zero(unexpand(match_mask(mask, height, width, batch, name)))
    if name == "mask" and not mask.any():
        note(NOTHING_MASKED)
    return image.expand(batch, -1, -1, -1), mask.expand(batch, -1, -1)


def shape_of(value: object) -> tuple[int, ...]:
    """Return the shape of a tensor with a value for each place; () for anything else."""
    return tuple(value.shape) if isinstance(value, Tensor) and _is_plain(value) else ()


def describe(value: object) -> str:
    """Return what a value is, for the "got" of an error: a tensor's shape and dtype, or the name of a type."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_nested:
        return "a nested tensor"
    if not _is_plain(value):
        return f"{list(value.shape)}, sparse"
    dtype = "" if value.dtype == torch.float32 else f" of {str(value.dtype).removeprefix('torch.')}"
    return f"{list(value.shape)}{dtype}"


def _is_plain(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_nested
