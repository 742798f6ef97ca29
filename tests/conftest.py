"""Where the tests find the host, the pack of nodes that only tests use, and what processes side by side may take."""

import os
from pathlib import Path

import pytest

# A process that holds the host and small models takes up to 5 GB.
MOST_PROCESSES = 4
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    # Torch and OpenMP read it when they are imported, and hosts that tests start inherit it.
    threads = max(1, CORES // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` comes to; a single one would only be a way round."""
    return min(CORES, MOST_PROCESSES) if CORES > 1 else 0


@pytest.fixture(scope="session")
def comfyui() -> Path:
    """The host's folder, as `python dev.py test` gives it in MEND_COMFYUI."""
    folder = os.environ.get("MEND_COMFYUI")
    if not folder or not Path(folder, "main.py").is_file():
        pytest.fail("MEND_COMFYUI has to name a ComfyUI folder. `python dev.py test` sets it.", pytrace=False)
    return Path(folder)


@pytest.fixture(scope="session")
def host_pack() -> Path:
    """A second pack for the host: `prepare_base(..., extra_packs=[host_pack])`, or the same of `HostProcess`."""
    return Path(__file__).resolve().parent / "host_pack"
