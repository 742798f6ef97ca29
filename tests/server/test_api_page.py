"""Every example of docs/api.md, as it stands there, against a running host.

What is replaced in them is the host's address, the model by a small one, and the work that this one is given.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from devtools.pictures.rocket import save_masked
from devtools.setup.environment import ROOT

from .conftest import CHECKPOINT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
QUEUE_ONE, OTHER_MASK, ERRORS = (text for language, text in BLOCKS if language == "python")
CURL, COMFY_CLI = (text for language, text in BLOCKS if language == "bash")

# The version whose answers were read. Its own requirements are as its maker left them.
COMFY_CLI_VERSION = "comfy-cli==1.23.0"


@pytest.fixture
def folder(tmp_path, picture, mask):
    """A folder like the one that the page speaks of."""
    save_masked(picture, mask, tmp_path / "photo.png")
    picture.save(tmp_path / "plain.png")
    mask.save(tmp_path / "mask.png")
    shutil.copytree(ROOT / "workflows" / "api", tmp_path / "workflows" / "api")
    return tmp_path


@pytest.fixture
def fitted(host):
    """Returns an example with the host's address and the small model."""

    def fit(text):
        for old, new in {
            "http://127.0.0.1:8188": host.url,
            "--port 8188": f"--port {host.port}",
            "sd-v1-5-inpainting.ckpt": CHECKPOINT,
            "seed=7)": "seed=7, steps=2, megapixels=0.03)",
        }.items():
            text = text.replace(old, new)
        assert "8188" not in text
        return text

    return fit


def python(folder, program):
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=120)


def bash(folder, script, **environment):
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def pixels(folder, name):
    return np.asarray(Image.open(folder / name).convert("RGB")).astype(int)


def assert_repainted(folder, mask, name="result.png"):
    """The result differs in the mask, and is the picture elsewhere but for a border of the mask."""
    changed = (pixels(folder, name) != pixels(folder, "plain.png")).any(axis=2)
    assert changed[np.asarray(mask) > 127].mean() > 0.5
    assert changed.mean() < 0.7
    assert not changed[:, :8].any()


def test_python(folder, fitted, mask):
    done = python(folder, fitted(QUEUE_ONE) + "print(done[id]['outputs']['3.0.0.report']['text'][0])")
    assert done.returncode == 0, done.stderr
    assert_repainted(folder, mask)
    assert done.stdout.startswith("Replaced: ")
    lines = [line for line in QUEUE_ONE.splitlines() if line]
    assert len(lines) <= 22


def test_a_mask_in_a_file_of_its_own_gives_the_same(folder, fitted):
    again = fitted(QUEUE_ONE).split('prompt["1"]')[1].split("\n", 1)[1].replace("result.png", "other.png")
    plain = 'prompt["1"]["inputs"]["image"] = upload("plain.png")\n'
    done = python(folder, fitted(QUEUE_ONE) + plain + OTHER_MASK + again)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(pixels(folder, "other.png"), pixels(folder, "result.png"))


def test_an_upload_does_not_replace_another(folder, fitted):
    program = fitted(QUEUE_ONE).split("prompt =")[0] + "print(upload('photo.png'))\n"
    first = python(folder, program).stdout
    Image.new("RGB", (9, 9)).save(folder / "photo.png")
    assert python(folder, program).stdout not in ("", first)


@pytest.mark.parametrize("time", ["first", "second"])  # the second gets what the host still has
def test_curl(folder, fitted, mask, time):
    done = bash(folder, fitted(CURL))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith('"status_str": "success"\n')
    assert_repainted(folder, mask)


@pytest.mark.slow
def test_comfy_cli(folder, fitted, client, mask, tmp_path):
    """Installed as the page says, in an environment of its own, with a home of its own for what it notes."""
    (tmp_path / "version.txt").write_text(COMFY_CLI_VERSION)
    script = fitted(COMFY_CLI).replace("python -m venv", f"'{sys.executable}' -m venv")
    pip = {"CONSTRAINT": str(tmp_path / "version.txt"), "QUIET": "1", "NO_COMPILE": "1"}
    home = {"HOME": str(tmp_path / "home"), "DO_NOT_TRACK": "1"}
    done = bash(folder, script, **{f"PIP_{name}": value for name, value in pip.items()}, **home)
    assert done.returncode == 0, done.stderr
    # After the answer of curl, which ends without a line break.
    answer = json.loads(done.stdout[done.stdout.index('{"schema"') :])
    assert answer["ok"]
    (address,) = answer["data"]["outputs"]
    name = re.search(r"filename=([^&]+)", address)
    assert name is not None
    (folder / "result.png").write_bytes(client.view({"filename": name[1], "subfolder": "mend", "type": "output"}))
    assert_repainted(folder, mask)

    (folder / "workflows" / "api" / "remove.json").write_text('{"1": {"class_type": "NoSuchNode", "inputs": {}}}')
    command = script.splitlines()[-1]
    refused = bash(folder, command, **home)
    assert refused.returncode == 1
    answer = json.loads(refused.stdout.strip().splitlines()[-1])
    assert not answer["ok"]
    assert {"code", "message", "details"} <= set(answer["error"])


REFUSED = {
    "out of range": ("prompt['3']['inputs']['steps'] = -1", "MendInpaint 3: Value -1 smaller than min"),
    "no such model": ("prompt['2']['inputs']['ckpt_name'] = 'gone.ckpt'", "MendLoadCheckpoint 2: "),
    "no such picture": ("prompt['1']['inputs']['image'] = 'gone.png'", "LoadImage 1: .*gone.png"),
    "not linked": ("del prompt['3']['inputs']['image']", "MendInpaint 3: Required input is missing: image"),
    "no such node": ("prompt['3']['class_type'] = 'NoSuchNode'", "Node 'Inpaint' not found|NoSuchNode"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why(folder, fitted, case):
    change, reason = REFUSED[case]
    program = fitted(QUEUE_ONE).split('prompt["1"]')[0] + ERRORS
    program += "prompt['1']['inputs']['image'] = upload('photo.png')\n"
    program += f"prompt['2']['inputs']['ckpt_name'] = {CHECKPOINT!r}\n{change}\nqueue(prompt)"
    done = python(folder, program)
    assert done.returncode == 1
    assert re.search(reason, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_fails_is_named(folder, fitted):
    (folder / "photo.png").write_text("no picture")
    program = fitted(QUEUE_ONE).split("image = done")[0] + ERRORS + "print(failure(done[id]))"
    done = python(folder, program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("LoadImage 1: ")


def test_what_to_set_is_there(client):
    nodes = client.object_info()
    pairs = re.findall(r"`(\w+)` of `(\w+)`", PAGE)
    assert len(pairs) >= 5
    for name, node in pairs:
        assert name in {**nodes[node]["input"]["required"], **nodes[node]["input"].get("optional", {})}, (name, node)
