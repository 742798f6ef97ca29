"""The commands of dev.py."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from devtools.hosts.process import HostFailed, HostProcess, has_gpu, place_pack
from devtools.setup import environment as env
from devtools.setup import existing_host
from devtools.setup.environment import ROOT, Environment
from devtools.setup.steps import StepFailed

# Files in devtools/requirements that a command needs besides the host's and the pack's requirements.
DEVELOPER_FILES = {
    "serve": (),
    "demo": ("demo",),
    "test": ("demo", "test"),
    "batch": ("demo", "test"),
    "bench": ("demo", "test"),
    "lint": ("lint",),
}


# The pack's package name for type checking.
PACK = "mend_inpaint"

# Checks the import rules. import-linter does not support `python -m`.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# Runs mend-batch out of the checkout, in the user's folder.
BATCH = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inpaint.batch.__main__ import main; sys.exit(main())"

# Distribute by file: module fixtures are expensive. tests/conftest.py sets the number of processes.
SIDE_BY_SIDE = ("-n", "auto", "--dist", "loadfile")
# The two designs of nodes side by side, each with a host and a browser of its own: tests/web/conftest.py groups them.
BY_DESIGN = ("-n", "auto", "--dist", "loadgroup")
# Running hosts; and equality with diffusers, which is slow and takes seconds to import.
NOT_FAST = ("server", "nodes/parity")


class Refused(Exception):
    """A command cannot run. The message says why and what to do."""


@dataclass(frozen=True)
class Workplace:
    """The interpreter and the host that a command uses."""

    python: Path
    """The interpreter."""
    host: Path
    """ComfyUI's folder."""

    def call(self, *arguments: str | Path, folder: Path = ROOT) -> int:
        """Run the interpreter in `folder`, with MEND_COMFYUI set to the host's folder. Return the exit status."""
        environment = {**os.environ, "MEND_COMFYUI": str(self.host), "PYTHONUTF8": "1"}
        command = [str(part) for part in (self.python, *arguments)]
        process = subprocess.Popen(command, cwd=folder, env=environment)
        try:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    # The child got Ctrl-C too and is cleaning up.
                    continue
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def run(options: argparse.Namespace, extra: list[str]) -> int:
    """Run one command and return its exit status.

    Args:
        options: from dev.py's parser.
        extra: arguments for the program that the command starts.

    Raises:
        Refused: if the command cannot run.
    """
    try:
        if options.command == "clean":
            env.clean(Environment())
            return 0
        return COMMANDS[options.command](workplace(options), options, extra)
    except (StepFailed, HostFailed, env.NoBrowser) as error:
        raise Refused(str(error)) from error


def workplace(options: argparse.Namespace) -> Workplace:
    """Return the private environment, installed or repaired; with --comfyui, that ComfyUI and this interpreter.

    Raises:
        Refused: if that ComfyUI or this interpreter lacks something. The message lists it.
        StepFailed: if the set-up fails.
    """
    if options.comfyui is None:
        environment = Environment()
        env.ensure(environment)
        return Workplace(environment.python, environment.host)
    host = Path(options.comfyui).expanduser().resolve()
    gone = existing_host.missing_files(host)
    if gone:
        raise Refused(f"{host} is not a ComfyUI folder: it has no {', '.join(gone)}.")
    requirements = ROOT / "devtools" / "requirements"
    ours = [requirements / f"{name}.txt" for name in DEVELOPER_FILES[options.command]]
    lacking = existing_host.lacking([host / "requirements.txt", ROOT / "requirements.txt", *ours])
    if lacking:
        lines = [f"For `dev.py {options.command}` on {host}, {sys.executable} lacks:"]
        lines += [f"  {requirement} ({matter})" for requirement, matter in lacking.items()]
        lines += ["Install it with:", "  " + existing_host.install_command(lacking)]
        raise Refused("\n".join(lines))
    return Workplace(Path(sys.executable), host)


def demo(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    arguments = ["-m", "devtools.demo", "--comfyui", str(place.host)]
    for name in ("checkpoint", "image", "mask", "output"):
        value = getattr(options, name)
        if value is not None:
            # Resolve against the user's working directory; the demo runs in the checkout.
            arguments += [f"--{name}", os.path.abspath(Path(value).expanduser())]
    if options.prompt is not None:
        arguments += ["--prompt", options.prompt]
    return place.call(*arguments)


def test(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    if options.web:
        env.ensure_chromium(Environment())
    return place.call("-m", "pytest", *pytest_arguments(options, extra))


def pytest_arguments(options: argparse.Namespace, extra: list[str]) -> list[str]:
    """Build pytest's arguments. User arguments come last, so they override ours."""
    places = [ROOT / argument.split("::")[0] for argument in extra]
    # An argument of -k may also be the name of a folder outside tests/.
    chosen = [place for place in places if place.exists() and place.is_relative_to(ROOT / "tests")]
    ours = ["-m", "not slow"] if options.fast else []
    # No parallel run for a single file: start-up costs more than it saves.
    if not any(place.is_file() for place in chosen):
        ours += BY_DESIGN if options.web else SIDE_BY_SIDE
    if not chosen:
        left_out = ["web", *(NOT_FAST if options.fast else ())]
        ours += ["tests/web"] if options.web else ["tests", *(f"--ignore=tests/{name}" for name in left_out)]
    return [*ours, *extra]


def serve(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    models = Path(options.models).expanduser().resolve() if options.models else None
    host = HostProcess(
        place.host,
        ROOT / ".host" / "base",
        python=place.python,
        cpu=not has_gpu(place.python),
        models=models,
        port=options.port,
        console=True,
    )
    with host:
        print(f"\nComfyUI with Mend: {host.url}  (Ctrl-C stops it)\n", flush=True)
        host.wait()
    return 0


def lint(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    # Check the pack as the host imports it: as a package, from a folder where `nodes` is not the pack's `nodes`.
    folder = ROOT / ".host" / "typing"
    folder.mkdir(parents=True, exist_ok=True)
    place_pack(ROOT, folder / PACK)
    modules = ["-m", PACK, *(word for part in ("host", "inpaint", "nodes") for word in ("-p", f"{PACK}.{part}"))]
    statuses = [
        place.call("-m", "ruff", "check", "."),
        place.call("-m", "ruff", "format", "--check", "."),
        place.call("-m", "mypy"),
        place.call("-m", "mypy", "--config-file", ROOT / "pyproject.toml", *modules, folder=folder),
        place.call("-c", LINT_IMPORTS, "--no-cache", ROOT / "pyproject.toml", folder=folder),
    ]
    return max(statuses)


def bench(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    names = _benchmarks("[!_]*.py") + _benchmarks("fills/[!_]*.py")
    # These need an NVIDIA GPU, so they run only by name.
    on_card = _benchmarks("gpu/[!_]*.py")
    if not names:
        raise Refused("There are no benchmarks yet.")
    if options.name is not None and options.name not in names + on_card:
        raise Refused(f"There is no benchmarks/{options.name}.py; there are: {', '.join(names + on_card)}.")
    chosen = names if options.name is None else [options.name]
    return max([place.call("-m", f"benchmarks.{name.replace('/', '.')}", *extra) for name in chosen], default=0)


def batch(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    # Paths are the user's: the module is found here, and runs there.
    return place.call("-c", BATCH, str(ROOT), *extra, folder=Path.cwd())


def _benchmarks(pattern: str) -> list[str]:
    folder = ROOT / "benchmarks"
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob(pattern))


def resolve(place: Workplace, options: argparse.Namespace, extra: list[str]) -> int:
    return place.call("-m", "devtools.setup.resolve")


COMMANDS = {
    "demo": demo,
    "test": test,
    "serve": serve,
    "lint": lint,
    "batch": batch,
    "bench": bench,
    "resolve": resolve,
}
