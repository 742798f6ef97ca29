"""Tensors in attributes, closures and containers.

Mutations seen to fail here: closures, slots, defaults or bound methods left out; networks looked into; circles
followed.
"""

from functools import partial

import pytest
import torch

from inpaint.core.tensors_within import tensors_within

VALUE = torch.zeros(2)


def closure():
    inside = VALUE

    def function(given=1):
        return inside, given

    return function


class Holder:
    def __init__(self, held=VALUE):
        self.held = held

    def method(self):
        return self.held


class Slotted:
    __slots__ = ("slot",)

    def __init__(self):
        self.slot = VALUE


def default(given=VALUE, more=None):
    return given


ROWS = {
    "tensor": (VALUE, [""]),
    "closure": (closure(), ["inside"]),
    "attribute": (Holder(), ["held"]),
    "bound method": (Holder().method, ["held"]),
    "slot": (Slotted(), ["slot"]),
    "default": (default, [""]),
    "partial": (partial(default, more=VALUE), ["more", ""]),
    "nested": ({"outer": [{"inner": (VALUE, 1)}]}, ["inner"]),
    "key of a list": ({"outer": [VALUE]}, ["outer"]),
    "network": (Holder(torch.nn.Linear(2, 2)), []),
    "plain": ({1: "text", "two": 2.0, "three": None}, []),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_found(name):
    held, names = ROWS[name]
    assert sorted(name for name, _ in tensors_within(held, lambda value: False)) == sorted(names)


def test_circles_and_depth_end():
    circle: dict = {}
    circle["self"] = [circle, VALUE]
    assert len(list(tensors_within(circle, lambda value: False))) == 1
    deep: list = [VALUE]
    for _ in range(50):
        deep = [deep]
    assert list(tensors_within(deep, lambda value: False)) == []


def test_skipped_objects_are_not_looked_into():
    assert list(tensors_within([Holder()], lambda value: isinstance(value, Holder))) == []
