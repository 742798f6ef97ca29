"""The door: which Pythons it refuses, and how it reads arguments.

Mutations seen to be caught: the newest version one off, either way; a refused Python exits 1; abbreviated options
accepted again (`--co` taken for `--comfyui`); syntax that old Pythons cannot read.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dev


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 99)])
def test_supported_pythons_are_not_refused(version):
    assert dev.refusal(version) is None


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 8, 18), (3, 10, 13), (3, 14, 0), (4, 0, 0)])
def test_other_pythons_get_one_line(version):
    reason = dev.refusal(version)
    assert reason is not None
    assert f"this is Python {version[0]}.{version[1]} " in reason
    assert "\n" not in reason


def test_a_refused_python_exits_2_before_anything_is_set_up():
    # Setting sys.version_info stands in for another interpreter, which a machine need not have.
    program = (
        "import sys; sys.version_info = (3, 10, 1); sys.argv = ['dev.py', 'test']; import dev; sys.exit(dev.main())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(dev.__file__).parent
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1


def test_old_pythons_can_read_it():
    ast.parse(Path(dev.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


def test_pytest_gets_what_dev_does_not_know_in_its_order():
    options, extra = dev.parser().parse_known_args(
        ["test", "tests/inpaint", "--web", "-k", "grow or crop", "--co", "-x"]
    )
    assert options.web
    assert options.comfyui is None
    assert extra == ["tests/inpaint", "-k", "grow or crop", "--co", "-x"]


def test_other_commands_refuse_what_they_do_not_know(capsys):
    with pytest.raises(SystemExit) as exit_:
        dev.main(["lint", "--fast"])
    assert exit_.value.code == 2
    assert "unrecognized arguments: --fast" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "test", "serve", "lint", "bench"])
def test_each_running_command_takes_an_existing_host(command):
    assert dev.parser().parse_args([command, "--comfyui", "there"]).comfyui == "there"
