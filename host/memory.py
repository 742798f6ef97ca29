"""The memory of this computer and its card, and what to do when it runs out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import comfy.model_management
import psutil
import torch

from ..inpaint.core.errors import InpaintError

Result = TypeVar("Result")
# What errors say: of accelerators, of torch's allocator on Linux and on Windows, and of libraries on the card.
OUT_OF_MEMORY = (
    *("out of memory", "can't allocate memory", "not enough memory: you tried to allocate"),
    *("cublas_status_alloc_failed", "cudnn_status_alloc_failed"),
)


class Computer(NamedTuple):
    """Where models run, as `inpaint.vram.plan.Machine` has it."""

    name: str
    free: int
    reserve: int
    dynamic: bool
    offloads: bool
    fp8: bool
    text_on_card: bool


def this_computer() -> Computer:
    """The device that models run on."""
    management = comfy.model_management
    device = management.get_torch_device()
    cpu = management.is_device_cpu(device)
    name = "its CPU" if cpu else management.get_torch_device_name(device)
    return Computer(
        name=f"this computer ({name})",
        free=could_be_free(device),
        reserve=int(management.extra_reserved_memory()),
        dynamic=dynamic_vram(),
        offloads=not cpu,
        # Of the others the host knows that Apple's and DirectML's have none, and nothing of the rest.
        fp8=device.type in ("cpu", "cuda"),
        text_on_card=management.text_encoder_device() == device,
    )


def could_be_free(device: torch.device) -> int:
    """Bytes that are free on a device, and those that models which are loaded there would give back."""
    management = comfy.model_management
    loaded = 0
    # The host's own list, which its other threads change, of models that it holds weakly: one may be gone by now.
    for entry in list(management.current_loaded_models):
        model = entry.model
        if model is not None and entry.device == device:
            loaded += model.loaded_size()
    return int(management.get_free_memory(device) + loaded)


def make_room() -> None:
    """Take every model off the card, and give back what torch keeps for later."""
    comfy.model_management.unload_all_models()
    comfy.model_management.soft_empty_cache()


def tried_twice(work: Callable[[], Result], again: Callable[[], Result]) -> Result:
    """What `work` gives; where memory runs out, what `again` gives with everything else off the card."""
    try:
        return work()
    except Exception as error:
        if not is_oom(error):
            raise
    # Out of the except block, or the error would keep what was made so far alive.
    make_room()
    return again()


def with_room(work: Callable[[], Result], again: Callable[[], Result], messages: Callable[[], str]) -> Result:
    """As `tried_twice`.

    Raises:
        InpaintError: `messages`, if memory runs out then too.
    """
    try:
        return tried_twice(work, again)
    except Exception as error:
        if not is_oom(error):
            raise
        raise InpaintError(messages()) from None


def dynamic_vram() -> bool:
    """Whether weights are brought onto the card when they are used (hosts from 0.16 on, on NVIDIA)."""
    memory = sys.modules.get("comfy.memory_management")
    return bool(getattr(memory, "aimdo_enabled", False))


def ram() -> tuple[int, int, int]:
    """Bytes of the computer's memory: all, available, and swap."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available, psutil.swap_memory().total


def flash_attention() -> bool:
    """Whether the host takes it that attention never writes its whole matrix."""
    management = comfy.model_management
    return bool(management.xformers_enabled() or management.pytorch_attention_flash_attention())


def is_oom(error: Exception) -> bool:
    """Whether an error says that memory ran out, on any device.

    The host's OOM_EXCEPTION is plain `Exception` where torch knows no such error, so it is not asked. torch raises
    OutOfMemoryError on accelerators and, on some of them and on the CPU, a RuntimeError told only by its text.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY)
