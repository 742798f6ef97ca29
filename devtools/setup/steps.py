"""Run long commands as named steps.

A terminal shows a progress line, other outputs one line per step. A log file gets the whole output.
"""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TAIL_LINES = 20
# `pip --progress-bar raw` prints byte counts several times a second. They are shown as a percentage and not logged.
BYTE_COUNT = re.compile(r"Progress (\d+) of (\d+)")


class CommandFailed(Exception):
    """A command of a step ended with an exit status other than 0."""


class StepFailed(Exception):
    """A step failed. The message names it and ends with the last lines of its log."""


class Steps:
    """Runs named steps one after another.

    Args:
        log: file for the whole output of every command. An existing file is replaced.
        total: number of steps.
    """

    def __init__(self, log: Path, total: int) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._path = log
        self._log = log.open("w", encoding="utf-8")
        self._total = total
        self._number = 0
        self._title = ""
        self._started = 0.0
        self._activity = ""
        self._tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        self._live = sys.stderr.isatty()

    def run(self, title: str, action: Callable[[Steps], object]) -> None:
        """Run one step. `action` receives this object and may call `command`.

        Raises:
            StepFailed: if a command fails, or on an OSError.
        """
        self._number += 1
        self._title = f"[{self._number}/{self._total}] {title}"
        self._started = time.monotonic()
        self._activity = ""
        self._tail.clear()
        self._write_log(f"== {self._title}")
        if not self._live:
            self._print(f"{self._title} ...")
        try:
            action(self)
        except (CommandFailed, OSError) as error:
            lines = "\n".join(f"    {line}" for line in self._tail)
            raise StepFailed(f"{self._title}: failed: {error}\n{lines}\nThe whole log: {self._path}") from error
        self._print(f"{self._title}: {time.monotonic() - self._started:.0f} s")

    def command(self, command: Sequence[str | Path]) -> None:
        """Run a command to its end. Its output goes to the log, and its last line to the terminal.

        Raises:
            CommandFailed: if its exit status is not 0.
        """
        self._write_log("$ " + " ".join(map(str, command)))
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            # The child inherits the set-up's lock, so that a second set-up waits while an orphaned pip still writes.
            close_fds=False,
        )
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(0.2)
                self._paint()
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if status:
            raise CommandFailed(f"exit status {status} of {' '.join(map(str, command[:4]))} ...")

    def close(self) -> None:
        self._log.close()

    def _read(self, output: Sequence[str]) -> None:
        for line in output:
            text = line.strip()
            bytes_done = BYTE_COUNT.fullmatch(text)
            if bytes_done:
                done, size = map(int, bytes_done.groups())
                self._activity = re.sub(r"( \d+%)?$", f" {100 * done // max(size, 1)}%", self._activity)
            elif text:
                self._activity = text
                self._tail.append(text)
                self._write_log(text)

    def _write_log(self, text: str) -> None:
        self._log.write(text + "\n")
        self._log.flush()

    def _paint(self) -> None:
        if self._live:
            self._overwrite(f"{self._title}  {time.monotonic() - self._started:.0f} s  {self._activity}")

    def _print(self, text: str) -> None:
        if self._live:
            self._overwrite("")
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _overwrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r" + text[:width].ljust(width) + "\r")
        sys.stderr.flush()
