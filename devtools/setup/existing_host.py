"""Check what a person's own ComfyUI and Python lack for dev.py's commands. Nothing is installed or changed."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from devtools.setup.environment import requirement_lines, requirement_name

# Each of these distributions installs the same cv2 module, so any of them is enough.
CV2_FLAVOURS = frozenset(
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
)
SPECIFIER = re.compile(r"(==|>=|<=|~=|!=|>|<)\s*([0-9][0-9.]*)")


def missing_files(comfyui: Path) -> list[str]:
    """Return which of the files that identify a ComfyUI folder are missing."""
    return [name for name in ("main.py", "comfyui_version.py", "requirements.txt") if not (comfyui / name).is_file()]


def lacking(files: Iterable[Path]) -> dict[str, str]:
    """Return the requirements that this interpreter does not meet, each with the reason."""
    found = {}
    for line in (line for file in files for line in requirement_lines(file)):
        name = requirement_name(line)
        version = _installed_version(name)
        if version is None:
            found[line] = "not installed"
        elif not satisfies(version, line):
            found[line] = f"{version} is installed"
    return found


def install_command(requirements: Iterable[str]) -> str:
    """Return the command that installs requirements into this interpreter."""
    return " ".join([f'"{sys.executable}" -m pip install', *(f'"{line}"' for line in requirements)])


def satisfies(version: str, requirement: str) -> bool:
    """Whether a version meets every bound of a requirement. Compares release numbers only: 2.1rc1 counts as 2.1."""
    return all(_meets(version, operator, bound) for operator, bound in SPECIFIER.findall(requirement))


def _meets(version: str, operator: str, bound: str) -> bool:
    have, want = _release(version), _release(bound)
    if operator == "~=":
        fixed = len(want) - 1
        return have >= want and have[:fixed] == want[:fixed]
    length = max(len(have), len(want))
    have, want = (numbers + (0,) * (length - len(numbers)) for numbers in (have, want))
    return {
        "==": have == want,
        "!=": have != want,
        ">=": have >= want,
        "<=": have <= want,
        ">": have > want,
        "<": have < want,
    }[operator]


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in numbers.group().split(".")) if numbers else ()


def _installed_version(name: str) -> str | None:
    for candidate in CV2_FLAVOURS if name in CV2_FLAVOURS else (name,):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
