"""GET /mend/chain: the chain of nodes that Inpaint stands for, as JSON, for the canvas and for programs.

Query: the widgets of Inpaint that a chain is built by; connected (names of connected inputs, separated by commas);
model (name of the model's file, as ComfyUI lists it, if a model is connected). prompt and negative_prompt may be any
text: only whether they are empty counts.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import host
from ...host.planning import model_path
from ...inpaint.core.errors import InpaintError
from ...inpaint.model_families.unets import ROWS as UNETS
from ...inpaint.model_files.checkpoint import read_header
from ...inpaint.tasks.chain import AUTO, Given, Out, Wish, chain_for
from ...inpaint.tasks.models import Model, model_of
from ...inpaint.tasks.table import SIDES
from ..shared.bounded_routes import Answer, in_bounds

PATH = "/mend/chain"
# Longest query parameter that is read.
LONGEST = 4096
MOST = 100_000
# Of the latents of general U-Nets.
CHANNELS = 4


def register() -> None:
    host.add_get_route(PATH, answer)


async def answer(query: Mapping[str, str]) -> Answer:
    """Return status and body."""
    given = {name: value[:LONGEST] for name, value in query.items()}
    return await in_bounds(lambda: _chain(given))


def _chain(query: Mapping[str, str]) -> Answer:
    try:
        chain = chain_for(_wish(query))
    except InpaintError as error:
        return 400, {"error": str(error)}
    steps = [
        {"id": step.id, "node": step.node, "inputs": {name: _value(value) for name, value in step.inputs.items()}}
        for step in chain.steps
    ]
    return 200, {"steps": steps, "outputs": [_value(out) for out in (chain.image, chain.mask, chain.report)]}


def _wish(query: Mapping[str, str]) -> Wish:
    connected = query.get("connected", "").split(",")
    sides = query.get("extend_sides", next(iter(SIDES)))
    if sides not in SIDES:
        raise InpaintError(f"extend_sides: expected one of {', '.join(SIDES)}, got {sides!r}. Choose one of them.")
    return Wish(
        task=query.get("task", ""),
        connected=connected,
        model=_model(query.get("model", "")) if "model" in connected else None,
        prompt=query.get("prompt", ""),
        negative_prompt=query.get("negative_prompt", ""),
        extend_sides=sides,
        sampler_name=query.get("sampler_name", AUTO),
        scheduler=query.get("scheduler", AUTO),
        strength=_number(query, "strength"),
        steps=int(_number(query, "steps")),
        cfg=_number(query, "cfg"),
        megapixels=_number(query, "megapixels"),
        grow=_number(query, "grow", -1.0),
        feather=_number(query, "feather", -1.0),
    )


def _number(query: Mapping[str, str], name: str, default: float = 0.0) -> float:
    text = query.get(name, str(default))
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -1 <= number <= MOST:
        raise InpaintError(f"{name}: expected a number from -1 to {MOST}, got {text!r}. Send the value of the widget.")
    return number


def _model(name: str) -> Model:
    try:
        header = read_header(Path(model_path(name)))
    except (InpaintError, OSError) as error:
        raise InpaintError(
            "model: expected a model from a loader whose file can be read, got none. Choose a file in the loader that "
            "is connected, or connect one."
        ) from error
    takes = None if header.inpaint is not None else header.family.references_of(header.names)
    unet = header.family in UNETS and header.names.unet_inputs() == CHANNELS
    return model_of(header.family, header.label, header.inpaint, takes, unet, header.path.name)


def _value(value: Any) -> Any:
    """Return an input as JSON: {"given": name}, {"step": id, "output": number}, or {"value": ...}."""
    if isinstance(value, Given):
        return {"given": value.name}
    return {"step": value.step, "output": value.number} if isinstance(value, Out) else {"value": value}
