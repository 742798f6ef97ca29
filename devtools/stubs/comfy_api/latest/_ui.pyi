"""What a node shows."""

from typing import Any

from torch import Tensor

from ._io import ComfyNode, _UIOutput

class PreviewImage(_UIOutput):
    def __init__(self, image: Tensor, animated: bool = False, cls: type[ComfyNode] | None = None) -> None: ...
    def as_dict(self) -> dict[str, Any]: ...

class PreviewMask(PreviewImage):
    # The host's own code says `cls: ComfyNode`, and hands it on as the class that it is.
    def __init__(self, mask: Tensor, animated: bool = False, cls: type[ComfyNode] | None = None) -> None: ...
