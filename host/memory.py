"""The memory of this computer and its card, and what to do when it runs out."""

from __future__ import annotations

import sys
from typing import NamedTuple

import comfy.model_management
import psutil
import torch


class Computer(NamedTuple):
    """Where models run: free and reserved bytes of its device; dynamic, whether weights come in on demand."""

    name: str
    free: int
    reserve: int
    dynamic: bool


def this_computer() -> Computer:
    """The device that models run on."""
    management = comfy.model_management
    device = management.get_torch_device()
    name = f"this computer ({'its CPU' if management.is_device_cpu(device) else torch.cuda.get_device_name(device)})"
    return Computer(name, could_be_free(device), int(management.extra_reserved_memory()), dynamic_vram())


def could_be_free(device: torch.device) -> int:
    """Bytes that are free on a device, and those that models which are loaded there would give back."""
    management = comfy.model_management
    loaded = [model for model in management.current_loaded_models if model.device == device]
    return int(management.get_free_memory(device) + sum(model.model_loaded_memory() for model in loaded))


def make_room() -> None:
    """Take every model off the card, and give back what torch keeps for later."""
    comfy.model_management.unload_all_models()
    comfy.model_management.soft_empty_cache()


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
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
