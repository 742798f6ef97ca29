"""A budget of the card that holds for sampling too."""

from __future__ import annotations

import functools
from typing import Any

import comfy.model_management
from comfy.patcher_extension import WrappersMP

from ..memory import could_be_free, dynamic_vram

# Under this name.
KEY = "mend_budget"


def budget_holds() -> bool:
    """Whether a budget holds for sampling here: a CPU has no elsewhere for weights, and where the host brings weights
    in as they are used, it takes what room there is."""
    management = comfy.model_management
    return not management.is_device_cpu(management.get_torch_device()) and not dynamic_vram()


def keep_to(model: Any, budget: int | None) -> None:
    """Make every sampler keep to a budget, in bytes of the card, when it samples with this MODEL; None for no budget.

    Of a MODEL that has one already it takes the place.
    """
    model.remove_wrappers_with_key(WrappersMP.PREPARE_SAMPLING, KEY)
    if budget is not None:
        model.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, KEY, functools.partial(_prepare, budget))


def _prepare(budget: int, executor: Any, model: Any, *arguments: Any, **named: Any) -> Any:
    """Bring the models onto the card while the host leaves alone, beside its usual reserve, what is beyond the budget:
    what its option --reserve-vram does for a whole run."""
    management: Any = comfy.model_management
    beyond = could_be_free(model.load_device) - budget
    if beyond <= 0 or not budget_holds():
        return executor(model, *arguments, **named)
    usual = management.EXTRA_RESERVED_VRAM
    management.EXTRA_RESERVED_VRAM = usual + beyond
    try:
        return executor(model, *arguments, **named)
    finally:
        management.EXTRA_RESERVED_VRAM = usual
