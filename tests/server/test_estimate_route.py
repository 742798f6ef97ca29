"""GET /mend/estimate on a running host.

Mutations seen to fail here: a damaged file answered apart; digits of other scripts, or any number of them, let through.
"""

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

from devtools.models.small_models import SD15_GENERAL

from .conftest import CHECKPOINT


@pytest.fixture
def ask(host):
    def ask(headers=None, prefix="", **query) -> tuple[int, dict | str]:
        url = f"{host.url}{prefix}/mend/estimate?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=30) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            body = error.read().decode()
            return error.code, json.loads(body) if body.startswith("{") else body

    return ask


def test_the_plan(ask):
    status, plan = ask(model=CHECKPOINT, width=512, height=768, batch_size=2, gpu="RTX 3060 12 GB")
    assert status == 200
    assert (plan["strategy"], plan["fits"], plan["offloaded"], plan["vae_tile"]) == ("all resident", True, 0, None)
    assert (plan["width"], plan["height"], plan["batch_size"]) == (512, 768, 2)
    assert [phase["name"] for phase in plan["phases"]] == [
        "text encode",
        "VAE encode",
        "sampling",
        "sampling, batched CFG",
        "VAE decode",
    ]
    assert all(0 < phase["weights"] <= phase["expected"] <= phase["safe"] < plan["free"] for phase in plan["phases"])
    assert plan["messages"][0].startswith("Fits")
    assert re.fullmatch("[0-9a-f]{64}", plan["header"])
    assert plan["header"] == ask(model=CHECKPOINT)[1]["header"] != ask(model=SD15_GENERAL)[1]["header"]


def test_this_computer_and_the_usual_size(ask):
    status, plan = ask(model=CHECKPOINT, prefix="/api")
    assert (status, plan["width"], plan["height"], plan["batch_size"]) == (200, 1024, 1024, 1)


def test_another_size_reads_nothing_of_the_file(ask, base):
    """Which is what makes the answer quick. Once read, the header may be gone: only size and time are asked for."""
    original = base / "models" / "checkpoints" / CHECKPOINT
    path = original.with_name("asked-often.safetensors")
    with original.open("rb") as file:
        length = 8 + int.from_bytes(file.read(8), "little")
        file.seek(0)
        path.write_bytes(file.read(length))
    os.truncate(path, original.stat().st_size)
    before = path.stat()
    assert ask(model=path.name, width=512)[0] == 200
    with path.open("r+b") as file:
        file.write(bytes(length))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ask(model=path.name, width=576)[0] == 200
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert ask(model=path.name, width=576)[0] == 404


@pytest.mark.parametrize(
    "model",
    [
        "gone.safetensors",
        "truncated.safetensors",
        "page.safetensors",
        "",
        "../checkpoints/" + CHECKPOINT,
        "/etc/passwd",
    ],
)
def test_what_is_unknown_and_what_is_unreadable_get_one_answer(ask, model):
    assert ask(model=model) == (
        404,
        {"error": "model: expected the name of a readable model file. Choose one that ComfyUI lists."},
    )


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"width": "0"}, "width: expected a whole number from 64 to 16384."),
        ({"width": "1e3"}, "width: expected a whole number from 64 to 16384."),
        ({"height": "99999999999999999999"}, "height: expected a whole number from 64 to 16384."),
        ({"height": "9" * 5000}, "height: expected a whole number from 64 to 16384."),
        ({"height": "-512"}, "height: expected a whole number from 64 to 16384."),
        ({"batch_size": "65"}, "batch_size: expected a whole number from 1 to 64."),
        ({"batch_size": "\u0663"}, "batch_size: expected a whole number from 1 to 64."),
    ],
)
def test_numbers_are_bounded(ask, query, named):
    assert ask(model=CHECKPOINT, **query) == (400, {"error": named})


def test_a_card_that_is_not_listed(ask):
    status, body = ask(model=CHECKPOINT, gpu="abacus")
    assert status == 400
    assert body["error"].startswith("gpu: expected one of this computer, GTX 1060 6 GB, ")


def test_a_foreign_page_is_refused_by_the_host(ask):
    assert ask(model=CHECKPOINT, headers={"Origin": "http://example.com"})[0] == 403
