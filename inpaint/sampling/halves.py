"""A batch and its prompts split into two halves, for a retry after memory ran out."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..core.latents import is_nested


def halves(latent: dict[str, Any], *prompts: list) -> list[tuple[dict[str, Any], list[list]]]:
    """Split a batch of two or more into two, to be sampled one after the other.

    Pictures keep their `batch_index`, so their noise is the same as in the whole batch. torch draws noise in blocks of
    16 numbers; a latent with even sides fills whole blocks.

    Args:
        latent: a LATENT. Its tensors with one row per picture are split, those of lists too; everything else goes to
            both halves.
        prompts: CONDITIONING lists, split in the same way.

    Returns:
        (latent, prompts) of each half. Empty if the batch cannot be split: there is only one picture, the latent is
        nested, or a ControlNet is connected, whose pictures are out of reach here.
    """
    samples = latent["samples"]
    if is_nested(samples):
        return []
    batch = len(samples)
    controlled = any("control" in entry for prompt in prompts for _, entry in prompt)
    if batch < 2 or controlled:
        return []
    numbers = list(latent.get("batch_index", range(batch)))
    middle = (batch + 1) // 2

    def cut(value: Any, part: slice) -> Any:
        if isinstance(value, list):  # such as references
            return [cut(each, part) for each in value]
        return value[part] if isinstance(value, Tensor) and value.ndim and len(value) == batch else value

    def half(part: slice) -> tuple[dict[str, Any], list[list]]:
        own = {key: cut(value, part) for key, value in latent.items()} | {"batch_index": numbers[part]}
        return own, [
            [[cut(text, part), {key: cut(value, part) for key, value in entry.items()}] for text, entry in prompt]
            for prompt in prompts
        ]

    return [half(slice(None, middle)), half(slice(middle, None))]
