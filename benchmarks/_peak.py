"""The most memory that a piece of work holds beside what was there before, as the system counts it. Linux only."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path


def peak_bytes(work: Callable[[], object]) -> int:
    """Run it twice, the first time for what stays for good, and measure the second. What it returns counts."""
    work()
    gc.collect()
    # What was freed goes back to the system, so that taking it again is seen.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    result = work()
    most = _status("VmHWM")
    del result
    return most - before


def _status(name: str) -> int:
    """Bytes, from a line of the process's status in kB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
