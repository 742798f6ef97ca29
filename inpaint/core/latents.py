"""Validation of latents: {"samples": [B, C, h, w] or [B, C, T, h, w], "noise_mask": ..., "batch_index": ...}."""

from collections.abc import Collection, Mapping
from typing import Any, SupportsIndex

from torch import Tensor

from .checks import describe, shape_of
from .errors import InpaintError

_GET_A_LATENT = "Connect a LATENT output, such as that of Encode for Inpainting."


def check_latent(latent: Mapping[str, Any], name: str = "latent") -> None:
    """Check that a value is a LATENT that any model might take.

    Args:
        latent: its samples are [B, C, ...] floating point with 3 or more dimensions, no dimension 0. Nested samples,
            such as video with audio, hold several of these. A noise mask is a tensor of real numbers; a batch index
            has one number for each picture, or more than one for a single picture, which is repeated.
        name: the input's name, for the error message.

    Raises:
        InpaintError: if it is anything else.
    """
    if not isinstance(latent, Mapping) or "samples" not in latent:
        got = (
            f"one with {', '.join(map(str, latent)) or 'nothing'}" if isinstance(latent, Mapping) else describe(latent)
        )
        raise InpaintError(f"{name}: expected a latent with samples, got {got}. {_GET_A_LATENT}")
    streams = streams_of(latent["samples"])
    for samples in streams:
        shape = shape_of(samples)
        if len(shape) < 3 or 0 in shape or not samples.is_floating_point() or samples.itemsize == 1:
            raise InpaintError(
                f"{name}: expected samples [B, C, h, w] of floats, got {describe(samples)}. {_GET_A_LATENT}"
            )
    mask = latent.get("noise_mask")
    if mask is not None and not (is_nested(mask) and is_nested(latent["samples"])):
        shape = shape_of(mask)
        if not 2 <= len(shape) <= 5 or 0 in shape or mask.is_complex():
            raise InpaintError(
                f"{name}: expected a noise mask [B, H, W], got {describe(mask)}. Set it with Set Latent Noise Mask, or "
                "with Encode for Inpainting."
            )
    index, batch = latent.get("batch_index"), len(streams[0])
    if index is not None and not (_is_index(index) and (len(index) == batch or 1 == batch < len(index))):
        got = f"{len(index)} values" if isinstance(index, Collection) else describe(index)
        raise InpaintError(
            f"{name}: expected a batch index of {batch} whole numbers, one for each picture, got {got}. Take pictures "
            "out of a batch of latents with Latent From Batch, which keeps both alike."
        )


def _is_index(index: Any) -> bool:
    """Whether a value is a list of whole numbers from 0: places in the noise of a batch."""
    if not isinstance(index, Collection) or isinstance(index, (str, Mapping)):
        return False
    return all(isinstance(number, SupportsIndex) and number.__index__() >= 0 for number in index)


def is_nested(value: object) -> bool:
    """Whether a value is the host's NestedTensor, which holds several latents or masks."""
    return not isinstance(value, Tensor) and bool(getattr(value, "is_nested", False))


def streams_of(samples: Any) -> list[Any]:
    """Return the latents inside nested samples, and plain samples as a list of one."""
    return list(samples.unbind()) if is_nested(samples) else [samples]
