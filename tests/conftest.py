"""The host's folder, the pack of test nodes, and the limits of parallel test processes."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest

MOST_PROCESSES = 4
# Memory per process in bytes, including models and a started host: without slow tests, and with them.
QUICK_NEEDS, NEEDS = 3e9, 8e9
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    # Torch and OpenMP read this on import. Hosts that tests start inherit it.
    threads = max(1, CORES // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Number of workers for `-n auto`. 0 runs in this process, which is faster than one worker."""
    import psutil

    needs = QUICK_NEEDS if "not slow" in config.option.markexpr else NEEDS
    count = min(CORES, MOST_PROCESSES, int(psutil.virtual_memory().total // needs))
    return count if count > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, treat tests/server as one file, so that only one process starts a host."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/server" if nodeid.startswith("tests/server/") else super()._split_scope(nodeid)

    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of garbage collection: it takes 0.4 s with them, and runs often."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def comfyui() -> Path:
    """The host's folder, from MEND_COMFYUI, which `python dev.py test` sets."""
    folder = os.environ.get("MEND_COMFYUI")
    if not folder or not Path(folder, "main.py").is_file():
        pytest.fail("MEND_COMFYUI has to name a ComfyUI folder. `python dev.py test` sets it.", pytrace=False)
    return Path(folder)


@pytest.fixture(scope="session")
def host_pack() -> Path:
    """Folder of the pack of test nodes, for `extra_packs` of `prepare_base` and `HostProcess`."""
    return Path(__file__).resolve().parent / "host_pack"
