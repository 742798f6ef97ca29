"""What every node checks of its inputs before it runs, by the types in its schema.

A node checks what only it knows: that a latent fits the model, that two pictures have one size.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from ...inpaint.core.checks import as_bhw, check_image, note_unusable
from ...inpaint.core.errors import InpaintError
from ...inpaint.core.latents import check_latent, is_nested, streams_of


def checking_inputs(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """Let a node check its inputs. Changes the class, and returns it."""
    run: Any = node.execute.__func__  # type: ignore[attr-defined]
    schemas: list[io.Schema] = []

    @functools.wraps(run)
    def execute(cls: type[io.ComfyNode], *arguments: Any, **named: Any) -> io.NodeOutput:
        if not schemas:  # on the first run: a schema lists files
            schemas.append(node.define_schema())
        check = _all_checked if schemas[0].is_input_list else _checked
        # The host passes all inputs by name.
        checked = {port.id: check(port, named[port.id]) for port in schemas[0].inputs if port.id in named}
        return run(cls, *arguments, **{**named, **checked})

    node.execute = classmethod(execute)  # type: ignore[assignment]
    return node


def _all_checked(port: io.Input, values: list[Any]) -> list[Any]:
    """`_checked` for a node that gets lists of values."""
    return [_checked(port, value) for value in values]


def _checked(port: io.Input, value: Any) -> Any:
    """Check a value and return it, without what only training needs.

    Raises:
        InpaintError: if the node cannot use it.
    """
    if value is None and port.optional:
        return None
    if isinstance(port, io.Image.Input):
        check_image(value, port.id)
        note_unusable(value, port.id, "pixel")
    elif isinstance(port, io.Mask.Input):
        as_bhw(value, port.id)
    elif isinstance(port, io.Latent.Input):
        check_latent(value, port.id)
        for samples in streams_of(value["samples"]):
            note_unusable(samples, port.id, "value")
        return value if is_nested(value["samples"]) else {**value, "samples": value["samples"].detach()}
    elif isinstance(port, (io.Float.Input, io.Int.Input)):
        if isinstance(value, (float, np.floating)) and not math.isfinite(value):
            raise InpaintError(
                f"{port.id}: expected a number from {port.min:g} to {port.max:g}, got {value}. Set a number here, or "
                "in what is connected."
            )
    elif value is None:
        raise InpaintError(f"{port.id}: expected {port.io_type}, got nothing. Connect one.")
    return value.detach() if isinstance(value, Tensor) else value
