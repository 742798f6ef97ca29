"""GET /mend/estimate: the memory plan as JSON, for the canvas and for programs.

The answer's "header" is a hash that tells model files apart, see `header_hash`.

Query: model (a name that the host lists), width, height, batch_size, gpu (an option of the node Estimate VRAM). Unknown
and unreadable models get the same answer, without a path, so that a client cannot probe the disk. An answer comes
in bounds, also if many ask at once: `bounded_routes`.
"""

from collections.abc import Mapping
from typing import Any

from ... import host
from ...host.planning import HERE, model_path, plan_for
from ...inpaint.core.errors import InpaintError
from ...inpaint.model_files.stored_file import header_hash, read_stored
from ...inpaint.vram.cards import CARDS
from ...inpaint.vram.memory_plan import Job, Plan
from ...inpaint.vram.report import sentences
from ..shared.bounded_routes import UNREADABLE, Answer, in_bounds

PATH = "/mend/estimate"
# Minimum, maximum and default.
NUMBERS = {"width": (64, 16384, 1024), "height": (64, 16384, 1024), "batch_size": (1, 64, 1)}


def register() -> None:
    host.add_get_route(PATH, answer)


async def answer(query: Mapping[str, str]) -> Answer:
    """Return status and body."""
    try:
        numbers = {name: _number(name, query) for name in NUMBERS}
    except ValueError as error:
        return 400, {"error": str(error)}
    gpu = query.get("gpu", HERE)
    if gpu not in (HERE, *CARDS):
        return 400, {"error": f"gpu: expected one of {', '.join((HERE, *CARDS))}."}
    job = Job(numbers["width"], numbers["height"], numbers["batch_size"])
    return await in_bounds(lambda: _plan(query.get("model", ""), job, gpu))


def _number(name: str, query: Mapping[str, str]) -> int:
    least, most, default = NUMBERS[name]
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) <= 6 and least <= int(given) <= most):
        raise ValueError(f"{name}: expected a whole number from {least} to {most}.")
    return int(given)


def _plan(model: str, job: Job, gpu: str) -> Answer:
    try:
        path = model_path(model)
        plan = plan_for(path, job, gpu)
        return 200, {**_body(plan), "header": header_hash(read_stored(path))}
    except (InpaintError, OSError):
        return UNREADABLE


def _body(plan: Plan) -> dict[str, Any]:
    return {
        "strategy": plan.strategy,
        "fits": plan.fits,
        "messages": sentences(plan),
        "label": plan.requirements.label,
        "width": plan.job.width,
        "height": plan.job.height,
        "batch_size": plan.job.batch,
        "free": plan.machine.free,
        "vae_tile": plan.tile,
        "offloaded": plan.offloaded,
        "text_encoder_offloaded": plan.text_offloaded,
        "batched_cfg": plan.batched_cfg,
        "phases": [
            {"name": phase.name, "weights": phase.weights, "expected": phase.expected, "safe": phase.safe}
            for phase in plan.phases
        ],
    }
