"""Networks that fill holes, held and run as the host holds and runs models: its accounting of memory counts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import comfy.model_management
import comfy.model_patcher
import torch
from torch import Tensor

from ..memory import is_oom, tried_twice
from .dtypes import NAMES

if TYPE_CHECKING:
    from ...inpaint.networks import Network


@dataclass(frozen=True, eq=False)
class HeldNetwork:
    """patcher: the host's own holder of the network's weights. dtype: what it computes in here."""

    network: Network
    patcher: Any
    dtype: torch.dtype

    @property
    def computes_in(self) -> str:
        return NAMES[self.dtype]


def hold_network(network: Network) -> HeldNetwork:
    """Give a network to the host. It is brought onto the card when it is run, and off it when the host wants room."""
    management: Any = comfy.model_management
    device = management.get_torch_device()
    half = network.half and management.should_use_fp16(device)
    dtype = torch.float16 if half else torch.float32
    # Newer hosts choose the class when they start: one that brings weights in as they are used, or this one.
    patcher: Any = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
    held = patcher(network.module.to(dtype), load_device=device, offload_device=management.unet_offload_device())
    return HeldNetwork(network, held, dtype)


def runner(held: HeldNetwork) -> Callable[[Tensor, Tensor], Tensor | None]:
    """An `inpaint.networks.apply.Run` that loads the network in full: only the host's own layers can be offloaded."""

    def run(image: Tensor, hole: Tensor) -> Tensor | None:
        work = partial(_run, held, image, hole)
        try:
            return tried_twice(work, work)
        except Exception as error:
            if not is_oom(error):
                raise
            return None

    return run


def _run(held: HeldNetwork, image: Tensor, hole: Tensor) -> Tensor:
    working = held.network.working * held.dtype.itemsize // 4
    comfy.model_management.load_models_gpu(
        [held.patcher], memory_required=working * image.shape[-1] * image.shape[-2], force_full_load=True
    )
    device = held.patcher.load_device
    # Where the host runs without memory of the card it leaves behind what it could bring in later, and this is not.
    held.network.module.to(device)
    with torch.no_grad():
        return held.network.module(image.to(device, held.dtype), hole.to(device, held.dtype)).float()
