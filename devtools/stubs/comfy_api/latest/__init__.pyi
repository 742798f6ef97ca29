"""The API that V3 nodes are written with."""

from abc import ABC, abstractmethod

from . import _io as io
from . import _ui as ui

__all__ = ["ComfyExtension", "io", "ui"]

class ComfyExtension(ABC):
    async def on_load(self) -> None: ...
    @abstractmethod
    async def get_node_list(self) -> list[type[io.ComfyNode]]: ...
