"""The files that name packages agree with each other, and what the pack asks for moves nothing in a host.

Mutations seen to be caught: `numpy<2` or diffusers added to requirements.txt; a pin removed; an index named in a
requirements file.
"""

import json
import subprocess
import sys
import tomllib

import pytest

from devtools.setup.environment import (
    HOST_EXTRAS,
    ROOT,
    TORCH,
    TORCHAUDIO,
    Environment,
    requirement_lines,
    requirement_name,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = Environment()
OURS = [ENVIRONMENT.requirements / name for name in ("demo.txt", "test.txt", "lint.txt")]


def test_the_packs_requirements_change_nothing_in_the_hosts_environment(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--quiet", "--report", report]
    result = subprocess.run([*command, "-r", ROOT / "requirements.txt"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    changes = [install["metadata"]["name"] for install in json.loads(report.read_text())["install"]]
    assert changes == []


def test_pyproject_and_requirements_ask_for_the_same():
    assert PROJECT["dependencies"] == requirement_lines(ROOT / "requirements.txt")


def test_the_developers_extra_is_what_dev_installs():
    assert sorted(PROJECT["optional-dependencies"]["dev"]) == sorted(
        line for file in OURS for line in requirement_lines(file)
    )


def test_everything_that_is_asked_for_is_pinned(comfyui):
    pins = requirement_lines(ENVIRONMENT.constraints)
    assert all(line.count("==") == 1 for line in pins)
    files = [ROOT / "requirements.txt", *OURS]
    # A host given by --comfyui brings packages of its own, which dev.py does not install.
    if '"0.3.75"' in (comfyui / "comfyui_version.py").read_text(encoding="utf-8"):
        files.append(comfyui / "requirements.txt")
    asked = {requirement_name(line) for file in files for line in requirement_lines(file)}
    assert asked | {*TORCH, TORCHAUDIO, *HOST_EXTRAS, "pip"} <= {requirement_name(line) for line in pins}


@pytest.mark.parametrize(
    "file", [*ENVIRONMENT.requirements.glob("*.txt"), ROOT / "requirements.txt"], ids=lambda f: f.name
)
def test_no_file_names_a_package_index(file):
    text = file.read_text(encoding="utf-8")
    assert "://" not in text
    assert not any(option in text for option in ("index-url", "find-links", "trusted-host"))
