"""mend-batch against two real hosts: one is killed, files are odd, results come by file and over the websocket."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from devtools.hosts.process import HostProcess
from devtools.setup.environment import ROOT
from inpaint.batch.__main__ import main
from inpaint.batch.comfyui import worker
from inpaint.batch.comfyui.client import HostClient
from inpaint.batch.comfyui.workflow import RESULT

COUNT = 10


@pytest.fixture(scope="module")
def other(comfyui, tmp_path_factory):
    """A second host, which can send results over the websocket."""
    node = comfyui / "custom_nodes" / "websocket_image_save.py"
    with HostProcess(comfyui, tmp_path_factory.mktemp("other"), extra_packs=[node]) as running:
        yield running


@pytest.fixture
def folder(tmp_path, picture, mask):
    """Pictures with umlauts and spaces, and some that cannot be made."""
    for name in ("my images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(COUNT):
        each = np.asarray(picture).copy()
        each[0, 0] = number
        Image.fromarray(each).save(tmp_path / "my images" / f"bild ü {number}.png")
        mask.save(tmp_path / "masks" / f"bild ü {number}.png")
    picture.save(tmp_path / "my images" / "no mask.png")
    (tmp_path / "my images" / "empty.png").write_bytes(b"")
    mask.save(tmp_path / "masks" / "empty.png")
    picture.save(tmp_path / "my images" / "other size.png")
    mask.resize((40, 400)).save(tmp_path / "masks" / "other size.png")
    return tmp_path


def arguments(folder, *urls, more=()):
    return [
        *("--images", str(folder / "my images"), "--masks", str(folder / "masks"), "--output", str(folder / "out")),
        *("--workflow", "remove", "--host", *urls, *more),
    ]


def records(folder):
    with open(folder / "out" / "mend-batch" / "report.csv", encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def check(folder, mask):
    """Check the results: repainted under the mask, the original's own pixels away from it."""
    hole = np.asarray(mask) > 127
    near = np.asarray(mask.resize((mask.width // 24, mask.height // 24)).resize(mask.size)) > 0
    for number in range(COUNT):
        name = f"bild ü {number}.png"
        before, after = (np.asarray(Image.open(folder / where / name)) for where in ("my images", "out"))
        assert np.array_equal(after[~(hole | near)], before[~(hole | near)])
        assert (after[hole] != before[hole]).any(axis=-1).mean() > 0.5
    states = {name: row["state"] for name, row in records(folder).items()}
    odd = {"no mask.png", "empty.png", "other size.png"}
    assert {name for name, state in states.items() if state == "failed"} == odd
    assert {name for name, state in states.items() if state == "done"} == states.keys() - odd


def test_over_the_websocket_nothing_stays(folder, other, mask):
    assert main(arguments(folder, other.url)) == 1
    check(folder, mask)
    left = {path.parent.name for path in (other.base / "temp").rglob("*.png")}
    assert left <= {"mend-batch", "temp"}
    assert not any(RESULT in path.name or path.name.startswith("ComfyUI") for path in (other.base / "temp").rglob("*"))
    assert not list((other.base / "output").rglob("*.*"))
    assert not list((other.base / "input").rglob("*.png"))


def test_a_host_that_freezes_loses_its_pictures_to_the_other(folder, other, client, mask, monkeypatch):
    monkeypatch.setattr("inpaint.batch.crew.LEAST_LIMIT", 3.0)
    assert other._process is not None
    pid, frozen = other._process.pid, threading.Event()

    def freeze():
        """Freeze the host while it has two pictures: its port still takes connections, and nothing answers."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if sum(map(len, HostClient(other.url).waiting())) == worker.QUEUED:
                os.kill(pid, signal.SIGSTOP)
                frozen.set()
                return
            time.sleep(0.01)

    freezer = threading.Thread(target=freeze)
    freezer.start()
    began = time.monotonic()
    try:
        assert main(arguments(folder, other.url, client.url, more=["--timeout", "8"])) == 1
        assert time.monotonic() - began < 40
    finally:
        freezer.join()
        os.kill(pid, signal.SIGCONT)
    assert frozen.is_set()
    check(folder, mask)
    assert client.url in {row["host"] for row in records(folder).values() if row["state"] == "done"}


def test_a_host_is_killed_and_the_rest_goes_to_the_other(folder, other, client, mask):
    """The last test here, for it ends the second host."""
    assert other._process is not None
    command = [sys.executable, "-m", "inpaint.batch", *arguments(folder, other.url, client.url)]
    batch = subprocess.Popen(command, cwd=ROOT)
    while not list((folder / "out").glob("*.png")):
        assert batch.poll() is None
        time.sleep(0.05)
    os.kill(other._process.pid, signal.SIGKILL)
    assert batch.wait(120) == 1
    check(folder, mask)
    assert client.url in {row["host"] for row in records(folder).values() if row["state"] == "done"}
