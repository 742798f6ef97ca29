"""What the host says of this computer, on devices that are not there and with models that are gone; and which errors
say that memory ran out.

Mutations seen to fail here: the name asked of CUDA whatever the device; fp8 on every device; a model that is gone
asked for its size; one on another device counted; weights offloaded on a CPU; text encoders on the card of every host.
"""

import gc
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from inpaint.model_families.vaes import Work
from inpaint.vram.memory_plan import Job, Machine, MemoryRequirements, make_plan
from inpaint.vram.report import sentences


@pytest.fixture
def management(host_nodes, monkeypatch):
    import comfy.model_management as management

    monkeypatch.setattr(management, "current_loaded_models", [])
    return management


# Device, the host's state of it and its name for it; our name; whether weights are offloaded, whether fp8 is taken.
DEVICES = {
    "Apple": ("mps", "SHARED", "mps", "its Apple GPU", False, False),
    "AMD": ("cuda:0", "NORMAL_VRAM", "cuda:0 AMD Radeon RX 7900 XTX : native", "AMD Radeon RX 7900 XTX", True, True),
    "Intel": ("xpu:0", "NORMAL_VRAM", "xpu:0 Intel(R) Arc(TM) A770", "Intel(R) Arc(TM) A770", True, False),
    "DirectML": ("privateuseone", "NORMAL_VRAM", "privateuseone", "its DirectML device", True, False),
    "all on the card": ("cuda:0", "HIGH_VRAM", "cuda:0 NVIDIA H200 : native", "NVIDIA H200", False, True),
    "a CPU": ("cpu", "DISABLED", "cpu", "its CPU", False, True),
}


@pytest.fixture(params=list(DEVICES.values()), ids=list(DEVICES))
def told(request, management, monkeypatch):
    device, state, name, *told = request.param
    monkeypatch.setattr(management, "get_torch_device", lambda: torch.device(device))
    monkeypatch.setattr(management, "text_encoder_device", lambda: torch.device(device))
    monkeypatch.setattr(management, "get_torch_device_name", lambda device: name)
    monkeypatch.setattr(management, "vram_state", management.VRAMState[state])
    monkeypatch.setattr(management, "get_free_memory", lambda *arguments: 8 << 30)
    return told


def test_devices_that_are_not_nvidias(pack, told):
    here, (name, offloads, fp8) = pack("host").this_computer(), told
    assert here.name == f"this computer ({name})"
    assert (here.free, here.offloads, here.fp8, here.text_on_card) == (8 << 30, offloads, fp8, True)


@pytest.mark.parametrize("gib", [1, 6, 7.5, 40])
def test_only_a_card_is_called_one(pack, told, gib):
    """And only what can be offloaded is said to be, or not to be."""
    work = (Work(5000, 16000), Work(1200, 3500), Work(2000, 4300))
    model = MemoryRequirements("SDXL", 2**29, int(gib * 2**30), 2**28, 2**26, *work)
    machine = Machine(*pack("host").this_computer())
    text = " ".join(sentences(make_plan([model], Job(1024, 1024), machine)))
    assert ("card" in text or "offloaded" in text) <= machine.offloads
    assert text.startswith(("Fits", "Does not fit"))


def test_an_old_card_whose_text_encoders_run_on_the_cpu(pack, management, monkeypatch):
    monkeypatch.setattr(management, "get_torch_device", lambda: torch.device("cuda", 0))
    monkeypatch.setattr(management, "get_torch_device_name", lambda device: "cuda:0 GTX 1660")
    monkeypatch.setattr(management, "should_use_fp16", lambda *arguments, **named: False)
    monkeypatch.setattr(management, "get_free_memory", lambda *arguments: 5 << 30)
    monkeypatch.setattr(management, "vram_state", management.VRAMState.NORMAL_VRAM)
    here = pack("host").this_computer()
    assert here.name == "this computer (GTX 1660)"
    assert (here.offloads, here.fp8, here.text_on_card) == (True, True, False)


def test_a_cpu(pack, management):
    here = pack("host").this_computer()
    assert here.name == "this computer (its CPU)"
    assert (here.offloads, here.fp8, here.text_on_card) == (False, True, True)


def patcher_of(bytes_count):
    import comfy.model_patcher

    linear: Any = torch.nn.Linear(1, bytes_count // 4, bias=False)
    linear.device, linear.current_weight_patches_uuid = torch.device("cpu"), None
    return comfy.model_patcher.ModelPatcher(linear, torch.device("cpu"), torch.device("cpu"))


def test_models_that_are_loaded_count_as_free_and_those_that_are_gone_do_not(pack, management, monkeypatch):
    monkeypatch.setattr(management, "get_free_memory", lambda *arguments: 1000)
    kept, gone = patcher_of(4000), patcher_of(400)
    management.load_models_gpu([kept])
    management.load_models_gpu([gone])
    elsewhere = SimpleNamespace(
        model=patcher_of(40), device=torch.device("meta"), real_model=object, is_dead=lambda: False
    )
    management.current_loaded_models.append(elsewhere)
    network = gone.model
    del gone
    gc.collect()
    assert [entry.model for entry in management.current_loaded_models].count(None) == 1
    assert pack("host").this_computer().free == 5000
    del network


SAYS_SO = [
    "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
    "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "CUDA out of memory. Tried to allocate 4.00 GiB",
]
DOES_NOT = ["CUDA error: CUBLAS_STATUS_NOT_INITIALIZED", "not enough values to unpack", "Invalid buffer size"]


@pytest.mark.parametrize("text", SAYS_SO + DOES_NOT)
def test_which_errors_say_that_memory_ran_out(pack, text):
    assert pack("host").is_oom(RuntimeError(text)) == (text in SAYS_SO)
    assert not pack("host").is_oom(ValueError(text))
