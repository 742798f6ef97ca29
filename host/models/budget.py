"""A limit on the card's memory during sampling."""

from __future__ import annotations

import functools
from typing import Any

import comfy.model_management
from comfy.patcher_extension import WrappersMP

from ..memory import could_be_free, dynamic_vram

# Name of the wrapper on the MODEL.
KEY = "mend_budget"


def budget_holds() -> bool:
    """Whether a budget limits sampling on this computer.

    It does not on a CPU, which cannot offload weights. It does not if the host streams weights as they are used, since
    the host then uses all free memory.
    """
    management = comfy.model_management
    return not management.is_device_cpu(management.get_torch_device()) and not dynamic_vram()


def keep_to(model: Any, budget: int | None) -> None:
    """Limit the bytes of the card that sampling with this MODEL uses. None removes the limit.

    An earlier budget of the MODEL is replaced.
    """
    model.remove_wrappers_with_key(WrappersMP.PREPARE_SAMPLING, KEY)
    if budget is not None:
        model.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, KEY, functools.partial(_prepare, budget))


def _prepare(budget: int, executor: Any, model: Any, *arguments: Any, **named: Any) -> Any:
    """Load the models while the host reserves the memory beyond the budget, in addition to its usual reserve.

    The host's option --reserve-vram has the same effect for a whole run.
    """
    management = comfy.model_management
    beyond = could_be_free(model.load_device) - budget
    if beyond <= 0 or not budget_holds():
        return executor(model, *arguments, **named)
    usual = management.EXTRA_RESERVED_VRAM
    management.EXTRA_RESERVED_VRAM = usual + beyond
    try:
        return executor(model, *arguments, **named)
    finally:
        management.EXTRA_RESERVED_VRAM = usual
