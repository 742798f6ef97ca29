"""Where the tests find the host."""

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
