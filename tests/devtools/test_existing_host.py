"""What a person's own host and Python lack.

Mutations seen to be caught: `~=2.0` read as `>=2.0`; versions compared as text; one flavour of cv2 insisted on.
"""

import argparse
import importlib.metadata
import sys

import pytest

from devtools import commands
from devtools.setup import existing_host


@pytest.mark.parametrize(
    ("version", "requirement", "expected"),
    [
        ("1.9", "a>=1.10", False),
        ("1.10.0", "a>=1.10", True),
        ("2.14", "a~=2.0", True),
        ("3.0", "a~=2.0", False),
        ("1.32.9", "a==1.32.9", True),
        ("1.32.10", "a==1.32.9", False),
        ("2.14.1+cpu", "a>=2.0,<3", True),
        ("3.0.0", "a>=2.0,<3", False),
        ("2.0", "a!=2.0.0", False),
        ("0.1", "a", True),
    ],
)
def test_versions_are_compared_by_number(version, requirement, expected):
    assert existing_host.satisfies(version, requirement) is expected


@pytest.fixture
def requirements(tmp_path):
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    files[0].write_text("no-such-package-a\npytest>=1 # the runner\npytest<1\n")
    files[1].write_text("--no-index\nno-such-package-b==1\n")
    return files


def test_everything_lacking_is_listed(requirements):
    assert existing_host.lacking(requirements) == {
        "no-such-package-a": "not installed",
        "pytest<1": f"{pytest.__version__} is installed",
        "no-such-package-b==1": "not installed",
    }


def test_any_flavour_of_cv2_serves(tmp_path, monkeypatch):
    def version(name):
        if name == "opencv-contrib-python":
            return "4.9"
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", version)
    (tmp_path / "ours.txt").write_text("opencv-python-headless\nopencv-else\n")
    assert existing_host.lacking([tmp_path / "ours.txt"]) == {"opencv-else": "not installed"}


def test_a_folder_that_is_no_host_is_refused(tmp_path):
    (tmp_path / "main.py").write_text("")
    with pytest.raises(commands.Refused, match=r"it has no comfyui_version\.py, requirements\.txt\."):
        commands.workplace(argparse.Namespace(command="serve", comfyui=str(tmp_path)))


def test_a_lacking_host_is_refused_with_the_command_that_helps(tmp_path):
    for name in ("main.py", "comfyui_version.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "requirements.txt").write_text("no-such-package>=1\n")
    with pytest.raises(commands.Refused) as refused:
        commands.workplace(argparse.Namespace(command="serve", comfyui=str(tmp_path)))
    assert "no-such-package>=1 (not installed)" in str(refused.value)
    assert f'"{sys.executable}" -m pip install "no-such-package>=1"' in str(refused.value)
