"""Networks that fill holes, managed by the host like its own models, so that its memory accounting includes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

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
    """A network that the host manages."""

    network: Network
    """The network."""
    patcher: comfy.model_patcher.ModelPatcher
    """The host's ModelPatcher that holds its weights."""
    dtype: torch.dtype
    """The dtype that it computes in on this computer."""

    @property
    def computes_in(self) -> str:
        """Name of `dtype`, such as "F16"."""
        return NAMES[self.dtype]


def hold_network(network: Network) -> HeldNetwork:
    """Let the host manage a network: loaded to the card when it runs, offloaded when the host needs the memory."""
    management = comfy.model_management
    device = management.get_torch_device()
    half = network.half and management.should_use_fp16(device)
    dtype = torch.float16 if half else torch.float32
    # Newer hosts choose the class at startup: ModelPatcher, or one that streams weights as they are used.
    usual = comfy.model_patcher.ModelPatcher
    patcher: type[comfy.model_patcher.ModelPatcher] = getattr(comfy.model_patcher, "CoreModelPatcher", usual)
    held = patcher(network.module.to(dtype), load_device=device, offload_device=management.unet_offload_device())
    return HeldNetwork(network, held, dtype)


def runner(held: HeldNetwork) -> Callable[[Tensor, Tensor], Tensor | None]:
    """Return an `inpaint.networks.apply.Run`. It loads the whole network: the host can offload only its own layers."""

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
    # In its no-VRAM mode the host leaves weights off the card to stream them later. These layers cannot be streamed.
    held.network.module.to(device)
    with torch.no_grad():
        return held.network.module(image.to(device, held.dtype), hole.to(device, held.dtype)).float()
