"""Runs on a local Ray cluster of two workers with a small object store: workers and the command are killed, a picture
ends its worker. `python dev.py test --ray` runs them, in an environment of their own.
"""

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import psutil
import pytest
from PIL import Image

from devtools.setup.environment import ROOT
from inpaint.batch.__main__ import main

SIZE = (48, 32)
STORE = 80 * 2**20
# How Ray names the process of an actor of the stream.
ACTOR = "MapWorker"
HARMONIC = ("--set", "method=harmonic")


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    running = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    )
    for _ in range(2):
        running.add_node(num_cpus=1, object_store_memory=STORE)
    running.wait_for_nodes()
    yield running.address
    import ray

    ray.shutdown()
    running.shutdown()


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def pictures(folder, count):
    for name in ("images", "masks"):
        (folder / name).mkdir(exist_ok=True)
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[10:20, 16:30] = 255
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    for number in range(count):
        pixels = np.stack([rows * 4 + number % 100, columns * 3, rows + columns + number // 100], axis=2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{number:05}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:05}.png")


def arguments(folder, address, *more, actors="1:2"):
    places = ("--images", str(folder / "images"), "--masks", str(folder / "masks"), "--output", str(folder / "out"))
    return [*places, "--engine", "ray", "--address", address, "--actors", actors, *map(str, more)]


def states(folder):
    with contextlib.closing(sqlite3.connect(folder / "out" / "mend-batch" / "manifest.sqlite")) as base:
        return Counter(state for (state,) in base.execute("SELECT state FROM pictures"))


def made(folder):
    return len(list((folder / "out").glob("*.png")))


def actors():
    """Return the processes of actors."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(ACTOR in part for part in process.info["cmdline"] or ()):
            found.append(process)
    return found


def test_2000_pictures_in_flat_memory(folder, cluster):
    pictures(folder, 2000)
    used = {}

    def watch():
        while len(used) < 2:
            count = made(folder)
            if count > 200:
                used.setdefault("few", psutil.Process().memory_info().rss)
            if count > 1900:
                used.setdefault("many", psutil.Process().memory_info().rss)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    assert main(arguments(folder, cluster, *HARMONIC, "--batch", 8)) == 0
    watcher.join(10)
    assert states(folder) == {"done": 2000}
    assert made(folder) == 2000
    assert used["many"] - used["few"] < 60 * 2**20


def test_a_worker_that_is_killed_loses_nothing(folder, cluster):
    pictures(folder, 80)
    killed = []

    def kill():
        deadline = time.monotonic() + 120
        while len(killed) < 2 and time.monotonic() < deadline:
            if made(folder) >= 10 * (len(killed) + 1) and (running := actors()):
                running[0].kill()
                killed.append(running[0].pid)
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    assert main(arguments(folder, cluster)) == 0
    killer.join()
    assert len(killed) == 2
    assert states(folder) == {"done": 80}


def test_the_command_is_killed_and_resumed(folder, cluster):
    pictures(folder, 80)
    command = [sys.executable, "-m", "inpaint.batch", *arguments(folder, cluster)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while made(folder) < 10:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert main([*command[3:], "--resume"]) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert states(folder) == {"done": 80}
    assert sum(after[name] != before[name] for name in before) <= 1


def test_a_picture_that_ends_its_worker_is_marked(folder, cluster, tmp_path_factory):
    """A large picture; whoever works on it is killed, as by a system that is out of memory."""
    pictures(folder, 12)
    noise = np.random.default_rng(0).integers(0, 255, (1500, 1500, 3), np.uint8)
    Image.fromarray(noise).save(folder / "images" / "poison.png")
    mask = np.zeros((1500, 1500), np.uint8)
    mask[400:1100, 400:1100] = 255
    Image.fromarray(mask).save(folder / "masks" / "poison.png")
    done = threading.Event()

    def kill():
        while not done.is_set():
            for process in actors():
                with contextlib.suppress(psutil.Error):
                    if process.memory_info().rss > 900 * 2**20 or process.cpu_percent(0.5) > 90:
                        time.sleep(1)
                        if process.cpu_percent(0.5) > 90:
                            process.kill()
            time.sleep(0.1)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        assert main(arguments(folder, cluster, actors="1:1")) == 1
    finally:
        done.set()
        killer.join()
    assert states(folder) == {"done": 12, "failed": 1}


def test_what_cannot_be_read_is_named(folder, cluster, capfd):
    pictures(folder, 3)
    (folder / "images" / "00001.png").write_bytes(b"")
    assert main(arguments(folder, cluster, *HARMONIC)) == 1
    assert states(folder) == {"done": 2, "failed": 1}
    assert "00001.png: it is empty (0 bytes)" in capfd.readouterr().err
