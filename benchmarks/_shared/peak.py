"""The most memory that a piece of work holds beside what was there before, as the system counts it. Linux only."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

# The number of malloc's setting, in glibc's malloc.h.
MMAP_THRESHOLD = -3


def peak_bytes(work: Callable[[], object]) -> int:
    """Run it twice, the first time for what stays for good, and measure the second. What it returns counts."""
    libc = ctypes.CDLL(None)
    # What is freed goes back to the system at once, so that only what is held counts; later as the allocator ends up
    # having it by itself.
    libc.mallopt(MMAP_THRESHOLD, 2**20)
    work()
    gc.collect()
    libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    result = work()
    most = _status("VmHWM")
    libc.mallopt(MMAP_THRESHOLD, 2**25)
    del result
    return most - before


def _status(name: str) -> int:
    """Bytes, from a line of the process's status in kB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
