"""The route's own rules, without a server: time, and how many at once.

Mutations seen to fail here: three at once; no limit of time.
"""

import asyncio
import threading
import time

import pytest


@pytest.fixture
def route(pack, monkeypatch):
    module = pack("nodes.estimate_route")
    module._threads.cache_clear()
    yield module
    module._threads().shutdown()
    module._threads.cache_clear()


def test_a_slow_disk_is_given_up_on(route, monkeypatch):
    let_go = threading.Event()
    monkeypatch.setattr(route, "SECONDS", 0.1)
    monkeypatch.setattr(route, "_plan", lambda *asked: let_go.wait(10))
    began = time.perf_counter()
    status, body = asyncio.run(route.answer({"model": "a"}))
    let_go.set()
    assert (status, "in time" in body["error"]) == (503, True)
    assert time.perf_counter() - began < 5


def test_two_at_once_and_the_loop_goes_on(route, monkeypatch):
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
