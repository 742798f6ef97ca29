"""What other packs' patches and ControlNets hold for places in the picture, which a window would squeeze."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ...inpaint.core.errors import InpaintError
from ...inpaint.core.tensors_within import tensors_within
from ...inpaint.sampling.placed import is_placed

# This pack's patches cut what they hold.
OWN = __name__.partition(".host.")[0]
# Attributes of ControlNets that `window` cuts, and those that the host makes of them.
CUT_OF_CONTROLS = ("cond_hint_original", "extra_concat_orig", "cond_hint", "extra_concat")


def refuse_placed(held: Any, where: str, height: int, width: int) -> None:
    """Refuse what holds values for places in the picture.

    Args:
        held: model options, an entry of a conditioning, or a ControlNet's attributes.
        where: what holds them, for the error.
        height, width: of the whole latent, in cells.

    Raises:
        InpaintError: naming the first such value.
    """
    for name, values in tensors_within(held, _is_known):
        if is_placed(name, values, height, width):
            raise InpaintError(
                "sample_area: expected nothing that belongs to a place in the picture but masks, areas and "
                f"ControlNets, got {where} with {name or 'a tensor'} {list(values.shape)}, which cannot be cut to a "
                'window. Choose "whole picture".'
            )


def attributes_of(control: Any) -> Mapping[str, Any]:
    """Return what a ControlNet of another pack holds besides what `window` cuts; nothing for the host's own."""
    if type(control).__module__.startswith("comfy."):
        return {}
    return {name: value for name, value in vars(control).items() if name not in CUT_OF_CONTROLS}


def _is_known(value: Any) -> bool:
    """Whether an object is the host's, or this pack's."""
    function = value.func if isinstance(value, functools.partial) else value
    module = getattr(function, "__module__", None) or type(function).__module__
    return module.startswith(("comfy.", "torch.", OWN))
