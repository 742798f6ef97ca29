"""One process, and the thread that feeds it."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence

from ...core.errors import InpaintError
from ..crew import Crew
from ..engine import Deliver, Outcome
from .choice import ModelChoice
from .job import Job, Made

# Of a look at whether the run was stopped, in seconds.
LOOK_SECONDS = 0.2
# To load a model, from the slowest of disks.
START_SECONDS = 600.0


class Ended(Exception):
    """A process ended, or hangs."""


class Stopped(Exception):
    """The run was stopped."""


class Child:
    """A process that makes pictures.

    Args:
        kind: one of `KINDS`.
        model: what it is to open.
        threads: how many it is to use.
    """

    def __init__(self, kind: str, model: ModelChoice, threads: int) -> None:
        # Not forked: this process has threads.
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, kind, model, threads), daemon=True)
        self._process.start()
        # Held by the child alone, so that its end is seen here.
        other.close()

    def ready(self, crew: Crew) -> None:
        """Wait until its model is loaded.

        Raises:
            InpaintError: if it cannot be.
            Ended: if the process ended.
        """
        if refusal := self._answer(crew, START_SECONDS):
            raise InpaintError(refusal)

    def make(self, jobs: Sequence[Job], crew: Crew, limit: float) -> list[Made]:
        """Make pictures.

        Raises:
            Ended: if the process ended, or takes longer than `limit` seconds.
            Stopped: if the run was stopped.
        """
        try:
            self._connection.send(jobs)
        except OSError:
            raise Ended(self._end()) from None
        return self._answer(crew, limit)

    def _answer(self, crew: Crew, limit: float) -> list[Made]:
        began = time.monotonic()
        while True:
            try:
                if self._connection.poll(LOOK_SECONDS):
                    return self._connection.recv()
            except (EOFError, OSError):
                raise Ended(self._end()) from None
            if crew.stopped:
                raise Stopped
            if time.monotonic() - began > limit:
                raise Ended(f"no end after {limit:.0f} s")

    def _end(self) -> str:
        self._process.join(5)
        code = self._process.exitcode
        hint = ". The system kills processes when memory runs out: fewer --processes need less" if code == -9 else ""
        return f"its process ended with {code}{hint}"

    def close(self) -> None:
        """End it, whatever it does."""
        self._connection.close()
        self._process.kill()
        self._process.join()


def _serve(*arguments: object) -> None:
    # Torch is imported in the child alone.
    from .process import serve

    serve(*arguments)  # type: ignore[arg-type]


class Worker(threading.Thread):
    """Makes pictures in a process until there are no more. A process that ended is started again.

    Args:
        crew: hands out pictures.
        hand: its name there.
        start: starts a process.
        job_of: what a process needs for a picture, by its name.
        at_once: how many pictures it is given at once.
        deliver: takes each outcome that is final. It may make this thread wait.
    """

    def __init__(
        self,
        crew: Crew,
        hand: str,
        start: Callable[[], Child],
        job_of: Callable[[str], Job],
        at_once: int,
        deliver: Deliver,
    ) -> None:
        super().__init__(name=f"mend-batch {hand}", daemon=True)
        self._crew, self._hand, self._start = crew, hand, start
        self._job_of, self._at_once, self._deliver = job_of, at_once, deliver
        self._child: Child | None = None

    def run(self) -> None:
        try:
            while names := self._crew.next_few(self._hand, self._at_once):
                self._make(names)
        finally:
            self._end_child()

    def _make(self, names: list[str]) -> None:
        crew, hand, began = self._crew, self._hand, time.monotonic()
        try:
            if self._child is None:
                self._child = self._start()
                self._child.ready(crew)
            results = self._child.make([self._job_of(name) for name in names], crew, crew.limit(hand) * len(names))
        except Stopped:
            for _ in names:
                crew.dropped()
        except InpaintError as error:  # its model cannot be loaded, now or later
            for name in names:
                crew.gives_up(hand, name, str(error))
        except Ended as error:
            self._end_child()
            for name in names:
                if crew.troubled(hand, name, str(error), blamed=True):
                    self._deliver(Outcome(name, hand, time.monotonic() - began, error=str(error)))
        else:
            for name, made in zip(names, results, strict=True):
                if made.error:
                    crew.dropped()
                else:
                    crew.succeeded(hand, made.seconds)
                self._deliver(Outcome(name, hand, made.seconds, made.data, made.notes, made.error))

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
