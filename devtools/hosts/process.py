"""A ComfyUI server as a context manager. It runs with its own base directory, so the host's folder is never written."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devtools.setup.environment import ROOT

PACK_NAME = "mend-inpaint"
# ComfyUI's model folders, and `inpaint`, which inpainting packs share.
MODEL_FOLDERS = (
    *("checkpoints", "clip", "clip_vision", "controlnet", "diffusion_models", "embeddings", "inpaint", "loras"),
    *("style_models", "text_encoders", "unet", "upscale_models", "vae", "vae_approx"),
)
NOT_COPIED = (".*", "demo-output", "test-output", "__pycache__")
# No requests to model hubs, no usage reports, UTF-8 on every platform.
ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
}
LOG_TAIL_LINES = 40


class HostFailed(Exception):
    """The host ended, or did not answer in time. The message ends with the last lines of its log."""


class HostProcess:
    """A running ComfyUI with the pack: `with HostProcess(host, base) as running: running.url`.

    Args:
        comfyui: folder of the host (its main.py).
        base: base directory of this run (custom_nodes, models, input, output, user, temp). Created if missing.
        pack: folder of the pack; None runs the host without it.
        pack_name: the pack's folder name under custom_nodes.
        extra_packs: more custom node folders, placed under their own names.
        cpu: run on the CPU. If False, the host needs a GPU that its torch supports.
        models: an additional models folder with checkpoints, vae, loras, ...
        port: the port to listen on; None chooses a free one.
        arguments: additional command-line arguments of the host.
        python: the interpreter that has the host's requirements.
        console: print the host's output to the console instead of the file `log`, which each start replaces.
        environment: additional environment variables of the host.
        start_timeout: seconds to wait for the host's first answer.
    """

    def __init__(
        self,
        comfyui: Path,
        base: Path,
        *,
        pack: Path | None = ROOT,
        pack_name: str = PACK_NAME,
        extra_packs: Sequence[Path] = (),
        cpu: bool = True,
        models: Path | None = None,
        port: int | None = None,
        arguments: Sequence[str] = (),
        python: Path | str = sys.executable,
        console: bool = False,
        environment: Mapping[str, str] | None = None,
        start_timeout: float = 180,
    ) -> None:
        self.comfyui = comfyui
        self.base = base
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = base / "host.log"
        self._console = console
        self._environment = {**os.environ, **ENVIRONMENT, **(environment or {})}
        self._start_timeout = start_timeout
        self._process: subprocess.Popen | None = None
        self._pack, self._pack_name, self._extra_packs, self._models = pack, pack_name, extra_packs, models
        self._command = [str(python), "main.py", "--base-directory", str(base), "--port", str(self.port)]
        self._command += ["--database-url", "sqlite:///:memory:", "--disable-api-nodes", "--disable-auto-launch"]
        # The host's default attention on the CPU takes five times as long.
        self._command += [*(["--cpu", "--use-pytorch-cross-attention"] if cpu else []), *arguments]

    def __enter__(self) -> HostProcess:
        """Start the host. Returns when it answers.

        Raises:
            HostFailed: if the host ends or does not answer in time, or if another program uses the port.
        """
        if _is_listening(self.port):
            raise HostFailed(f"Another program listens on port {self.port}. Choose another port.")
        prepare_base(self.base, self._pack, self._extra_packs, name=self._pack_name)
        command = list(self._command)
        if self._models is not None:
            config = self.base / "extra_model_paths.yaml"
            config.write_text(extra_model_paths(self._models), encoding="utf-8")
            command += ["--extra-model-paths-config", str(config)]
        output = None if self._console else self.log.open("wb")
        try:
            self._process = subprocess.Popen(
                command,
                cwd=self.comfyui,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
            )
        finally:
            if output:
                output.close()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_text(self) -> str:
        """Return the host's output so far. Empty if it goes to the console."""
        return "" if self._console else self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait until the host ends by itself or by Ctrl-C."""
        if self._process is not None:
            with contextlib.suppress(KeyboardInterrupt):
                self._process.wait()

    def stop(self, patience: float = 10) -> None:
        """Terminate the host, and kill it if it has not ended after `patience` seconds."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._start_timeout
        while not _answers(f"{self.url}/system_stats"):
            status = self._process.poll()
            if status is not None:
                raise HostFailed(f"ComfyUI ended with exit status {status} before it answered.{self._log_tail()}")
            if time.monotonic() > deadline:
                raise HostFailed(f"ComfyUI did not answer within {self._start_timeout:.0f} s.{self._log_tail()}")
            time.sleep(0.2)

    def _log_tail(self) -> str:
        lines = self.log_text().splitlines()[-LOG_TAIL_LINES:]
        return "\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


def prepare_base(base: Path, pack: Path | None, extra_packs: Sequence[Path] = (), name: str = PACK_NAME) -> None:
    """Create the folders of a base directory and place the packs under its custom_nodes.

    Args:
        base: the base directory. Existing files stay.
        pack: the folder that appears as `custom_nodes/<name>`; None for none.
        extra_packs: folders that appear under their own names.
        name: the pack's folder name under custom_nodes.
    """
    for folder in ("custom_nodes", "input", "output", "user", "temp", *(f"models/{kind}" for kind in MODEL_FOLDERS)):
        (base / folder).mkdir(parents=True, exist_ok=True)
    if pack is not None:
        place_pack(pack, base / "custom_nodes" / name)
    for extra in extra_packs:
        place_pack(extra, base / "custom_nodes" / extra.name)


def link_by_symlink(source: Path, target: Path) -> None:
    target.symlink_to(source, target_is_directory=True)


def link_by_junction(source: Path, target: Path) -> None:
    """Make a junction: Windows' directory link, which needs no privilege. Raises OSError on other systems."""
    if os.name != "nt":
        raise OSError("junctions exist on Windows only")
    if subprocess.call(["cmd", "/c", "mklink", "/J", str(target), str(source)], stdout=subprocess.DEVNULL):
        raise OSError(f"mklink /J {target} {source} failed")


def copy_pack(source: Path, target: Path) -> None:
    """Copy the pack without the files that dev.py and git keep in its folder."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_COPIED))


PLACINGS: tuple[Callable[[Path, Path], None], ...] = (link_by_symlink, link_by_junction, copy_pack)


def place_pack(source: Path, target: Path, placings: Sequence[Callable[[Path, Path], None]] = PLACINGS) -> None:
    """Make `source` appear as `target`, replacing what an earlier run placed there.

    Args:
        source: an existing folder.
        target: a path whose parent exists.
        placings: functions to try in order. The first that raises no OSError is used.

    Raises:
        OSError: if all fail.
    """
    if target.is_symlink() and target.resolve() == source.resolve():
        return
    _unplace(target)
    *preferred, last = placings
    for place in preferred:
        try:
            return place(source.resolve(), target)
        except OSError:
            continue
    last(source.resolve(), target)


def extra_model_paths(folder: Path) -> str:
    """Return the text of an extra-paths file. A models folder without ComfyUI's subfolders counts as `checkpoints`."""
    kinds = [kind for kind in MODEL_FOLDERS if (folder / kind).is_dir()]
    paths = {kind: folder / kind for kind in kinds} or {"checkpoints": folder}
    # A JSON string is also a YAML string, whatever characters the path has.
    lines = [f"  {kind}: {json.dumps(str(path.resolve()), ensure_ascii=False)}" for kind, path in paths.items()]
    return "\n".join(["mend:", *lines]) + "\n"


def has_gpu(python: Path | str = sys.executable) -> bool:
    """Whether an interpreter's torch finds a GPU that the host can use."""
    question = "import torch; raise SystemExit(not (torch.cuda.is_available() or torch.backends.mps.is_available()))"
    return subprocess.call([str(python), "-c", question], stderr=subprocess.DEVNULL) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _unplace(target: Path) -> None:
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        try:
            # Removes a junction but not its target. A copy is not empty, so rmtree has to remove it.
            target.rmdir()
        except OSError:
            shutil.rmtree(target)


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
