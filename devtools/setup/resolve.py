"""Check that the pinned versions resolve for each supported Python and platform: `python dev.py resolve`.

Runs pip without installing anything. Fails if the requirements have no solution for a Python, if a package would come
in a version that constraints.txt does not pin, or if a platform has no wheel of a pinned version.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from devtools.setup.environment import TORCH, Environment, requirement_lines, requirement_name

PYTHONS = ("3.11", "3.12", "3.13")
# pip accepts only the listed tags, so older tags of a platform are listed too.
PLATFORMS = {
    "Windows x86-64": ("win_amd64",),
    "macOS arm64": ("macosx_14_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"),
    "Linux arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
}
# torch pins these itself. They exist for Linux only.
PINNED_BY_TORCH = ("nvidia-", "cuda-", "triton")


class Unsolvable(Exception):
    """pip found no solution. The message is pip's."""


def plan(python: str, *arguments: str | Path) -> dict[str, str]:
    """Return the versions that `pip install` would install for a Python version, by distribution name.

    Raises:
        Unsolvable: if there is no solution.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--python-version", python, "--only-binary=:all:", "--target", str(Path(folder, "target"))]
        command += ["--report", str(report), *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise Unsolvable(result.stderr)
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    metadata = (install["metadata"] for install in installs)
    return {requirement_name(entry["name"]): entry["version"] for entry in metadata}


def check_python(environment: Environment, python: str) -> list[str]:
    """Return packages, as `name==version`, that pip would install on this platform but constraints.txt does not pin."""
    pinned = {requirement_name(line) for line in requirement_lines(environment.constraints)}
    files = [part for file in environment.requirement_files() for part in ("-r", file)]
    versions = plan(python, "-c", environment.constraints, *TORCH, *files)
    loose = (name for name in versions if name not in pinned and not name.startswith(PINNED_BY_TORCH))
    return [f"{name}=={versions[name]}" for name in sorted(loose)]


def main() -> int:
    environment = Environment()
    failures = 0
    for python in PYTHONS:
        try:
            loose = check_python(environment, python)
            print(f"Python {python}: {'not pinned: ' + ', '.join(loose) if loose else 'resolves, all pinned'}")
            failures += bool(loose)
            for platform, tags in PLATFORMS.items():
                where = [part for tag in tags for part in ("--platform", tag)]
                wheels = plan(python, "--no-deps", *where, "-r", environment.constraints)
                print(f"Python {python}, {platform}: a wheel for each of {len(wheels)} pins")
        except Unsolvable as error:
            print(f"Python {python}: no solution\n{error}")
            failures += 1
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
