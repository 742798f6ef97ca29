"""A finishing of a test's own."""

from collections.abc import Callable

from torch import Tensor


class Own:
    """Blends by a function of original, repainted crop, weight and hole."""

    def __init__(self, blend: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], reach: int | None = None) -> None:
        self.blend, self.reach = blend, reach

    def __call__(self, original: Tensor, repainted: Tensor, weight: Tensor, *, hole: Tensor) -> Tensor:
        return self.blend(original, repainted, weight, hole)
