"""Whole runs of mend-batch against stand-ins of hosts, which die, hang and answer nonsense; and kills of mend-batch."""

import contextlib
import copy
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from devtools.setup.environment import ROOT
from inpaint.batch import crew, plan, run
from inpaint.batch.__main__ import main
from inpaint.batch.comfyui import engine, worker
from inpaint.batch.comfyui.client import HostClient, HostTrouble
from inpaint.batch.comfyui.events import Follower, Run
from inpaint.batch.files.atomic import TEMPORARY, write_atomic

from .stand_in_host import NODES, POISON, WORKFLOW, StandInHost, repainted

SIZE = (12, 8)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(crew, "FIRST_REST", 0.05)
    monkeypatch.setattr(crew, "RESTS", 3)
    monkeypatch.setattr(crew, "LEAST_LIMIT", 1.0)
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.05)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "workflow.json").write_text(json.dumps(WORKFLOW))
    return tmp_path


def pictures(folder, count, first=0):
    """Write pictures of one color each, with masks whose left half is repainted. Returns the results by name."""
    (folder / "images").mkdir(exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[:, : SIZE[0] // 2] = 255
    wanted = {}
    for number in range(first, first + count):
        pixels = np.full((*SIZE[::-1], 3), (number % 200, number // 200, 7), np.uint8)
        name = f"{number:04}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        Image.fromarray(mask).save(folder / "masks" / name)
        wanted[name] = repainted(np.dstack([pixels, 255 - mask]))
    return wanted


def poison(folder, name):
    Image.fromarray(np.full((*SIZE[::-1], 3), (POISON, 0, 0), np.uint8)).save(folder / "images" / name)


def is_poison(upload):
    return np.asarray(Image.open(io.BytesIO(upload)))[0, 0, 0] == POISON


def arguments(folder, *hosts, more=()):
    return [
        *("--images", str(folder / "images"), "--masks", str(folder / "masks"), "--output", str(folder / "out")),
        *(
            "--workflow",
            str(folder / "workflow.json"),
            "--host",
            *(getattr(host, "url", host) for host in hosts),
            *more,
        ),
    ]


def batch(folder, *hosts, more=()):
    return main(arguments(folder, *hosts, more=more))


def records(folder):
    base = sqlite3.connect(folder / "out" / "mend-batch" / "manifest.sqlite")
    base.row_factory = sqlite3.Row
    rows = {row["name"]: dict(row) for row in base.execute("SELECT * FROM pictures")}
    base.close()
    return rows


def check(folder, wanted):
    """Check that each result is right, that each has a record, and that nothing else is there."""
    for name, pixels in wanted.items():
        np.testing.assert_array_equal(np.asarray(Image.open(folder / "out" / name)), pixels, err_msg=name)
    found = {path.name for path in (folder / "out").iterdir()}
    assert found == {*wanted, "mend-batch"}
    assert Counter(records(folder)[name]["state"] for name in wanted) == {"done": len(wanted)}


def test_500_pictures(folder):
    wanted = pictures(folder, 500)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        assert len(host.made) == len(host.forgotten) == 500
        assert len(set(host.seeds)) == 500
        # At most as many names as prompts wait at a time: nothing piles up on a host.
        assert len(host._files) <= worker.QUEUED
    check(folder, wanted)
    report = json.loads((folder / "out" / "mend-batch" / "report.json").read_text())
    assert len(report["pictures"]) == 500
    assert report["pictures"][0]["settings"]["2.amount"] == 1.0
    assert report["run"]["hosts"] == {host.url: "stand-in"}


def test_killed_at_twenty_moments(folder):
    wanted = pictures(folder, 120)
    random_ = random.Random(3)
    kills = 0
    with StandInHost(seconds=0.02) as host:
        command = [sys.executable, "-m", "inpaint.batch", *arguments(folder, host)]
        while kills < 20:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            command += ["--resume"] if "--resume" not in command else []
            began = len(host.made)
            # Past the start, which is most of the time that it lives.
            deadline = time.monotonic() + 20
            while len(host.made) == began and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(random_.uniform(0, 0.06))
            process.kill()
            assert process.wait() == -signal.SIGKILL, "it had ended: nothing was killed"
            kills += 1
            for path in (folder / "out").glob("*.png"):
                assert np.array_equal(np.asarray(Image.open(path)), wanted[path.name]), "half-written"
            done = {name for name, row in records(folder).items() if row["state"] == "done"}
            assert all((folder / "out" / name).exists() for name in done)
        assert main(command[3:]) == 0
        # What was made twice was in flight at a kill, at most as many as a host has at a time.
        assert len(host.made) <= len(wanted) + worker.QUEUED * (kills + 1)
    check(folder, wanted)
    assert not list((folder / "out" / "mend-batch").glob(".mend-*.part"))


def test_what_a_killed_program_left_is_deleted(folder):
    wanted = pictures(folder, 2)
    left = [folder / "out" / ".mend-1.part", folder / "out" / "mend-batch" / ".mend-2.part"]
    with StandInHost() as host:
        assert batch(folder, host) == 0
        (folder / "out" / "0001.png").unlink()
        base = sqlite3.connect(folder / "out" / "mend-batch" / "manifest.sqlite")
        base.execute("UPDATE pictures SET state = 'writing' WHERE name = '0001.png'")
        base.commit()
        base.close()
        for part in left:
            part.write_bytes(b"half")
        assert batch(folder, host, more=["--resume"]) == 0
    check(folder, wanted)
    assert not left[1].exists()


@pytest.mark.parametrize("then", ["dies", "hangs", "sends pages", "answers 500", "hangs up"])
def test_one_host_fails_and_the_other_goes_on(folder, then, capfd):
    wanted = pictures(folder, 24)
    with StandInHost(after=4, then=then, seconds=0.01) as bad, StandInHost(seconds=0.01) as good:
        assert batch(folder, bad, good, more=["--timeout", "1"]) == 0
        assert len(bad.made) == 4
        # The bad host's last may have been made there, and not fetched any more.
        assert 20 <= len(good.made) <= 20 + worker.QUEUED
        if then in ("hangs", "hangs up"):
            assert bad.cancelled
            assert not bad.queue
    check(folder, wanted)
    assert f"{bad.url} " in capfd.readouterr().err


def test_a_host_that_freezes_is_not_waited_for(folder, monkeypatch):
    monkeypatch.setattr(worker, "DOUBTFUL_SECONDS", 0.2)
    # With one prompt at a time nothing else is under way at the moment that it freezes.
    monkeypatch.setattr(engine, "QUEUED", 1)
    wanted = pictures(folder, 24)
    began = time.monotonic()
    with StandInHost(after=2, then="freezes") as bad, StandInHost(seconds=0.1) as good:
        assert batch(folder, bad, good, more=["--timeout", "1"]) == 0
        # Asked again after a rest, while there was work.
        assert [path for path, _ in bad.requests].count("/system_stats") >= 2
    assert time.monotonic() - began < 20
    check(folder, wanted)


def test_three_hosts_fail_at_once_and_the_fourth_goes_on(folder, monkeypatch, capfd):
    # A slow machine may have one picture on two of them.
    monkeypatch.setattr(crew, "FAILING_HOSTS", 4)
    wanted = pictures(folder, 40)
    ways = ("dies", "hangs", "sends pages")
    with contextlib.ExitStack() as hosts:
        bad = [hosts.enter_context(StandInHost(after=3, then=then, seconds=0.01)) for then in ways]
        good = hosts.enter_context(StandInHost(seconds=0.01))
        assert batch(folder, *bad, good, more=["--timeout", "1"]) == 0
        assert [len(host.made) for host in bad] == [3, 3, 3]
    check(folder, wanted)
    said = capfd.readouterr().err
    assert all(f"{host.url} " in said for host in bad)


def test_a_host_that_is_not_there_at_the_start(folder, capfd):
    wanted = pictures(folder, 4)
    with StandInHost() as good:
        assert batch(folder, "127.0.0.1:9", good) == 0
    check(folder, wanted)
    assert "It is asked again later." in capfd.readouterr().err


def test_all_hosts_fail(folder, capfd):
    pictures(folder, 10)
    with StandInHost(after=4, then="dies") as host:
        assert batch(folder, host) == 1
    states = Counter(row["state"] for row in records(folder).values())
    assert states["done"] == 4
    assert states["waiting"] >= 4
    said = capfd.readouterr()
    assert "--resume makes them" in said.out
    assert "is given up" in said.err
    with StandInHost() as host:
        assert batch(folder, host, more=["--resume"]) == 0
        assert len(host.made) == 6


def test_no_host(folder, capfd):
    pictures(folder, 1)
    assert batch(folder, "127.0.0.1:9") == 2
    assert "--host: no host answers. http://127.0.0.1:9/system_stats: " in capfd.readouterr().err
    assert not (folder / "out").exists()


def test_another_program_at_the_hosts_address(folder, capfd):
    pictures(folder, 1)
    with StandInHost(after=0, then="is another") as host:
        assert batch(folder, host) == 2
    assert f"no host answers. {host.url}/system_stats is not that of ComfyUI" in capfd.readouterr().err


def test_a_host_of_two_names_is_one(folder):
    wanted = pictures(folder, 8)
    with StandInHost(seconds=0.05) as host:
        assert batch(folder, host, host.url + "/", host.url.partition("://")[2]) == 0
        assert len(host._files) <= worker.QUEUED
    check(folder, wanted)


def with_choice(*choices):
    """Descriptions of nodes in which Repaint has a model to choose."""
    nodes = copy.deepcopy(NODES)
    nodes["Repaint"]["input"]["optional"] = {"model": ["COMBO", {"options": list(choices)}]}
    return nodes


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ({name: node for name, node in NODES.items() if name != "Repaint"}, "lacks nodes of the workflow: Repaint."),
        (with_choice("b.safetensors"), "got 'a.safetensors'. There are: b.safetensors."),
    ],
    ids=["a node", "a model"],
)
def test_what_one_of_the_hosts_lacks_is_found_before_the_run(folder, nodes, said, capfd):
    pictures(folder, 2)
    workflow = copy.deepcopy(WORKFLOW)
    workflow["2"]["inputs"]["model"] = "a.safetensors"
    (folder / "workflow.json").write_text(json.dumps(workflow))
    with StandInHost(nodes=with_choice("a.safetensors")) as good, StandInHost(nodes=nodes) as bad:
        assert batch(folder, good, bad) == 2
    lines = capfd.readouterr().err
    assert f"--host: {bad.url}: " in lines
    assert said in lines


@pytest.mark.parametrize("column", [False, True], ids=["of all pictures", "of one picture"])
def test_another_file_under_a_models_name(folder, column, capfd):
    wanted = pictures(folder, 2)
    workflow = copy.deepcopy(WORKFLOW)
    workflow["2"]["inputs"]["model"] = "a.safetensors"
    (folder / "workflow.json").write_text(json.dumps(workflow))
    (folder / "table.csv").write_text("name,2.model\n0000.png,b.safetensors\n")
    more = ["--prompts", str(folder / "table.csv")] if column else []
    names = ("a.safetensors", "b.safetensors")
    with StandInHost(nodes=with_choice(*names), headers=dict.fromkeys(names, "one")) as host:
        assert batch(folder, host, more=more) == 0
        host.headers.clear()  # not known for once: nothing is known to have changed
        assert batch(folder, host, more=[*more, "--resume"]) == 0
        assert len(host.made) == 2
        host.headers["b.safetensors" if column else "a.safetensors"] = "another"
        assert batch(folder, host, more=[*more, "--resume"]) == 0
        assert len(host.made) == (3 if column else 4)
    assert "0000.png: done again, for settings changed: 2.model (file)." in capfd.readouterr().err
    check(folder, wanted)


def test_what_stays_on_hosts_is_said(folder, capfd):
    pictures(folder, 2)
    with StandInHost() as host:
        assert batch(folder, host) == 0
    said = capfd.readouterr().out
    assert "Left on each host until it starts again: up to 2 uploads in temp/mend-batch." in said
    assert f"Left in temp of {host.url} too: each result, for it lacks SaveImageWebsocket." in said


def test_parts_of_a_killed_run_are_removed(folder):
    wanted = pictures(folder, 2)
    with StandInHost() as host:
        assert batch(folder, host, more=["--limit", "1"]) == 1
        parts = [folder / "out" / TEMPORARY.format("1"), folder / "out" / "mend-batch" / TEMPORARY.format("2")]
        for part in parts:
            part.write_bytes(b"a half")
        assert batch(folder, host, more=["--resume"]) == 0
    assert not any(part.exists() for part in parts)
    check(folder, wanted)


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_that_fails_is_marked(folder, count, capfd):
    wanted = pictures(folder, 5)
    poison(folder, "0002.png")
    del wanted["0002.png"]
    with StandInHost() as one, StandInHost() as two:
        hosts = [one, two][:count]
        assert batch(folder, *hosts) == 1
        tries = [sum(is_poison(each) for each in host.made) for host in hosts]
    assert tries == [2] if count == 1 else tries == [1, 1]
    row = records(folder)["0002.png"]
    assert (row["state"], row["error"]) == ("failed", "node 2 (Repaint): too red")
    assert "0002.png: node 2 (Repaint): too red" in capfd.readouterr().err
    assert (folder / "out" / "mend-batch" / "failures.jpg").exists()
    for name, pixels in wanted.items():
        np.testing.assert_array_equal(np.asarray(Image.open(folder / "out" / name)), pixels)


def test_a_picture_that_is_too_large_for_the_host_is_marked(folder, capfd):
    wanted = pictures(folder, 6)
    noise = np.random.default_rng(0).integers(0, 200, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(folder / "images" / "0002.png")
    Image.new("L", (200, 200), 255).save(folder / "masks" / "0002.png")
    del wanted["0002.png"]
    with StandInHost(most=50_000) as host:
        assert batch(folder, host, more=["--retry", "0"]) == 1
        assert len(host.made) == 5
    assert "0002.png: it has 1 MB as PNG, more than the host takes. Start" in capfd.readouterr().err
    assert Counter(row["state"] for row in records(folder).values()) == {"done": 5, "failed": 1}


@pytest.mark.parametrize("message", ['{"hello": 1}', "[]", "oops", '{"type": "x", "data": [1]}', '{"data": {}}'])
def test_messages_of_other_packs_are_passed_over(message):
    follower = Follower(Run("1"))
    follower.take(message)
    assert not follower.ended
    follower.take('{"type": "executing", "data": {"prompt_id": "1", "node": null}}')
    assert follower.ended


def test_an_upload_that_is_refused_in_json_is_the_hosts_trouble(folder):
    wanted = pictures(folder, 6)
    with StandInHost(after=0, then="is another") as bad, StandInHost() as good:
        client = HostClient(bad.url)
        with pytest.raises(HostTrouble, match="took no picture"):
            client.upload(b"", "a.png")
        assert batch(folder, good) == 0
    check(folder, wanted)


def test_a_host_rests_as_long_as_others_work():
    team = crew.Crew(["bad", "good"], ["a", "b"])
    for _ in range(3 * crew.RESTS):
        team.hosts["bad"].until = 0.0
        team.troubled("bad", "a", "gone", blamed=False)
    states = [team.hosts["bad"].state]
    team.hosts["good"].state = "rests"
    team.hosts["bad"].until = 0.0
    team.troubled("bad", "a", "gone", blamed=False)
    assert [*states, team.hosts["bad"].state] == ["rests", "is given up"]


def test_an_address_that_is_none(folder, capfd):
    pictures(folder, 1)
    with pytest.raises(SystemExit):
        batch(folder, "http://[::1")
    assert "--host: http://[::1 is no address" in capfd.readouterr().err


def test_ctrl_c_ends_cleanly(folder):
    pictures(folder, 50)
    with StandInHost(seconds=0.3) as host:
        process = subprocess.Popen(
            [sys.executable, "-m", "inpaint.batch", *arguments(folder, host)], cwd=ROOT, stderr=subprocess.PIPE
        )
        while len(host.made) < 2:
            time.sleep(0.01)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - began < 6
        assert process.returncode == 130
        # One may have ended at the same moment.
        assert 1 <= len(host.cancelled) <= worker.QUEUED
        assert not host.queue
    assert b"Stopping: " in said
    states = Counter(row["state"] for row in records(folder).values())
    assert states["failed"] == 0
    assert states["done"] >= 1
    assert states["done"] + states["waiting"] == 50


def test_ctrl_c_does_not_wait_for_a_frozen_host(folder, monkeypatch):
    monkeypatch.setattr(run, "LAST_SECONDS", 0.3)
    pictures(folder, 10)
    with StandInHost(after=2, then="freezes") as host:
        at = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
        at.start()
        began = time.monotonic()
        assert batch(folder, host) == 130
        assert 1.5 <= time.monotonic() - began < 5
    states = Counter(row["state"] for row in records(folder).values())
    assert states["done"] + states["waiting"] == 10
    assert states["waiting"] >= 8


CHANGES = {
    "the picture changed": lambda folder: (
        pictures(folder, 1, first=3) and (folder / "images" / "0003.png").replace(folder / "images" / "0001.png")
    ),
    "the mask changed": lambda folder: Image.new("L", SIZE, 255).save(folder / "masks" / "0001.png"),
    "the result is gone": lambda folder: (folder / "out" / "0001.png").unlink(),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_what_changed_is_done_again(folder, reason, capfd):
    pictures(folder, 3)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        CHANGES[reason](folder)
        assert batch(folder, host, more=["--resume"]) == 0
        assert len(host.made) == 4
    assert f"0001.png: done again, for {reason}." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("more", "reason"),
    [(["--set", "Repaint.amount=0.5"], "settings changed: 2.amount"), (["--seed", "9"], "the seed changed")],
)
def test_other_settings_do_all_again(folder, more, reason, capfd):
    pictures(folder, 2)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        assert batch(folder, host, more=["--resume", *more]) == 0
        assert len(host.made) == 4
    assert capfd.readouterr().err.count(f"done again, for {reason}.") == 2


def test_a_seed_that_is_set_by_hand_is_a_setting(folder, capfd):
    pictures(folder, 2)
    with StandInHost() as host:
        assert batch(folder, host, more=["--set", "Repaint.seed=5"]) == 0
        assert batch(folder, host, more=["--resume", "--set", "Repaint.seed=5", "--seed", "8"]) == 0
        assert batch(folder, host, more=["--resume", "--set", "Repaint.seed=6", "--seed", "8"]) == 0
        assert host.seeds == [5, 5, 6, 6]
    assert capfd.readouterr().err.count("done again, for settings changed: 2.seed.") == 2


def test_a_result_that_a_person_changed_stays(folder):
    pictures(folder, 2)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        (folder / "out" / "0001.png").write_bytes(b"mine")
        assert batch(folder, host, more=["--resume"]) == 0
        assert len(host.made) == 2
    assert (folder / "out" / "0001.png").read_bytes() == b"mine"


def test_what_is_done_again_may_be_interrupted(folder):
    wanted = pictures(folder, 4)
    again = ["--resume", "--set", "Repaint.amount=0.5"]
    with StandInHost() as host:
        assert batch(folder, host) == 0
        assert batch(folder, host, more=[*again, "--limit", "1"]) == 1
        assert batch(folder, host, more=again) == 0
        assert len(host.made) == 8
    check(folder, wanted)


@pytest.mark.parametrize("moment", ["before the new result is in its place", "after"])
def test_killed_as_a_result_is_replaced(folder, moment, monkeypatch):
    wanted = pictures(folder, 1)

    def killed(path, data):
        if moment == "after":
            write_atomic(path, data)
        raise KeyboardInterrupt

    with StandInHost() as host:
        assert batch(folder, host) == 0
        mask = folder / "masks" / "0000.png"
        Image.new("L", SIZE, 255).save(mask)
        wanted["0000.png"] = 255 - np.asarray(Image.open(folder / "images" / "0000.png"))
        with monkeypatch.context() as patched:
            patched.setattr(run, "write_atomic", killed)
            assert batch(folder, host, more=["--resume"]) == 130
        assert batch(folder, host, more=["--resume"]) == 0
        assert len(host.made) == (2 if moment == "after" else 3)
    check(folder, wanted)


def test_a_picture_that_failed_when_it_was_done_again_is_tried_again(folder):
    wanted = pictures(folder, 1)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        (folder / "masks" / "0000.png").rename(folder / "mask.png")
        assert batch(folder, host, more=["--resume"]) == 1
        (folder / "mask.png").rename(folder / "masks" / "0000.png")
        assert batch(folder, host, more=["--resume"]) == 0
    check(folder, wanted)


def test_a_result_that_a_person_changed_stays_whatever_else_changed(folder, capfd):
    pictures(folder, 2)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        (folder / "out" / "0001.png").write_bytes(b"mine")
        for _ in range(2):
            assert batch(folder, host, more=["--resume", "--set", "Repaint.amount=0.5"]) == 0
        assert len(host.made) == 3
    assert (folder / "out" / "0001.png").read_bytes() == b"mine"
    stays = "0001.png: settings changed: 2.amount. But its result was changed by somebody: it stays."
    assert capfd.readouterr().err.count(stays) == 2


def test_a_file_of_somebody_else_stays(folder):
    pictures(folder, 2)
    (folder / "out").mkdir()
    (folder / "out" / "0001.png").write_bytes(b"theirs")
    with StandInHost() as host:
        assert batch(folder, host) == 1
    assert (folder / "out" / "0001.png").read_bytes() == b"theirs"
    assert "is there already, and no run made it" in records(folder)["0001.png"]["error"]


def test_a_run_is_not_begun_twice(folder, capfd):
    pictures(folder, 1)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        assert batch(folder, host) == 2
        assert "has a run with 1 pictures. Go on with it by --resume" in capfd.readouterr().err
        other = sqlite3.connect(folder / "out" / "mend-batch" / "manifest.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        assert batch(folder, host, more=["--resume"]) == 2
        other.close()
    assert "another run is writing to" in capfd.readouterr().err


def test_a_manifest_of_another_version(folder, capfd):
    pictures(folder, 1)
    with StandInHost() as host:
        assert batch(folder, host) == 0
        base = sqlite3.connect(folder / "out" / "mend-batch" / "manifest.sqlite")
        base.execute("ALTER TABLE pictures DROP COLUMN notes")
        base.close()
        assert batch(folder, host, more=["--resume"]) == 2
    assert "manifest.sqlite cannot be opened: no such column: notes." in capfd.readouterr().err


def test_a_folder_that_cannot_be_written(folder, capfd):
    pictures(folder, 1)
    (folder / "out").write_text("a file")
    with StandInHost() as host:
        assert batch(folder, host) == 2
    assert "out cannot be made: " in capfd.readouterr().err


def test_the_pictures_own_folder_is_no_output(folder, capfd):
    pictures(folder, 1)
    with StandInHost() as host:
        assert batch(folder, host, more=["--output", str(folder / "images")]) == 2
    assert "holds the pictures themselves" in capfd.readouterr().err


def test_the_masks_folder_is_no_output(folder, capfd):
    pictures(folder, 1)
    # Its result would be beside its mask, and the next run would take that for the mask: it has the very name.
    (folder / "images" / "0000.png").rename(folder / "images" / "0000.jpg")
    with StandInHost() as host:
        assert batch(folder, host, more=["--output", str(folder / "masks")]) == 2
    assert "holds the masks" in capfd.readouterr().err


def test_results_among_the_pictures_are_not_made_again(folder):
    wanted = pictures(folder, 2)
    more = ["--recursive", "--masks", str(folder / "masks" / "0000.png"), "--output", str(folder / "images" / "out")]
    with StandInHost() as host:
        assert batch(folder, host, more=more) == 0
        assert batch(folder, host, more=[*more, "--resume"]) == 0
        assert len(host.made) == 2
    assert {path.name for path in (folder / "images" / "out").iterdir()} == {*wanted, "mend-batch"}


def test_two_pictures_of_one_name_fail_and_the_others_are_made(folder):
    pictures(folder, 2)
    (folder / "more").mkdir()
    (folder / "more" / "0001.png").write_bytes((folder / "images" / "0001.png").read_bytes())
    with StandInHost() as host:
        assert batch(folder, host, more=["--images", str(folder / "images"), str(folder / "more")]) == 1
    states = {row["state"]: row["error"] for row in records(folder).values()}
    assert states.keys() == {"done", "failed"}
    assert "its result would have the same name" in states["failed"]


def test_a_dry_run_writes_nothing(folder, capfd):
    pictures(folder, 2)
    (folder / "masks" / "0001.png").unlink()
    (folder / "images" / "0002.png").write_bytes(b"")
    (folder / "masks" / "0002.png").write_bytes(b"")
    with StandInHost() as host:
        assert batch(folder, host, more=["--dry-run"]) == 0
        assert not host.made
    assert not (folder / "out").exists()
    said = capfd.readouterr().out
    assert "The mask enters in the picture's alpha; it is used by 2 (Repaint)." in said
    assert "0001.png: no mask: expected " in said
    assert "0002.png: it is empty (0 bytes)" in said
    assert said.endswith("1 pictures to make, 2 cannot be made. Nothing was written.\n")


@pytest.mark.parametrize("option", ["--seed=-1", "--limit=0", "--retry=-1", "--timeout=0", "--timeout=nan"])
def test_numbers_out_of_range(folder, option, capfd):
    with pytest.raises(SystemExit, match="2"):
        batch(folder, "127.0.0.1:9", more=[option])
    assert f"{option.partition('=')[0]}: expected " in capfd.readouterr().err


def test_one_mask_for_all_is_read_once_for_the_plan(folder, monkeypatch):
    pictures(folder, 3)
    mask = folder / "masks" / "0000.png"
    hashed = []
    monkeypatch.setattr(plan, "_hash", lambda path, original=plan._hash: hashed.append(path) or original(path))
    with StandInHost() as host:
        assert batch(folder, host, more=["--masks", str(mask)]) == 0
    assert hashed.count(mask) == 1


def test_a_limit_and_the_rest(folder):
    wanted = pictures(folder, 5)
    with StandInHost() as host:
        assert batch(folder, host, more=["--limit", "2"]) == 1
        assert len(host.made) == 2
        assert batch(folder, host, more=["--resume"]) == 0
        assert len(host.made) == 5
    check(folder, wanted)


def test_headers_reach_the_host_with_every_request(folder, monkeypatch):
    pictures(folder, 1)
    monkeypatch.setenv("MEND_BATCH_HEADERS", "Authorization: Bearer secret\n")
    with StandInHost() as host:
        assert batch(folder, host) == 0
        asked = {path for path, _ in host.requests}
        assert asked >= {"/system_stats", "/object_info", "/upload/image", "/prompt", "/ws", "/view", "/history"}
        assert [path for path, headers in host.requests if headers.get("Authorization") != "Bearer secret"] == []
    assert "secret" not in (folder / "out" / "mend-batch" / "report.json").read_text()


def test_what_is_broken_is_named(folder, capfd):
    wanted = pictures(folder, 3)
    (folder / "images" / "empty.png").write_bytes(b"")
    (folder / "masks" / "empty.png").write_bytes(b"")
    (folder / "images" / "bild ü.png").write_bytes((folder / "images" / "0001.png").read_bytes())
    Image.new("L", (30, 7), 255).save(folder / "masks" / "bild ü.png")
    os.symlink(folder / "images", folder / "images" / "loop")
    with StandInHost() as host:
        assert batch(folder, host, more=["--recursive"]) == 1
    rows = records(folder)
    assert set(rows) == {*wanted, "empty.png", "bild ü.png"}
    assert "it is empty (0 bytes)" in rows["empty.png"]["error"]
    assert "empty.png: empty.png: " not in capfd.readouterr().err
    assert "30" in rows["bild ü.png"]["error"]
    assert all(rows[name]["state"] == "done" for name in wanted)


def test_names_that_are_no_text(folder):
    wanted = pictures(folder, 2)
    (folder / "images").rename(images := os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    (folder / "masks").rename(masks := os.fsdecode(os.fsencode(folder) + b"/m\xe4sk"))
    odd = os.fsdecode(os.fsencode(images) + b"/\xff.png")
    Image.new("RGB", SIZE).save(odd)
    with StandInHost() as host:
        ours = ["--images", images, "--masks", masks, *arguments(folder, host)[4:]]
        assert main(ours) == 1
        os.unlink(odd)
        assert main([*ours, "--resume"]) == 0
        assert len(host.made) == 2
    check(folder, wanted)
