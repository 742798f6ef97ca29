"""The rules of routes that read files, by the one that estimates, without a server: time, and how many at once.

Mutations seen to fail here: three at once; no limit of time; hung reads that keep their turn; no end to them; threads
that keep the host from ending.
"""

import asyncio
import threading
import time

import pytest


@pytest.fixture
def route(pack):
    return pack("nodes.load.estimate_route")


@pytest.fixture(autouse=True)
def bounds(pack, monkeypatch):
    """What bounds the answers of this route and of others."""
    module = pack("nodes.shared.bounded_routes")
    monkeypatch.setattr(module, "_turns", asyncio.Semaphore(module.AT_ONCE))
    return module


def test_a_slow_disk_is_given_up_on(route, bounds, monkeypatch):
    let_go, read = threading.Event(), threading.Event()
    monkeypatch.setattr(bounds, "SECONDS", 0.1)
    monkeypatch.setattr(route, "_plan", lambda *asked: let_go.wait(60) and read.set())
    status, body = asyncio.run(route.answer({"model": "a"}))
    assert (status, "in time" in body["error"], read.is_set()) == (503, True, False)
    let_go.set()


def test_two_at_once_and_the_loop_goes_on(route, bounds, monkeypatch):
    running, most, ticks = [], [], []

    def plan(*asked):
        running.append(1)
        most.append(len(running))
        time.sleep(0.05)
        running.pop()
        return 200, {}

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0.005)

    async def ask():
        ticking = asyncio.create_task(tick())
        answers = await asyncio.gather(*(route.answer({"model": "a"}) for _ in range(8)))
        ticking.cancel()
        return answers

    monkeypatch.setattr(route, "_plan", plan)
    assert asyncio.run(ask()) == [(200, {})] * 8
    assert max(most) == 2
    assert len(ticks) > 8


def test_reads_that_hang_stop_no_others_until_there_are_too_many(route, bounds, monkeypatch):
    let_go, asked = threading.Event(), []

    def plan(model, *asked_for):
        asked.append(model)
        if model == "hangs":
            let_go.wait(30)
        return 200, {}

    async def ask(model, count):
        return [(await answer)[0] for answer in [route.answer({"model": model}) for _ in range(count)]]

    async def go():
        batched_cfg = await asyncio.gather(*(route.answer({"model": "hangs"}) for _ in range(2)))
        first = [status for status, _ in batched_cfg] + await ask("fine", 3)
        more = await ask("hangs", bounds.MOST_HUNG - 2)
        return first, more, await ask("fine", 1)

    monkeypatch.setattr(bounds, "SECONDS", 0.1)
    monkeypatch.setattr(route, "_plan", plan)
    try:
        first, more, after = asyncio.run(go())
        assert first == [503, 503, 200, 200, 200]
        assert set(more) == {503}
        assert (after, asked.count("hangs")) == ([503], bounds.MOST_HUNG), "nothing more is read"
        hung = [thread for thread in threading.enumerate() if thread.name == bounds.THREAD]
        assert len(hung) == bounds.MOST_HUNG
        assert all(thread.daemon for thread in hung)
    finally:
        let_go.set()
    for thread in hung:
        thread.join(5)
    assert asyncio.run(ask("fine", 1)) == [200], "they came back"


def test_an_error_that_nobody_thought_of_gets_the_one_answer(route, bounds, monkeypatch, caplog):
    """Only its kind is logged: its text may come from a hostile file."""

    def fail(*asked):
        raise RuntimeError("\ud800 of the file")

    monkeypatch.setattr(route, "_plan", fail)
    assert asyncio.run(route.answer({"model": "a"})) == bounds.UNREADABLE
    assert caplog.messages == ["Mend: no answer, because of RuntimeError"]


def test_a_crowd_is_answered_in_time(route, bounds, monkeypatch):
    """As many as can wait are read or told that it was busy; the rest are told at once."""
    monkeypatch.setattr(bounds, "SECONDS", 0.3)
    monkeypatch.setattr(route, "_plan", lambda *asked: time.sleep(0.1) or (200, {}))

    async def go():
        began = time.monotonic()
        answers = await asyncio.gather(*(route.answer({"model": "a"}) for _ in range(500)))
        return answers, time.monotonic() - began

    answers, seconds = asyncio.run(go())
    assert seconds < 5
    read = sum(answer == (200, {}) for answer in answers)
    assert bounds.AT_ONCE <= read <= bounds.MOST_WAITING
    assert sum(answer == bounds.BUSY for answer in answers) >= 500 - bounds.MOST_WAITING - bounds.AT_ONCE
    assert set(map(str, answers)) <= {str((200, {})), str(bounds.BUSY), str(bounds.TOO_SLOW)}
