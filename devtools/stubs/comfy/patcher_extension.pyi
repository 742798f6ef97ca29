"""Wrappers around steps of the host's own."""

from collections.abc import Callable
from typing import Any, Final

class WrappersMP:
    OUTER_SAMPLE: Final = "outer_sample"
    PREPARE_SAMPLING: Final = "prepare_sampling"
    SAMPLER_SAMPLE: Final = "sampler_sample"

def get_wrappers_with_key(
    wrapper_type: str, key: str, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Callable[..., Any]]: ...
