"""Fooocus' inpaint patch as host patches: patches of the weights, and a patch of the first input block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import comfy.weight_adapter
import torch
from torch import Tensor

from ...inpaint.core.errors import InpaintError
from ...inpaint.sampling.fooocus import Delta, add_feature, change
from ...inpaint.sampling.window import cut
from .window import window_of


class FooocusDelta(comfy.weight_adapter.WeightAdapterBase):
    """The change of one weight, stored as uint8 until the host patches that weight.

    The host reads the attribute `weights`. Newer hosts count its tensors, copy them ahead of use, and build a second
    object from the copies by calling the class with `loaded_keys` and `weights`.
    """

    name = "fooocus"
    weights: tuple[Tensor, float | Tensor, float | Tensor]

    def __init__(self, loaded_keys: set[str], weights: tuple[Tensor, float | Tensor, float | Tensor]) -> None:
        self.loaded_keys, self.weights = loaded_keys, weights

    def calculate_weight(
        self,
        weight: Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: tuple[int, int, int] | None,
        function: Callable[[Tensor], Tensor],
        intermediate_dtype: torch.dtype = torch.float32,
        original_weight: Any = None,
    ) -> Tensor:
        """Add the change to the weight in place, as the host expects, and return it.

        The host passes a copy of the weight, narrowed to `offset` and multiplied by `strength_model`.
        """
        added = change(*self.weights, weight.device)
        if added.shape != weight.shape:
            raise InpaintError(
                f"Fooocus inpaint: expected {key} of {list(added.shape)}, got {list(weight.shape)}. Another node "
                "changed the model's weights: remove it."
            )
        weight += function(added.mul_(strength).to(weight.dtype))
        return weight


class HeadFeature:
    """A patch of the input blocks. It adds the head's feature [B, 320, h, w] to the output of the first block."""

    def __init__(self, feature: Tensor) -> None:
        self.feature = feature

    def __call__(self, h: Tensor, transformer_options: Mapping[str, Any]) -> Tensor:
        if transformer_options["block"] != ("input", 0):
            return h
        feature, windowed = self.feature, window_of(transformer_options)
        if windowed is not None:
            feature = cut(feature, *windowed)
        return add_feature(h, feature, len(transformer_options.get("cond_or_uncond", (0,))))

    def to(self, where: torch.device | torch.dtype) -> HeadFeature:
        """Move to a device. A dtype is ignored: the host passes the weights' dtype too, which may be fp8."""
        return HeadFeature(self.feature.to(where)) if isinstance(where, torch.device) else self

    def __deepcopy__(self, memo: dict) -> HeadFeature:
        """Return the object itself. Older hosts copy it with every clone of the model, but it never changes."""
        return self


def is_general_sdxl(model: Any) -> bool:
    """Whether a MODEL is an SDXL U-Net with the four input channels of a general model, by its structure."""
    config = model.model.model_config.unet_config
    wanted = {"in_channels": 4, "model_channels": 320, "context_dim": 2048, "adm_in_channels": 2816}
    return all(config.get(name) == value for name, value in wanted.items())


def has_fooocus(model: Any) -> bool:
    """Whether a MODEL already has a Fooocus inpaint patch."""
    return any(isinstance(patch[1], FooocusDelta) for patches in model.patches.values() for patch in patches)


def weight_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a MODEL's weights, by their names in patches."""
    return {name: tuple(weight.shape) for name, weight in model.model.named_parameters()}


def with_fooocus(model: Any, deltas: Mapping[str, Delta], feature: Tensor) -> Any:
    """Return a patched copy of a MODEL. It shares the weights until it is sampled.

    Args:
        model: the MODEL.
        deltas: changes of weights, by name.
        feature: [B, 320, h, w], see `inpaint.sampling.fooocus.head_feature`.
    """
    patched = model.clone()
    patched.add_patches(
        {name: FooocusDelta({name}, (delta.steps, delta.low, delta.high)) for name, delta in deltas.items()}
    )
    patched.set_model_input_block_patch(HeadFeature(feature))
    return patched
