"""What `dev.py test` asks of pytest.

Mutations seen to be caught: `not slow` left out; the servers left in; a folder run alone, or a file side by side; the
browser's tests side by side; our places beside those given; `-k nodes` taken for a place; our options last; `--fast`
beside `--web`.
"""

from pathlib import Path

import pytest

import dev
from devtools import commands
from devtools.commands import BY_DESIGN, SIDE_BY_SIDE, Workplace


@pytest.fixture
def asked(monkeypatch):
    """What pytest is called with: `asked("--fast", "-x")`."""

    def asked(*arguments: str) -> list[str]:
        calls = []
        monkeypatch.setattr(Workplace, "call", lambda place, *words: calls.append([str(word) for word in words]) or 0)
        monkeypatch.setattr(commands.env, "ensure_chromium", lambda environment: None)
        options, extra = dev.parser().parse_known_args(["test", *arguments])
        assert commands.test(Workplace(Path("python"), Path("host")), options, extra) == 0
        ((dash, program, *words),) = calls
        assert (dash, program) == ("-m", "pytest")
        return words

    return asked


def test_all_but_the_browser(asked):
    assert asked() == [*SIDE_BY_SIDE, "tests", "--ignore=tests/web"]


def test_fast_leaves_out_slow_tests_and_running_hosts(asked):
    assert asked("--fast") == [
        *("-m", "not slow"),
        *SIDE_BY_SIDE,
        *("tests", "--ignore=tests/web", "--ignore=tests/server", "--ignore=tests/nodes/parity"),
    ]


def test_each_node_design_has_a_browser(asked):
    assert asked("--web") == [*BY_DESIGN, "tests/web"]
    assert asked("--web", "tests/web/test_mask_editor.py") == ["tests/web/test_mask_editor.py"]


@pytest.mark.parametrize("fast", [[], ["-m", "not slow"]], ids=["all", "fast"])
def test_a_folder_that_is_given_is_the_only_one(asked, fast):
    given = ["tests/server", "-x"]
    assert asked(*(["--fast"] if fast else []), *given) == [*fast, *SIDE_BY_SIDE, *given]


@pytest.mark.parametrize(
    "given", ["tests/devtools/test_dev.py", "tests/devtools/test_dev.py::test_old_pythons_can_read_it"]
)
def test_a_file_that_is_given_runs_alone(asked, given):
    assert asked(given) == [given]
    assert asked("--fast", "tests/inpaint", given) == ["-m", "not slow", "tests/inpaint", given]


def test_a_word_that_is_also_a_folder_is_no_place(asked):
    assert asked("-k", "nodes") == [*asked(), "-k", "nodes"]


def test_what_is_given_comes_last(asked):
    """Of options given twice, pytest takes the last."""
    assert asked("--fast", "-n", "0", "-m", "slow")[-4:] == ["-n", "0", "-m", "slow"]


def test_fast_is_not_for_the_browser(capsys):
    with pytest.raises(SystemExit):
        dev.parser().parse_args(["test", "--fast", "--web"])
    assert "not allowed with argument" in capsys.readouterr().err
