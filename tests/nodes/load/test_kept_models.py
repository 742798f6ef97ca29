"""How long loaded models are kept, by the host's own executor.

Mutations seen to fail here: models held by the module; models held by nothing.
"""

import gc
import uuid
import weakref
from types import SimpleNamespace
from typing import ClassVar

import pytest


class Sink:
    """An output node, so that the executor runs what is connected to it."""

    RETURN_TYPES = ()
    FUNCTION = "take"
    OUTPUT_NODE = True
    models: ClassVar[list] = []

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",)}}

    def take(self, model):
        self.models.append(weakref.ref(model.model))
        return ()


@pytest.fixture
def executor(host_nodes):
    from execution import CacheType, PromptExecutor

    server = SimpleNamespace(client_id=None, last_node_id=None, last_prompt_id=None, send_sync=lambda *sent: None)
    made = PromptExecutor(server, cache_type=CacheType.CLASSIC, cache_args={"lru": 0, "ram": 0.0, "ram_inactive": 0.0})
    yield made
    made.reset()


@pytest.fixture
def execute(executor, host_nodes, monkeypatch):
    """Runs a loader with these inputs as node 1 of a workflow, and returns a weak reference to its model's weights."""
    monkeypatch.setitem(host_nodes.NODE_CLASS_MAPPINGS, "Sink", Sink)
    monkeypatch.setattr(Sink, "models", [])

    def execute(node_id="1", **inputs):
        loader = {"class_type": "MendLoadCheckpoint", "inputs": inputs}
        sink = {"class_type": "Sink", "inputs": {"model": [node_id, 0]}}
        executor.execute({node_id: loader, "sink": sink}, str(uuid.uuid4()), {}, ["sink"])
        assert executor.success
        return Sink.models[-1]

    return execute


def test_another_budget_reads_nothing(execute, reads, small_checkpoint):
    first = execute(ckpt_name=small_checkpoint)
    second = execute(ckpt_name=small_checkpoint, budget_gb=6.0)
    assert reads == [small_checkpoint]
    assert first() is second()
    assert first() is not None


@pytest.mark.slow
def test_free_memory_frees_the_models(execute, executor, reads, small_checkpoint):
    model = execute(ckpt_name=small_checkpoint)
    executor.reset()  # what the host does when a user frees memory
    gc.collect()
    assert model() is None
    execute(ckpt_name=small_checkpoint)
    assert reads == [small_checkpoint] * 2


@pytest.mark.slow
def test_a_workflow_without_the_loader_frees_its_models(execute, small_checkpoint):
    model = execute(ckpt_name=small_checkpoint)
    other = execute(node_id="2", ckpt_name=small_checkpoint, precision="bf16")
    gc.collect()
    assert model() is None
    assert other() is not None
