"""Files of weights, sizes of tensors, and the progress bar."""

from typing import Any, Literal, overload

import torch
from torch import Tensor

@overload
def load_torch_file(
    ckpt: str,
    safe_load: bool = False,
    device: torch.device | None = None,
    return_metadata: Literal[False] = False,
) -> Any: ...
@overload
def load_torch_file(
    ckpt: str, safe_load: bool = False, device: torch.device | None = None, *, return_metadata: Literal[True]
) -> tuple[Any, dict[str, str] | None]: ...
def common_upscale(samples: Tensor, width: int, height: int, upscale_method: str, crop: str) -> Tensor: ...
def repeat_to_batch_size(tensor: Tensor, batch_size: int, dim: int = 0) -> Tensor: ...

class ProgressBar:
    def __init__(self, total: int, node_id: str | None = None) -> None: ...
    def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None: ...
