"""Measure how much a piece of work raises the process's peak memory (RSS). Linux only."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

# M_MMAP_THRESHOLD of glibc's malloc.h.
MMAP_THRESHOLD = -3


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the peak bytes of the work's second run, result included. The first run fills caches."""
    libc = ctypes.CDLL(None)
    # With a low threshold, freed memory returns to the system at once, so only live memory counts. Afterwards the
    # threshold is set to the value that glibc's allocator adapts to by itself.
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
    """Return the bytes of a field of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
