"""MODELs: a network with its patches, which samplers and other nodes see."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

class ModelPatcher:
    # A `BaseModel` for what sampling takes, and any module for networks of our own.
    model: Any
    load_device: torch.device
    offload_device: torch.device
    model_options: dict[str, Any]
    patches: dict[str, list[tuple[Any, ...]]]
    attachments: dict[str, Any]
    def __init__(
        self,
        model: nn.Module,
        load_device: torch.device,
        offload_device: torch.device,
        size: int = 0,
        weight_inplace_update: bool = False,
    ) -> None: ...
    def clone(self) -> Self: ...
    def model_size(self) -> int: ...
    def loaded_size(self) -> int: ...
    def get_model_object(self, name: str) -> Any: ...
    def set_attachments(self, key: str, attachment: object) -> None: ...
    def add_wrapper_with_key(self, wrapper_type: str, key: str, wrapper: Callable[..., Any]) -> None: ...
    def remove_wrappers_with_key(self, wrapper_type: str, key: str) -> None: ...
    def get_wrappers(self, wrapper_type: str, key: str) -> list[Callable[..., Any]]: ...
    def add_object_patch(self, name: str, obj: Any) -> None: ...
    # The names of the weights that were patched.
    def add_patches(
        self, patches: Mapping[str, object], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[str]: ...
    def set_model_input_block_patch(self, patch: Callable[..., Tensor]) -> None: ...
    def set_model_denoise_mask_function(self, denoise_mask_function: Callable[..., Tensor]) -> None: ...
    def set_model_sampler_calc_cond_batch_function(
        self, sampler_calc_cond_batch_function: Callable[..., list[Tensor]]
    ) -> None: ...

# What stands in for a weight's patches while the weight is streamed.
class LowVramPatch:
    def __init__(self, key: str, patches: dict[str, Any]) -> None: ...
    def __call__(self, weight: Tensor) -> Tensor: ...

# Both write into the options that they are given, and return them; what those hold is copied first.
def set_model_options_patch_replace(
    model_options: dict[str, Any],
    patch: Callable[..., Tensor],
    name: str,
    block_name: str,
    number: int,
    transformer_index: int | None = None,
) -> dict[str, Any]: ...
def set_model_options_post_cfg_function(
    model_options: dict[str, Any],
    post_cfg_function: Callable[[dict[str, Any]], Tensor],
    disable_cfg1_optimization: bool = False,
) -> dict[str, Any]: ...
