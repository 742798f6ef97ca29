"""Answers of routes that read files: within a time, few at once, and in threads, so that the host never waits."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

SECONDS = 5.0
AT_ONCE = 2
# A read that hangs, as on a disconnected network disk, cannot be canceled. Once this many reads hang, new requests are
# refused.
MOST_HUNG = 8
# Requests that wait for their turn. More are refused at once, so that each answer comes within `SECONDS`.
MOST_WAITING = 16
THREAD = "mend-route"
_turns = asyncio.Semaphore(AT_ONCE)
_waiting: set[object] = set()

Answer = tuple[int, dict[str, Any]]
TOO_SLOW: Answer = 503, {"error": "The model's file could not be read in time. Try again."}
BUSY: Answer = 503, {"error": "Busy with other requests. Try again."}
UNREADABLE: Answer = (
    404,
    {"error": "model: expected the name of a readable model file. Choose one that ComfyUI lists."},
)


async def in_bounds(work: Callable[[], Answer]) -> Answer:
    """Return the answer of `work`, which runs in a thread; `BUSY`, `TOO_SLOW`, or `UNREADABLE` if it fails."""
    if len(_waiting) >= MOST_WAITING:
        return BUSY
    me = object()
    _waiting.add(me)
    try:
        return await asyncio.wait_for(_in_turn(me, work), SECONDS)
    except asyncio.TimeoutError:
        return BUSY if me in _waiting else TOO_SLOW
    except Exception as error:
        # Its text may come from a hostile file, so only its kind is logged.
        logging.warning("Mend: no answer, because of %s", type(error).__name__)
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
