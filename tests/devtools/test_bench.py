"""Which benchmarks `dev.py bench` runs.

Mutations seen to be caught: those in gpu/ run without being named; the slash of a name left in the module's; an unknown
name accepted.
"""

from typing import Any

import pytest

import dev
from devtools import commands


class Place:
    """Stands for the interpreter and the host: keeps what it is called with."""

    def __init__(self):
        self.called = []

    def call(self, *arguments):
        self.called.append(arguments)
        return 0


def bench(*words):
    place: Any = Place()
    options, extra = dev.parser().parse_known_args(["bench", *words])
    assert commands.bench(place, options, extra) == 0
    return place.called


def test_without_a_name_those_that_need_a_card_are_left_out():
    modules = [module for _, module in bench()]
    assert "benchmarks.masks" in modules
    assert not [module for module in modules if "gpu" in module or "._" in module]


def test_one_that_needs_a_card_runs_by_name_and_gets_its_arguments():
    assert bench("gpu/memory", "--seconds", "60") == [("-m", "benchmarks.gpu.memory", "--seconds", "60")]


@pytest.mark.parametrize("name", ["gpu", "gpu/other", "gpu/_meter", "_host", "../dev"])
def test_what_is_not_there_is_refused_with_what_is(name):
    with pytest.raises(commands.Refused, match=r"there are: .*masks.*gpu/memory"):
        bench(name)
