"""Which host gets which picture, and what becomes of pictures and hosts that fail."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

# A host that hangs: no end after this many times the median of its own seconds, at least LEAST_LIMIT. A prompt may wait
# for the one before it, which counts.
PATIENCE_FACTOR, LEAST_LIMIT = 8.0, 60.0
# Seconds for which a host that made trouble rests, doubled so often; then it is given up, if no other works.
FIRST_REST, RESTS = 2.0, 6
# A picture that failed on so many hosts is marked as failed.
FAILING_HOSTS = 2
# Of its latest pictures a host's median is made.
REMEMBERED = 50


@dataclass
class HostState:
    """What is known of one host."""

    url: str
    """Its address."""
    state: Literal["works", "rests", "is given up"] = "works"
    """What it does."""
    done: int = 0
    """Pictures it has made."""
    trouble: str = ""
    """What went wrong with it last."""
    rests: int = 0
    """How often it rested since its last success."""
    until: float = 0.0
    """When its rest ends, by `time.monotonic()`."""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """How long its latest pictures took."""


class Crew:
    """Hands out pictures to hosts. All methods may be called by any thread.

    Args:
        urls: the hosts.
        names: the pictures, in order.
        retry: how often a picture that failed is tried again where there is one host.
        first_limit: seconds after which a host hangs that has made nothing yet.
    """

    def __init__(self, urls: Sequence[str], names: Sequence[str], retry: int = 1, first_limit: float = 900.0) -> None:
        self.hosts = {url: HostState(url) for url in urls}
        self._waiting = deque(names)
        self._failures: dict[str, list[str]] = {}
        self._retry, self._first_limit = retry, first_limit
        self._running = 0
        self._stopped_at: float | None = None
        self._changed = threading.Condition()

    @property
    def stopped(self) -> bool:
        return self._stopped_at is not None

    def stopped_for(self, seconds: float) -> bool:
        """Whether it was stopped so long ago."""
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > seconds

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            if self._stopped_at is None:
                self._stopped_at = time.monotonic()
            self._changed.notify_all()

    def next(self, url: str) -> str | None:
        """Wait for a picture for a host, and return its name. None: there will be none."""
        host = self.hosts[url]
        with self._changed:
            while True:
                if self.stopped or host.state == "is given up" or not (self._waiting or self._running):
                    return None
                rest = host.until - time.monotonic() if host.state == "rests" else 0.0
                if rest <= 0 and (name := self._take(url)):
                    self._running += 1
                    return name
                self._changed.wait(rest if rest > 0 else None)

    def next_few(self, url: str, most: int) -> list[str]:
        """Wait for a picture, and take others that wait with it. None at all: there will be none.

        One that failed before comes alone, so that others do not fail with it again.
        """
        first = self.next(url)
        if first is None:
            return []
        with self._changed:
            if first in self._failures:
                return [first]
            more = [name for name in self._waiting if name not in self._failures][: most - 1]
            for name in more:
                self._waiting.remove(name)
            self._running += len(more)
        return [first, *more]

    def _take(self, url: str) -> str | None:
        """Take the first picture that did not fail here, or that no other host can take."""
        others = any(other != url and host.state != "is given up" for other, host in self.hosts.items())
        for name in self._waiting:
            if not others or url not in self._failures.get(name, ()):
                self._waiting.remove(name)
                return name
        return None

    def limit(self, url: str) -> float:
        """Return the seconds after which a host hangs."""
        seconds = self.hosts[url].seconds
        if not seconds:
            return self._first_limit
        return max(PATIENCE_FACTOR * statistics.median(seconds), LEAST_LIMIT)

    def succeeded(self, url: str, seconds: float) -> None:
        """A host has made a picture."""
        with self._changed:
            host = self.hosts[url]
            host.state, host.rests, host.trouble = "works", 0, ""
            host.done += 1
            host.seconds.append(seconds)
            self._running -= 1
            self._changed.notify_all()

    def dropped(self) -> None:
        """A picture is not to be tried again: it cannot be read, or the run was stopped."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def failed(self, url: str, name: str) -> bool:
        """A picture failed on a host that works. Returns whether it is to be marked as failed, or tried again."""
        with self._changed:
            final = self._note_failure(url, name)
            self._running -= 1
            self._changed.notify_all()
            return final

    def troubled(self, url: str, name: str, trouble: str, blamed: bool) -> bool:
        """A host died, hangs or answers nonsense. It rests. Returns what `failed` does.

        Args:
            url: the host.
            name: what it should have made.
            trouble: what happened.
            blamed: whether it may be the picture that ended it. If not, the picture is tried again in any case.
        """
        with self._changed:
            host = self.hosts[url]
            host.trouble = trouble
            # What else it had at that moment fails with it: one rest for all.
            if time.monotonic() >= host.until:
                host.rests += 1
                # As long as others work, it may come back.
                others = any(other.state == "works" for other in self.hosts.values() if other is not host)
                host.state = "rests" if host.rests <= RESTS or others else "is given up"
                host.until = time.monotonic() + FIRST_REST * 2 ** (min(host.rests, RESTS) - 1)
            final = blamed and self._note_failure(url, name)
            if not blamed:
                self._waiting.appendleft(name)
            self._running -= 1
            self._changed.notify_all()
            return final

    def gives_up(self, url: str, name: str, trouble: str) -> None:
        """A host cannot make this picture, nor any other."""
        with self._changed:
            host = self.hosts[url]
            host.state, host.trouble = "is given up", trouble
            self._waiting.appendleft(name)
            self._running -= 1
            self._changed.notify_all()

    def _note_failure(self, url: str, name: str) -> bool:
        """Return whether a picture has failed for good. If not, it waits again."""
        failures = self._failures.setdefault(name, [])
        failures.append(url)
        untried = any(other not in failures and host.state != "is given up" for other, host in self.hosts.items())
        if len(set(failures)) >= FAILING_HOSTS or (not untried and len(failures) > self._retry):
            return True
        self._waiting.append(name)
        return False

    @property
    def left(self) -> int:
        """Number of pictures that wait."""
        with self._changed:
            return len(self._waiting)
