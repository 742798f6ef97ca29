"""Where the tests find the host, and the pack of nodes that only tests use."""

import os
from pathlib import Path

import pytest


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
