"""Changes of weights, such as LoRA's."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

class WeightAdapterBase:
    name: str
    loaded_keys: set[str]
    # A tuple in every adapter; the host's own code says list.
    weights: tuple[Any, ...]
    def calculate_weight(
        self,
        weight: Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: tuple[int, int, int] | None,
        function: Callable[[Tensor], Tensor],
        intermediate_dtype: torch.dtype = ...,
        original_weight: Any = None,
    ) -> Tensor: ...
