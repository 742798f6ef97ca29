"""The models that loaders loaded last, kept for as long as the host keeps the loaders themselves.

When an input of a loader changes, the host drops the loader's outputs before the loader runs again. Another budget
would then read the file again, so the loaded models are kept here. Nothing here outlives the host's own cache: the host
holds one object of each node's class, until the node leaves the workflow or the user frees memory, and these objects
hold the only strong references to the models.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Hashable
from typing import Any

Models = tuple[Any, ...]


class KeptModels:
    """The last models of each loader, by node id. Equal keys of two loaders share the models."""

    def __init__(self) -> None:
        self._by_node: dict[str | None, tuple[Hashable, Models]] = {}

    def load_once(
        self, node_id: str | None, workflow: Collection[str], key: Hashable, load: Callable[[], Models]
    ) -> Models:
        """The models for `key`: those kept, or those that `load` returns.

        Args:
            node_id: of the loader; None outside a workflow.
            workflow: ids of all nodes of the workflow. Models of other nodes are released.
            key: equal for equal models: the files with their sizes and times, and the dtype.
            load: reads the files. The node's previous models are released before it is called, so that two models are
                never in memory at once.
        """
        for gone in self._by_node.keys() - {node_id} - set(workflow):
            del self._by_node[gone]
        models = next((models for kept, models in self._by_node.values() if kept == key), None)
        if models is None:
            self._by_node.pop(node_id, None)
            models = load()
        self._by_node[node_id] = key, models
        return models

    def node_ids(self) -> list[str | None]:
        return list(self._by_node)


_living: weakref.WeakValueDictionary[str, KeptModels] = weakref.WeakValueDictionary()


def kept_models() -> KeptModels:
    """The store that the living loaders share. The caller has to hold it: it dies with its last holder."""
    kept = _living.get("loaders")
    if kept is None:
        kept = _living["loaders"] = KeptModels()
    return kept
