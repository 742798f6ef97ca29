"""What a person sees while pictures are made: how many, how fast, how long, what each host does."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from .crew import Crew

# Between lines where the output is no terminal, such as a log.
LOG_SECONDS = 30.0


class Progress:
    """A bar in a terminal, now and then a line elsewhere, as a context manager."""

    def __init__(self, total: int, crew: Crew) -> None:
        self._crew = crew
        self._failed = 0
        terminal = sys.stderr.isatty()
        interval = 0.2 if terminal else LOG_SECONDS
        self._bar = tqdm(total=total, unit="picture", dynamic_ncols=True, mininterval=interval, smoothing=0.05)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.set_postfix_str(self._hosts(), refresh=False)
        self._bar.close()

    def step(self, failed: bool) -> None:
        """One more picture is done, or has failed."""
        self._failed += failed
        self._bar.set_postfix_str(self._hosts(), refresh=False)
        self._bar.update()

    def look(self) -> None:
        """Show what the hosts do now."""
        self._bar.set_postfix_str(self._hosts(), refresh=sys.stderr.isatty())

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.write(line, file=sys.stderr)

    def _hosts(self) -> str:
        states = []
        for url, host in self._crew.hosts.items():
            rest = f" {max(host.until - time.monotonic(), 0):.0f} s" if host.state == "rests" else ""
            trouble = f", {host.state}{rest}" if host.trouble else ""
            states.append(f"{url.rpartition('://')[2]} {host.done} done{trouble}")
        return "; ".join([*([f"{self._failed} failed"] if self._failed else []), *states])
