"""Samplers, schedules, and one prediction of a model."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from .model_patcher import ModelPatcher

class Sampler: ...

class KSAMPLER(Sampler):
    def __init__(
        self,
        sampler_function: Callable[..., Tensor],
        extra_options: dict[str, Any] = ...,
        inpaint_options: dict[str, Any] = ...,
    ) -> None: ...
    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable[..., None] | None,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor: ...

class KSampler:
    SAMPLERS: ClassVar[list[str]]
    SCHEDULERS: ClassVar[list[str]]
    sigmas: Tensor
    def __init__(
        self,
        model: ModelPatcher,
        steps: int,
        device: torch.device | str,
        sampler: str | None = None,
        scheduler: str | None = None,
        denoise: float | None = None,
    ) -> None: ...

class KSamplerX0Inpaint: ...

# One prediction for each of the lists of conditioning.
def calc_cond_batch(
    model: Any, conds: list[list[dict[str, Any]]], x_in: Tensor, timestep: Tensor, model_options: dict[str, Any]
) -> list[Tensor]: ...
def calculate_sigmas(model_sampling: object, scheduler_name: str, steps: int) -> Tensor: ...
def get_area_and_mult(conds: dict[str, Any], x_in: Tensor, timestep_in: Tensor) -> Any: ...
def sampler_object(name: str) -> KSAMPLER: ...
