"""What the host takes a file's weights for: the configuration of a model, or None."""

from typing import Any

from torch import Tensor

def model_config_from_unet(
    state_dict: dict[str, Tensor],
    unet_key_prefix: str,
    use_base_if_no_match: bool = False,
    metadata: dict[str, str] | None = None,
) -> Any: ...
def model_config_from_diffusers_unet(state_dict: dict[str, Tensor]) -> Any: ...
