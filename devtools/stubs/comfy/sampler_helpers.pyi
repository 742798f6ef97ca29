"""What a sampling loads and how much memory it takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

def convert_cond(cond: Sequence[Any]) -> list[dict[str, Any]]: ...
def get_additional_models(conds: Mapping[str, list[dict[str, Any]]], dtype: torch.dtype) -> tuple[list[Any], float]: ...

# For both halves of CFG, and for one.
def estimate_memory(
    model: Any, noise_shape: list[int], conds: Mapping[str, list[dict[str, Any]]]
) -> tuple[float, float]: ...
