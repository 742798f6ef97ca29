"""GET /mend/estimate: the memory plan as JSON, for the canvas and for programs.

Query: model (a name that the host lists), width, height, batch_size, gpu (an option of the node Estimate VRAM). Unknown
and unreadable models get the same answer, without a path, so that a client cannot probe the disk. An answer comes
within `SECONDS`, also if many ask at once.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ... import host
from ...host.planning import HERE, model_path, plan_for
from ...inpaint.core.errors import InpaintError
from ...inpaint.vram.cards import CARDS
from ...inpaint.vram.memory_plan import Job, Plan
from ...inpaint.vram.report import sentences

PATH = "/mend/estimate"
SECONDS = 5.0
AT_ONCE = 2
# A read that hangs, as on a disconnected network disk, cannot be canceled. Once this many reads hang, new requests are
# refused.
MOST_HUNG = 8
# Requests that wait for their turn. More are refused at once, so that each answer comes within `SECONDS`.
MOST_WAITING = 16
THREAD = "mend-estimate"
_turns = asyncio.Semaphore(AT_ONCE)
_waiting: set[object] = set()
# Minimum, maximum and default.
NUMBERS = {"width": (64, 16384, 1024), "height": (64, 16384, 1024), "batch_size": (1, 64, 1)}

Answer = tuple[int, dict[str, Any]]
TOO_SLOW: Answer = 503, {"error": "The model's file could not be read in time. Try again."}
BUSY: Answer = 503, {"error": "Busy with other requests for an estimate. Try again."}
UNREADABLE: Answer = (
    404,
    {"error": "model: expected the name of a readable model file. Choose one that ComfyUI lists."},
)


def register() -> None:
    host.add_get_route(PATH, answer)


async def answer(query: Mapping[str, str]) -> Answer:
    """Return status and body. Files are read in threads, at most `AT_ONCE` at a time."""
    try:
        numbers = {name: _number(name, query) for name in NUMBERS}
    except ValueError as error:
        return 400, {"error": str(error)}
    gpu = query.get("gpu", HERE)
    if gpu not in (HERE, *CARDS):
        return 400, {"error": f"gpu: expected one of {', '.join((HERE, *CARDS))}."}
    job = Job(numbers["width"], numbers["height"], numbers["batch_size"])
    if len(_waiting) >= MOST_WAITING:
        return BUSY
    me = object()
    _waiting.add(me)
    try:
        return await asyncio.wait_for(_in_turn(me, lambda: _plan(query.get("model", ""), job, gpu)), SECONDS)
    except asyncio.TimeoutError:
        return BUSY if me in _waiting else TOO_SLOW
    except Exception as error:
        # Its text may come from a hostile file, so only its kind is logged.
        logging.warning("Mend: no estimate, because of %s", type(error).__name__)
        return UNREADABLE
    finally:
        _waiting.discard(me)


async def _in_turn(me: object, work: Callable[[], Answer]) -> Answer:
    async with _turns:
        _waiting.discard(me)
        if sum(thread.name == THREAD for thread in threading.enumerate()) >= MOST_HUNG:
            return TOO_SLOW
        future: Future[Answer] = Future()
        # A daemon thread does not keep the host from exiting.
        threading.Thread(target=_settle, args=(future, work), name=THREAD, daemon=True).start()
        return await asyncio.wrap_future(future)


def _settle(future: "Future[Answer]", work: Callable[[], Answer]) -> None:
    """Run `work` and hand its result or exception to the future."""
    future.set_running_or_notify_cancel()
    try:
        result = work()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _number(name: str, query: Mapping[str, str]) -> int:
    least, most, default = NUMBERS[name]
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) <= 6 and least <= int(given) <= most):
        raise ValueError(f"{name}: expected a whole number from {least} to {most}.")
    return int(given)


def _plan(model: str, job: Job, gpu: str) -> Answer:
    try:
        plan = plan_for(model_path(model), job, gpu)
    except (InpaintError, OSError):
        return UNREADABLE
    return 200, _body(plan)


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
