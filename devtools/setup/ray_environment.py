"""The environment of the tests on a Ray cluster: the development environment, and Ray on top of it."""

from __future__ import annotations

import sys
from pathlib import Path

from devtools.setup.environment import Environment, exclusive
from devtools.setup.steps import Steps

# Ray brings some 500 MB that nothing else needs.
PACKAGES = ("ray[data]==2.60.0", "pandas==3.1.1", "pyarrow==26.0.1")


def ensure_ray(environment: Environment, python: Path) -> Path:
    """Make the environment if it is not there, and return its interpreter.

    Args:
        environment: the checkout's.
        python: the interpreter on whose packages it is built.

    Raises:
        StepFailed: if a step fails.
    """
    folder = environment.state / "ray"
    ours = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "stamp.txt"
    wanted = "\n".join((str(python), *PACKAGES))
    with exclusive(environment.root / ".dev.lock"):
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return ours
        environment.state.mkdir(exist_ok=True)
        steps = Steps(environment.state / "ray.log", 2)
        try:
            steps.run("make .host/ray", lambda steps: steps.command([python, "-m", "venv", "--clear", folder]))
            (_packages(ours) / "base.pth").write_text(f"{_packages(python)}\n", encoding="utf-8")
            pip = [ours, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off"]
            steps.run("install Ray", lambda steps: steps.command([*pip, "-c", environment.constraints, *PACKAGES]))
        finally:
            steps.close()
        stamp.write_text(wanted, encoding="utf-8")
    return ours


def _packages(python: Path) -> Path:
    """Return where an environment's packages are."""
    root = python.parents[1]
    found = [root / "Lib" / "site-packages", *root.glob("lib/python3*/site-packages")]
    return next(path for path in found if path.is_dir())
