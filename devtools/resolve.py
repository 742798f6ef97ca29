"""Show that the pinned versions resolve for each supported Python: `python dev.py resolve`.

Asks pip for a plan only; nothing is installed. Fails where a Python cannot be served, or where a package would come
in a version that constraints.txt does not pin.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from devtools.environment import TORCH, Environment, requirement_lines, requirement_name

PYTHONS = ("3.11", "3.12", "3.13")
# torch pins these itself, and they exist for Linux only.
PINNED_BY_TORCH = ("nvidia-", "cuda-", "triton")


def plan(environment: Environment, python: str) -> dict[str, str]:
    """The versions by distribution name that would be installed for a Python version.

    Raises:
        subprocess.CalledProcessError: if pip finds no solution.
    """
    files = environment.requirement_files()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--python-version", python, "--only-binary=:all:", "--target", str(Path(folder, "target"))]
        command += ["--report", str(report), "-c", str(environment.constraints), *TORCH]
        command += [part for file in files for part in ("-r", str(file))]
        subprocess.run(command, check=True, capture_output=True, text=True)
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    metadata = (install["metadata"] for install in installs)
    return {requirement_name(entry["name"]): entry["version"] for entry in metadata}


def main() -> int:
    environment = Environment()
    pins = dict(line.split("==") for line in requirement_lines(environment.constraints))
    pinned = {requirement_name(name) for name in pins}
    failed = False
    for python in PYTHONS:
        try:
            versions = plan(environment, python)
        except subprocess.CalledProcessError as error:
            print(f"Python {python}: no solution\n{error.stderr}")
            failed = True
            continue
        loose = sorted(name for name in versions if name not in pinned and not name.startswith(PINNED_BY_TORCH))
        print(f"Python {python}: {len(versions)} packages, torch {versions['torch']}, numpy {versions['numpy']}")
        if loose:
            print("  not pinned in constraints.txt: " + ", ".join(f"{name}=={versions[name]}" for name in loose))
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
