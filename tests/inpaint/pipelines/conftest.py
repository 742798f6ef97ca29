"""A small model in diffusers' layout, opened once."""

from pathlib import Path

import pytest
import torch

from devtools.models.diffusers_folder import write_sd15
from inpaint.pipelines import Choice, Opened, open_pipeline


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return write_sd15(tmp_path_factory.mktemp("diffusers") / "sd15-inpainting")


@pytest.fixture(scope="session")
def opened(folder) -> Opened:
    return open_pipeline(Choice(folder), torch.device("cpu"))
