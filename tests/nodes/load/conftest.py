"""Which files the host's loaders read."""

import os

import pytest


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """Names of the files that the host's loaders are asked to read, in order."""
    import comfy.utils

    names: list[str] = []
    load = comfy.utils.load_torch_file

    def counted(path, *arguments, **named):
        names.append(os.path.basename(str(path)))
        return load(path, *arguments, **named)

    monkeypatch.setattr(comfy.utils, "load_torch_file", counted)
    return names
