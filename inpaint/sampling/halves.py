"""A batch and its prompts in two halves, for where memory ran out on the whole."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def halves(latent: dict[str, Any], *prompts: list) -> list[tuple[dict[str, Any], list[list]]]:
    """What to sample instead of a batch of two or more: the first half, then the second.

    Pictures keep their numbers in the batch, and so the noise that they have in the whole: torch draws in blocks of 16
    numbers, which every latent fills whose sides are even.

    Args:
        latent: LATENT. Of what it holds, tensors with one row for each picture are cut.
        prompts: CONDITIONING lists, likewise.

    Returns:
        latent and prompts of each half. An empty list where there is nothing to cut, or a ControlNet is on the way: it
        holds its pictures where they cannot be cut.
    """
    samples = latent["samples"]
    if getattr(samples, "is_nested", False):
        return []
    batch = len(samples)
    controlled = any("control" in entry for prompt in prompts for _, entry in prompt)
    if batch < 2 or controlled:
        return []
    numbers = list(latent.get("batch_index", range(batch)))
    middle = (batch + 1) // 2

    def cut(value: Any, part: slice) -> Any:
        return value[part] if isinstance(value, Tensor) and value.ndim and len(value) == batch else value

    def half(part: slice) -> tuple[dict[str, Any], list[list]]:
        own = {key: cut(value, part) for key, value in latent.items()} | {"batch_index": numbers[part]}
        return own, [
            [[cut(text, part), {key: cut(value, part) for key, value in entry.items()}] for text, entry in prompt]
            for prompt in prompts
        ]

    return [half(slice(None, middle)), half(slice(middle, None))]
