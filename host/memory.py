"""The memory of this computer and its graphics card, and retries when memory runs out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import comfy.model_management
import psutil
import torch

from ..inpaint.core.errors import InpaintError

Result = TypeVar("Result")
# Parts of error texts: of accelerators, of torch's CPU allocator on Linux and Windows, of cuBLAS and cuDNN.
OUT_OF_MEMORY = (
    *("out of memory", "can't allocate memory", "not enough memory: you tried to allocate"),
    *("cublas_status_alloc_failed", "cudnn_status_alloc_failed"),
)


class Computer(NamedTuple):
    """The device that models run on. Fields and their order are those of `inpaint.vram.memory_plan.Machine`."""

    name: str
    """Name for users."""
    free: int
    """Bytes on the device that models may use."""
    reserve: int
    """Bytes that the host keeps unused, part of `free`."""
    dynamic: bool
    """Whether the host streams weights to the card as they are used."""
    offloads: bool
    """Whether weights can be offloaded: not with a CPU or one of Apple's GPUs."""
    fp8: bool
    """Whether weights can be stored in fp8."""
    text_on_card: bool
    """Whether text encoders run on the card too. On old cards the host runs them on the CPU."""


def this_computer() -> Computer:
    """Describe the device that models run on."""
    management = comfy.model_management
    device = management.get_torch_device()
    cpu = management.is_device_cpu(device)
    state = management.VRAMState
    return Computer(
        name=f"this computer ({_device_name(device)})",
        free=could_be_free(device),
        reserve=int(management.extra_reserved_memory()),
        dynamic=dynamic_vram(),
        # Apple's GPUs share the computer's memory, and with --highvram or --gpu-only the host offloads nothing.
        offloads=not cpu and management.vram_state not in (state.DISABLED, state.HIGH_VRAM, state.SHARED),
        # Apple and DirectML devices lack fp8. Nothing is known about other devices, so fp8 is not assumed.
        fp8=device.type in ("cpu", "cuda"),
        text_on_card=management.text_encoder_device() == device,
    )


def _device_name(device: torch.device) -> str:
    """Return the name of a device for users."""
    if comfy.model_management.is_device_cpu(device):
        return "its CPU"
    if device.type == "mps":
        return "its Apple GPU"
    if device.type == "privateuseone":
        return "its DirectML device"
    # The host's name begins with the device, and may end with the name of the allocator: "cuda:0 RTX 3060 : native".
    return comfy.model_management.get_torch_device_name(device).removeprefix(f"{device} ").partition(" : ")[0]


def could_be_free(device: torch.device) -> int:
    """Return the free bytes of a device, including those that unloading its models would free."""
    management = comfy.model_management
    loaded = 0
    # Iterate over a copy: other threads change the host's list. It refers to models weakly, so one may be gone.
    for entry in list(management.current_loaded_models):
        model = entry.model
        if model is not None and entry.device == device:
            loaded += model.loaded_size()
    return int(management.get_free_memory(device) + loaded)


def free_memory() -> None:
    """Unload every model from the card and empty torch's cache."""
    comfy.model_management.unload_all_models()
    comfy.model_management.soft_empty_cache()


def tried_twice(work: Callable[[], Result], again: Callable[[], Result]) -> Result:
    """Return the result of `work`. If memory runs out, unload all models and return the result of `again`."""
    try:
        return work()
    except Exception as error:
        if not is_oom(error):
            raise
    # Outside the except block: inside it, the error would keep the tensors of the failed attempt alive.
    free_memory()
    return again()


def retry_after_freeing(
    work: Callable[[], Result], again: Callable[[], Result], error_text: Callable[[], str]
) -> Result:
    """Like `tried_twice`, with an error for the user.

    Raises:
        InpaintError: with the text of `error_text`, if memory runs out in `again` too.
    """
    try:
        return tried_twice(work, again)
    except Exception as error:
        if not is_oom(error):
            raise
        raise InpaintError(error_text()) from None


def dynamic_vram() -> bool:
    """Whether the host streams weights to the card as they are used (ComfyUI 0.16 or newer, on NVIDIA)."""
    memory = sys.modules.get("comfy.memory_management")
    return bool(getattr(memory, "aimdo_enabled", False))


def ram() -> tuple[int, int, int]:
    """Return the computer's total, available and swap memory, in bytes."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available, psutil.swap_memory().total


def flash_attention() -> bool:
    """Whether the host assumes that attention never stores its full matrix."""
    management = comfy.model_management
    return bool(management.xformers_enabled() or management.pytorch_attention_flash_attention())


def is_oom(error: Exception) -> bool:
    """Whether an error means that memory ran out, on any device.

    The host's OOM_EXCEPTION is not used: it is plain `Exception` if torch has no such error. torch raises
    OutOfMemoryError on accelerators. On the CPU and some accelerators it raises a RuntimeError, recognised by its text.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY)
