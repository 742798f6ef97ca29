"""Whole runs without ComfyUI: fills and networks in processes, some of which are killed."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from devtools.models.checkpoints.networks import write_migan
from devtools.models.diffusers_folder import write_sd15
from devtools.setup.environment import ROOT
from inpaint.batch.__main__ import main
from inpaint.batch.crew import Crew
from inpaint.batch.local import worker
from inpaint.batch.local.choice import ModelChoice
from inpaint.batch.local.models import PIECE, PIECES, fingerprint
from inpaint.fills import fill_harmonic
from inpaint.masks import grow

SIZE = (48, 32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def pictures(folder, count):
    """Write pictures of soft colors with a square that is to be filled."""
    (folder / "images").mkdir(exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[10:20, 16:30] = 255
    for number in range(count):
        pixels = np.stack([rows * 4 + number % 100, columns * 3, rows + columns + number // 100], axis=2)
        pixels[mask > 0] = 255, 0, 0
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{number:04}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:04}.png")
    return mask


def arguments(folder, *more):
    places = ("--images", str(folder / "images"), "--masks", str(folder / "masks"), "--output", str(folder / "out"))
    return [*places, *map(str, more)]


def records(folder):
    with contextlib.closing(sqlite3.connect(folder / "out" / "mend-batch" / "manifest.sqlite")) as base:
        base.row_factory = sqlite3.Row
        return {row["name"]: dict(row) for row in base.execute("SELECT * FROM pictures")}


def pixels(path):
    return np.asarray(Image.open(path))


def wait_for(folder, count, process):
    """Wait until so many results are there."""
    deadline = time.monotonic() + 300
    while len(list((folder / "out").glob("*.png"))) < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def as_tensor(values):
    return torch.from_numpy(values / np.float32(255))[None]


def test_500_pictures(folder):
    mask = pictures(folder, 500)
    assert main(arguments(folder, "--engine", "fill", "--set", "method=harmonic", "grow=2", "--processes", 2)) == 0
    assert Counter(row["state"] for row in records(folder).values()) == {"done": 500}
    assert {row["host"] for row in records(folder).values()} == {"process 1", "process 2"}
    hole = grow(as_tensor(mask), 2)
    for name in ("0000.png", "0317.png", "0499.png"):
        source, result = pixels(folder / "images" / name), pixels(folder / "out" / name)
        wanted = fill_harmonic(as_tensor(source), hole)[0].mul(255).round().numpy()
        np.testing.assert_allclose(result, wanted, atol=1, err_msg=name)
        np.testing.assert_array_equal(result[hole[0] == 0], source[hole[0] == 0])
    report = json.loads((folder / "out" / "mend-batch" / "report.json").read_text())
    assert report["run"]["engine"] == "fill"


def test_patchmatch_takes_each_pictures_own_seed(folder):
    pictures(folder, 3)
    assert main(arguments(folder, "--engine", "fill", "--processes", 1)) == 0
    first = {path.name: path.read_bytes() for path in (folder / "out").glob("*.png")}
    # Alone, and by another process.
    (folder / "out" / "0002.png").unlink()
    assert main(arguments(folder, "--engine", "fill", "--processes", 2, "--resume")) == 0
    assert {path.name: path.read_bytes() for path in (folder / "out").glob("*.png")} == first
    assert len({row["seed"] for row in records(folder).values()}) == 3


def test_a_network_and_another_one(folder, capfd):
    mask = pictures(folder, 2)
    model = folder / "network.safetensors"
    write_migan(model, side=64, width=32)
    more = ("--engine", "network", "--model", model, "--processes", 1, "--set", "grow=0", "feather=0")
    assert main(arguments(folder, *more)) == 0
    source, result = pixels(folder / "images" / "0001.png"), pixels(folder / "out" / "0001.png")
    np.testing.assert_array_equal(result[mask == 0], source[mask == 0])
    assert (result[mask > 0] != source[mask > 0]).any()
    row = records(folder)["0001.png"]
    assert "MI-GAN 64: 1 hole filled in 1 crop." in row["notes"]
    assert json.loads(row["settings"])["model"] == fingerprint(model)
    write_migan(model, side=64, width=32, seed=1)
    assert main(arguments(folder, *more, "--resume")) == 0
    assert "0001.png: done again, for settings changed: model." in capfd.readouterr().err
    assert (pixels(folder / "out" / "0001.png") != result).any()


def test_diffusers(folder):
    """Three pictures with their own prompts and seeds, two at once and one by one: all but rounding is the same."""
    pictures(folder, 3)
    model = write_sd15(folder / "model")
    (folder / "prompts.jsonl").write_text('{"name": "0001.png", "prompt": "a red fox", "seed": 7}')
    more = ("--engine", "diffusers", "--model", model, "--prompts", folder / "prompts.jsonl")
    sets = ("--set", "steps=2", "megapixels=0.02", "grow=0", "feather=0")
    assert main(arguments(folder, *more, "--batch", 2, *sets)) == 0
    rows = records(folder)
    settings = json.loads(rows["0001.png"]["settings"])
    assert (settings["prompt"], settings["dtype"], rows["0001.png"]["seed"]) == ("a red fox", "auto", "7")
    assert settings["model"] == fingerprint(model)
    assert "Largest change outside: 0." in rows["0001.png"]["notes"]
    together = {name: pixels(folder / "out" / name).astype(int) for name in rows}
    shutil.rmtree(folder / "out")
    assert main(arguments(folder, *more, *sets)) == 0
    for name, values in together.items():
        assert np.abs(values - pixels(folder / "out" / name)).max() <= 1


def test_a_process_that_is_killed_loses_nothing(folder):
    pictures(folder, 40)
    killed: list[int] = []

    def kill_one():
        deadline = time.monotonic() + 300
        while len(killed) < 3 and time.monotonic() < deadline:
            done = len(list((folder / "out").glob("*.png")))
            if done >= 8 * (len(killed) + 1):
                children = [each for each in psutil.Process().children() if "spawn_main" in " ".join(each.cmdline())]
                if children:
                    children[0].kill()
                    killed.append(children[0].pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one)
    killer.start()
    assert main(arguments(folder, "--engine", "fill", "--processes", 2)) == 0
    killer.join()
    assert len(killed) == 3
    assert Counter(row["state"] for row in records(folder).values()) == {"done": 40}


def test_the_command_is_killed_and_resumed(folder):
    pictures(folder, 80)
    command = [sys.executable, "-m", "inpaint.batch", *arguments(folder, "--engine", "fill", "--processes", 2)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(folder, 10, process)
    children = psutil.Process(process.pid).children()
    assert len(children) >= 2
    process.kill()
    process.wait()
    # Nobody works for nobody.
    assert not psutil.wait_procs(children, timeout=10)[1]
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert main([*command[3:], "--resume"]) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert len(after) == 80
    # At most the one that was being written when it was killed is made twice.
    assert sum(after[name] != before[name] for name in before) <= 1


def test_ctrl_c(folder):
    pictures(folder, 80)
    command = [sys.executable, "-m", "inpaint.batch", *arguments(folder, "--engine", "fill", "--processes", 2)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(folder, 5, process)
    children = psutil.Process(process.pid).children()
    for each in (process.pid, *(child.pid for child in children)):  # as a terminal does
        os.kill(each, signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert {row["state"] for row in records(folder).values()} == {"done", "waiting"}


def test_what_is_broken_is_named_and_the_rest_is_made(folder, capfd):
    pictures(folder, 4)
    (folder / "images" / "0001.png").write_bytes(b"")
    Image.new("L", (7, 9)).save(folder / "masks" / "0002.png")
    assert main(arguments(folder, "--engine", "fill", "--processes", 1)) == 1
    rows = records(folder)
    assert [rows[f"000{number}.png"]["state"] for number in range(4)] == ["done", "failed", "failed", "done"]
    assert "0001.png: it is empty (0 bytes). Copy it anew." in capfd.readouterr().err


def test_a_model_that_is_none(folder, capfd):
    pictures(folder, 2)
    model = folder / "network.safetensors"
    model.write_bytes(b"no model")
    assert main(arguments(folder, "--engine", "network", "--model", model, "--processes", 1)) == 1
    assert f"process 1 is given up: --model: {model} cannot be loaded: SafetensorError: " in capfd.readouterr().err


REFUSALS = {
    "--model: expected a file of LaMa, MI-GAN or MAT, got none.": ("--engine", "network"),
    "--model: nothing.pt is not there.": ("--engine", "network", "--model", "nothing.pt"),
    "--set: --engine fill has task, method, grow, patch_size, radius, seed, but no 'steps'.": (
        *("--engine", "fill", "--set", "steps=3"),
    ),
    "--set: method: expected one of the choices, got 'magic'.": ("--engine", "fill", "--set", "method=magic"),
    "--set: grow: expected a number from -1.0 to 512.0, got 'wide'.": ("--engine", "fill", "--set", "grow=wide"),
}


@pytest.mark.parametrize("message", list(REFUSALS))
def test_refused_before_anything_is_written(folder, message, capfd):
    pictures(folder, 1)
    assert main(arguments(folder, *REFUSALS[message])) == 2
    assert message in capfd.readouterr().err
    assert not (folder / "out").exists()


OPTIONS = {
    "--workflow: expected a file in API form": (),
    "--host: --engine fill has none": ("--engine", "fill", "--host", "a:1"),
    "--model: --engine comfyui has none": ("--workflow", "remove", "--model", "a.pt"),
}


@pytest.mark.parametrize("message", list(OPTIONS))
def test_options_of_another_engine_are_refused(folder, message, capfd):
    with pytest.raises(SystemExit):
        main(arguments(folder, *OPTIONS[message]))
    assert message in capfd.readouterr().err


def test_one_that_failed_comes_alone():
    crew = Crew(["a"], list("wxyz"), retry=5)
    assert crew.next_few("a", 3) == ["w", "x", "y"]
    for name in "wxy":
        crew.failed("a", name)
    assert [crew.next_few("a", 3) for _ in range(4)] == [["z"], ["w"], ["x"], ["y"]]


@pytest.mark.parametrize("byte", [0, PIECE - 1, 70 * PIECE - 1])
def test_a_fingerprint_sees_what_it_reads(tmp_path, byte):
    file = tmp_path / "model.safetensors"
    content = bytearray(70 * PIECE)
    file.write_bytes(content)
    before = fingerprint(file)
    content[byte] = 1
    file.write_bytes(content)
    assert fingerprint(file) != before
    assert len(content) > PIECES * PIECE


def test_a_process_that_does_not_answer_is_ended(monkeypatch):
    child = worker.Child("fill", ModelChoice(), 1)
    crew = Crew(["process 1"], [])
    child.ready(crew)
    psutil.Process(child._process.pid).suspend()
    with pytest.raises(worker.Ended, match="no end after 1 s"):
        child.make([], crew, 1.0)
    child.close()
    assert not child._process.is_alive()
